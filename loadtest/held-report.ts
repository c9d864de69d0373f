import type { HeldResult } from './held-run.ts';

/** The one line other programs read; its keys are a contract. */
export const heldLine = ({ summary, settings }: HeldResult): string =>
  JSON.stringify({ ...summary, settings });

/** The same for people. */
export const heldTable = ({ summary, details, settings }: HeldResult): string => {
  const cells = (name: string, ...values: (string | number)[]): string =>
    `${name.padEnd(34)}${values.map((value) => String(value).padStart(10)).join('')}`;
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);
  const { redis, cpu } = details;
  const cpuRow = (name: keyof typeof cpu, title: string): string =>
    cells(
      title,
      ...['gateway', 'recorder', 'redis'].map((process) => cpu[name].usPerMessage[process] ?? 0),
      cpu[name].othersPercent,
    );
  return [
    `${String(summary.held)} messages held for one station, ${settings.durability}, ${String(settings.window)} un-acked on ${String(settings.lines)} lines`,
    '',
    cells('accepted/s', 'deep', 'empty', 'ratio'),
    cells(
      '  in turns, at the end',
      summary.acceptDeepPerSecond,
      summary.acceptEmptyPerSecond,
      summary.acceptRatio,
    ),
    cells(
      `  last and first ${String(settings.acceptWindow)}`,
      summary.acceptLastPerSecond,
      summary.acceptFirstPerSecond,
      summary.acceptLastToFirst,
    ),
    '',
    cells('drained/s', 'deep', 'small', 'ratio'),
    cells(
      `  first ${String(settings.drainPart)}`,
      summary.drainFirstPerSecond,
      summary.drainSmallBeforePerSecond,
      summary.drainFirstRatio,
    ),
    cells(
      `  last ${String(settings.drainPart)}`,
      summary.drainLastPerSecond,
      summary.drainSmallAfterPerSecond,
      summary.drainLastRatio,
    ),
    cells('  all of it took, s', details.drainSeconds),
    '',
    cells('Redis, MB', 'memory', 'AOF'),
    cells('  before', mb(redis.before.usedMemoryBytes), mb(redis.before.aofBytes)),
    cells('  deep lane full', mb(redis.full.usedMemoryBytes), mb(redis.full.aofBytes)),
    cells('  all drained', mb(redis.after.usedMemoryBytes), mb(redis.after.aofBytes)),
    cells('  bytes of memory a held message', summary.memoryBytesPerMessage),
    '',
    cells('CPU, µs a message', 'gateway', 'recorder', 'redis', 'others %'),
    cpuRow('acceptFirst', '  accept, first'),
    cpuRow('acceptLast', '  accept, last'),
    cpuRow('drainSmallBefore', '  drain, small lane before'),
    cpuRow('drainDeep', '  drain, deep lane'),
    cpuRow('drainSmallAfter', '  drain, small lane after'),
    '',
    cells('lost', summary.lost),
    cells('duplicates, unmarked', summary.duplicates),
    cells('out of order', summary.outOfOrder),
  ].join('\n');
};
