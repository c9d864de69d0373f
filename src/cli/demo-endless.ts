import { setTimeout as sleep } from 'node:timers/promises';
import { CadLine } from '../simulate/cad/cad-line.ts';
import type { MdtFleet } from '../simulate/mdt/mdt-fleet.ts';
import { step, type Step } from '../simulate/scenario/scenario.ts';
import type { Site } from '../simulate/site/site.ts';
import { confirmOf, framed } from './demo-send.ts';

const LINES = ['ca-dispatch', 'ca-marshal', 'nv-sheriff'] as const;
const MESSAGES_PER_SECOND = 20;
const KEPT = 1000;

type Counts = { sent: number; accepted: number; notAccepted: number; owed: number };

/** Traffic until Ctrl-C, and a plain status line a second. Exits 0 when nothing that was promised is missing at the end. */
export const runEndless = async (
  site: Site,
  fleet: MdtFleet,
  say: (text: string) => void,
): Promise<number> => {
  const stopping = new AbortController();
  const stop = (): void => {
    stopping.abort();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const counts: Counts = { sent: 0, accepted: 0, notAccepted: 0, owed: 0 };
  say(`\n${String(MESSAGES_PER_SECOND)} messages a second until Ctrl-C\n`);
  const status = setInterval(() => {
    fleet.forget(KEPT);
    say(statusLine(counts, fleet.count));
  }, 1000);
  await Promise.all(LINES.map((line, at) => traffic(site, line, at, counts, stopping.signal)));
  clearInterval(status);
  const deadline = performance.now() + 10_000;
  while (fleet.count < counts.owed && performance.now() < deadline) await sleep(50);
  await fleet.stop();
  say(statusLine(counts, fleet.count));
  return fleet.count >= counts.owed && counts.notAccepted === 0 ? 0 : 1;
};

const statusLine = ({ sent, accepted, owed }: Counts, delivered: number): string =>
  `sent ${String(sent)}  accepted ${String(accepted)}  copies owed ${String(owed)}  delivered ${String(delivered)}  under way ${String(Math.max(0, owed - delivered))}`;

/** One line's part of the traffic; it connects again when it was closed. */
const traffic = async (
  site: Site,
  name: Step['line'],
  offset: number,
  counts: Counts,
  signal: AbortSignal,
): Promise<void> => {
  const pauseMs = (1000 * LINES.length) / MESSAGES_PER_SECOND;
  let line: CadLine | undefined;
  for (let n = offset; !signal.aborted; n += 1) {
    const next = step(n);
    if (next.line !== name) continue;
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    if (line === undefined || line.isClosed) line = await connectAgain(site, name, signal);
    if (line === undefined) break;
    counts.sent += 1;
    const [told] = await line.send(framed(next.text));
    if (told?.kind === 'accepted') {
      counts.accepted += 1;
      counts.owed += next.copies.length;
    } else counts.notAccepted += 1;
  }
  line?.close();
};

const connectAgain = async (
  site: Site,
  name: Step['line'],
  signal: AbortSignal,
): Promise<CadLine | undefined> => {
  while (!signal.aborted) {
    try {
      return await CadLine.connect(site.linePorts.get(name) ?? 0, confirmOf(name));
    } catch {
      await sleep(500, undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
};
