import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../config/config.ts';
import type { Role } from '../wiring/process.ts';
import { type RoleName, startRole } from '../wiring/roles.ts';
import { untilStopped } from './until-stopped.ts';
import { print, readOptions } from './usage.ts';

const EXIT_MS = 200;

/**
 * Runs roles, with `settings` before those of the environment, until SIGTERM or SIGINT, then drains and exits 0. When it works it prints
 * one JSON line with its ports, for whoever started it.
 * `--attached` also ends it when standard input closes, so that a demo or a test leaves nothing behind.
 */
export const runRole = async (
  names: readonly RoleName[],
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<number> => {
  try {
    return await run(names, args, settings);
  } finally {
    // However it ended (a start that failed, a fault, work that took too long), no open connection and no timer that a library leaves
    // behind may keep the process: whoever supervises it waits for its exit. The code is what main made of our answer.
    setTimeout(() => process.exit(), EXIT_MS).unref();
  }
};

const run = async (
  names: readonly RoleName[],
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
): Promise<number> => {
  const { options } = readOptions(args, { attached: 'boolean' });
  const stop = untilStopped(options.attached);
  const config = loadConfig({ ...process.env, ...settings });
  const roles: Role[] = [];
  for (const [at, name] of names.entries()) {
    // Several roles in one process keep end points of their own: the given port, the next, and so on.
    const opsPort = config.OPS_PORT === 0 ? 0 : config.OPS_PORT + at;
    // One that waits (for a lease, for the recorder) can be told to stop while it waits.
    const role = await Promise.race([startRole(name, { ...config, OPS_PORT: opsPort }), stop]);
    if (role === undefined) return 0;
    roles.push(role);
    const linePorts = Object.fromEntries(role.linePorts);
    print(JSON.stringify({ ready: name, opsPort: role.opsPort, port: role.port, linePorts }));
  }
  const ended = await Promise.race([stop, ...roles.map(async ({ failed }) => ({ error: await failed }))]);
  return ended === undefined && (await drainAll(roles, config.DRAIN_MS_MAX)) ? 0 : 1;
};

/** True when all work was finished in time. */
const drainAll = async (roles: readonly Role[], msMax: number): Promise<boolean> => {
  const drained = (async () => {
    for (const role of roles.toReversed()) await role.drain();
    return true;
  })();
  return Promise.race([drained, sleep(msMax, false, { ref: false })]);
};
