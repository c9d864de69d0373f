import { readFileSync } from 'node:fs';
import type { Child } from '../../src/simulate/site/site.ts';

/** The operations port a role took, by the last `process.started` of its log. */
export function opsPortOf(child: Child): number {
  const started = readFileSync(child.logPath, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"process.started"'))
    .at(-1);
  if (started === undefined) throw new Error(`${child.name} has not said that it started`);
  return (JSON.parse(started) as { opsPort: number }).opsPort;
}

/** A role's /metrics as it stands. */
export async function metricsText(child: Child): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${String(opsPortOf(child))}/metrics`);
  return await response.text();
}

/** One sample: the name with its labels as Prometheus prints them. 0 while there is none. */
export async function metric(child: Child, sample: string): Promise<number> {
  const line = (await metricsText(child)).split('\n').find((text) => text.startsWith(`${sample} `));
  return Number(line?.slice(sample.length + 1) ?? 0);
}
