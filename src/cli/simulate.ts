import { UsageError } from './usage.ts';

type Door = (args: readonly string[]) => Promise<number>;

/** The far side, one door each; loaded on demand. */
const doors: Readonly<Record<string, () => Promise<Door>>> = {
  bus: async () => (await import('./simulate-bus.ts')).runBus,
  services: async () => (await import('./simulate-services.ts')).runServices,
  cad: async () => (await import('./simulate-cad.ts')).runCad,
  switch: async () => (await import('./simulate-switch.ts')).runSwitch,
  mdt: async () => (await import('./simulate-mdt.ts')).runMdt,
};

/** `tenfour simulate bus|services|cad|switch|mdt …` (docs/simulators.md). */
export const run = async (args: readonly string[]): Promise<number> => {
  const [name = '', ...rest] = args;
  const door = Object.hasOwn(doors, name) ? doors[name] : undefined;
  if (door === undefined) throw new UsageError(`expects: ${Object.keys(doors).join(', ')}`);
  return (await door())(rest);
};
