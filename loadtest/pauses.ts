/**
 * Preloaded into the processes of the switch by --pauses: writes at exit how long garbage collections and event-loop delays took.
 * Looks from outside, so that the switch itself need not know.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance, PerformanceObserver } from 'node:perf_hooks';

/** Said in our own URL: a site passes no environment on but what a process needs. */
const folder = new URL(import.meta.url).searchParams.get('to');
/** Start-up collects too; it is not what a message meets. */
const SKIP_MS = 3_000;
const KINDS: Readonly<Record<number, string>> = {
  1: 'scavenge',
  2: 'minor',
  4: 'mark-compact',
  8: 'incremental',
  16: 'weak',
};

if (folder !== null) {
  const pauses = new Map<string, { count: number; ms: number; maxMs: number }>();
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.startTime < SKIP_MS) continue;
      const kind = KINDS[(entry as unknown as { detail?: { kind?: number } }).detail?.kind ?? 0] ?? 'other';
      const row = pauses.get(kind) ?? { count: 0, ms: 0, maxMs: 0 };
      row.count += 1;
      row.ms += entry.duration;
      row.maxMs = Math.max(row.maxMs, entry.duration);
      pauses.set(kind, row);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  setTimeout(() => delay.enable(), SKIP_MS).unref();
  process.on('exit', () => {
    const at = (p: number): number => Number((delay.percentile(p) / 1e6).toFixed(2));
    writeFileSync(
      join(folder, `${process.argv[2] ?? 'process'}-${String(process.pid)}.json`),
      `${JSON.stringify({
        seconds: Number(((performance.now() - SKIP_MS) / 1000).toFixed(1)),
        garbageCollections: Object.fromEntries(pauses),
        loopDelayMs: { p50: at(50), p99: at(99), p999: at(99.9), max: Number((delay.max / 1e6).toFixed(2)) },
      })}\n`,
    );
  });
}
