import { readFileSync } from 'node:fs';

/** The kernel counts CPU time in ticks of 10 ms (USER_HZ, 100 on every Linux this runs on). */
const TICK_US = 10_000;
const UTIME_FIELD = 11;
const CPU_IDLE_FIELDS = [3, 4];
const CPU_STEAL_FIELD = 7;

export type CpuSnapshot = {
  readonly atMs: number;
  /** Process name → µs of user and system time, all threads. */
  readonly processes: Readonly<Record<string, number>>;
  /** The whole machine, µs. */
  readonly busyUs: number;
  readonly stealUs: number;
};

export const cpuSnapshot = (pids: Readonly<Record<string, number>>): CpuSnapshot => {
  const processes = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuUs(pid)]));
  const all =
    readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.trim().split(/\s+/).slice(1).map(Number) ?? [];
  // Guest time, after steal, is counted in user time already.
  const busy = all
    .slice(0, CPU_STEAL_FIELD)
    .reduce((sum, ticks, at) => (CPU_IDLE_FIELDS.includes(at) ? sum : sum + ticks), 0);
  return {
    atMs: performance.now(),
    processes,
    busyUs: busy * TICK_US,
    stealUs: (all[CPU_STEAL_FIELD] ?? 0) * TICK_US,
  };
};

/** utime and stime of /proc/<pid>/stat; the name before them may hold anything but ends with the last bracket. */
const cpuUs = (pid: number): number => {
  const text = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return ((fields[UTIME_FIELD] ?? 0) + (fields[UTIME_FIELD + 1] ?? 0)) * TICK_US;
};

/** CPU used between two snapshots: µs a message by process, and per cent of one core by process, of others, and stolen. */
export const cpuBetween = (from: CpuSnapshot, until: CpuSnapshot, messages: number) => {
  const wallUs = (until.atMs - from.atMs) * 1000;
  const used = Object.entries(until.processes).map(
    ([name, us]) => [name, us - (from.processes[name] ?? 0)] as const,
  );
  const ours = used.reduce((sum, [, us]) => sum + us, 0);
  const percent = (us: number): number => Number(((us / wallUs) * 100).toFixed(1));
  return {
    usPerMessage: Object.fromEntries(
      used.map(([name, us]) => [name, messages === 0 ? 0 : Number((us / messages).toFixed(2))]),
    ),
    percentOfACore: Object.fromEntries(used.map(([name, us]) => [name, percent(us)])),
    othersPercent: percent(until.busyUs - from.busyUs - ours),
    stealPercent: percent(until.stealUs - from.stealUs),
  };
};
