import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { readAccess, type BusAccess } from '../bus/access.ts';
import { adminClient } from '../bus/admin-client.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { type Directory, loadDirectory } from '../directory/directory.ts';
import { Fault } from '../message/codes.ts';
import { writeAppliedTopology } from '../topology/applied-file.ts';
import { applyPlan, type Step } from '../topology/apply.ts';
import { BusCalls } from '../topology/bus-calls.ts';
import { readBus } from '../topology/bus-entities.ts';
import { emulatorConfig } from '../topology/emulator-config.ts';
import { overLimits } from '../topology/limits.ts';
import { isNothingToDo, type Plan, planOf } from '../topology/plan.ts';
import { deriveTopology, type Topology } from '../topology/topology.ts';
import { changeJson, planJson, planLines, stepLine } from './bus-report.ts';
import { print, readOptions, UsageError } from './usage.ts';

/** The command’s own "no": bus and directory differ. */
const DIFFERS = 1;
const APPLIED_FILE = '.tenfour/topology.json';

/** `tenfour bus plan|apply` (docs/bus-topology.md). */
export const run = async ([what, ...args]: readonly string[]): Promise<number> => {
  if (what === 'plan') return runPlan(args);
  if (what === 'apply') return runApply(args);
  throw new UsageError('expects: plan or apply');
};

const runPlan = async (args: readonly string[]): Promise<number> => {
  const { options } = readOptions(args, {
    json: 'boolean',
    directory: 'string',
    'emulator-config': 'string',
  });
  const config = loadConfig(process.env);
  const topology = wantedTopology(options.directory ?? config.DIRECTORY);
  const file = options['emulator-config'];
  if (file !== undefined) return writeEmulatorConfig(file, topology);
  const { calls, namespace } = await busOf(config);
  const plan = planOf(topology, await readBus(calls));
  if (options.json) print(JSON.stringify({ ...headOf(topology, namespace), ...planJson(plan) }));
  else for (const line of [headLine(topology, namespace), ...planLines(plan)]) print(line);
  return isNothingToDo(plan) ? 0 : DIFFERS;
};

const runApply = async (args: readonly string[]): Promise<number> => {
  const { options } = readOptions(args, {
    json: 'boolean',
    directory: 'string',
    prune: 'boolean',
    force: 'boolean',
    yes: 'boolean',
  });
  const { prune, force, json } = options;
  if (force && !prune) throw new UsageError('--force says more about --prune, which is not there');
  const config = loadConfig(process.env);
  const topology = wantedTopology(options.directory ?? config.DIRECTORY);
  const { calls, namespace } = await busOf(config);
  const plan = planOf(topology, await readBus(calls));
  if (!json) for (const line of [headLine(topology, namespace), ...planLines(plan)]) print(line);
  if (!options.yes && hasWork(plan, prune) && !(await isConfirmed())) return 1;
  const show = (step: Step): void => {
    print(json ? JSON.stringify(stepJson(step)) : stepLine(step));
  };
  const after = await applyPlan(plan, topology, calls, { prune, force, onStep: show });
  const file = config.TOPOLOGY === '' ? APPLIED_FILE : config.TOPOLOGY;
  writeAppliedTopology(file, { appliedAt: new Date().toISOString(), namespace, topology });
  const left = after.extra.length;
  if (json)
    print(JSON.stringify({ ...headOf(topology, namespace), applied: true, extra: after.extra, file }));
  else
    print(
      `the bus is as the directory says${left > 0 ? `; subscriptions too many: ${String(left)}` : ''}; see ${file}`,
    );
  return prune && left > 0 ? DIFFERS : 0;
};

/** Throws TOPOLOGY_LIMIT naming each limit that is passed. */
const wantedTopology = (folder: string): Topology => {
  const directory: Directory = loadDirectory(folder);
  const topology = deriveTopology(directory);
  const findings = overLimits(topology, directory);
  if (findings.length > 0) throw new Fault('TOPOLOGY_LIMIT', findings.map(lineOf).join('; '));
  return topology;
};

const lineOf = ({ code, place, says }: ReturnType<typeof overLimits>[number]): string =>
  `${code} at ${place}: ${says}`;

const writeEmulatorConfig = (file: string, topology: Topology): number => {
  const { text, notes } = emulatorConfig(topology);
  for (const note of notes) process.stderr.write(`${note}\n`);
  if (file === '-') process.stdout.write(text);
  else writeFileSync(file, text);
  return 0;
};

const busOf = async (config: Config): Promise<{ calls: BusCalls; namespace: string }> => {
  const access = await readAccess({
    file: config.BUS_FILE,
    namespace: config.BUS_NAMESPACE,
    identity: config.BUS_IDENTITY,
    clientId: config.BUS_CLIENT_ID,
    cloud: config.BUS_CLOUD,
  });
  return { calls: new BusCalls(adminClient(access)), namespace: hostOf(access) };
};

const hostOf = (access: BusAccess): string => {
  if (access.kind === 'identity') return access.namespace;
  const [, host = ''] = /(?:^|;)\s*Endpoint=sb:\/\/([^/;]*)/i.exec(access.connectionString) ?? [];
  return host;
};

const headOf = ({ directoryVersion }: Topology, namespace: string) => ({ namespace, directoryVersion });
const headLine = ({ directoryVersion }: Topology, namespace: string): string =>
  `directory ${directoryVersion} on ${namespace}`;

const hasWork = (plan: Plan, prune: boolean): boolean =>
  plan.changes.length > 0 || (prune && plan.extra.length > 0);

/** Without a person at the keyboard it takes --yes. */
const isConfirmed = async (): Promise<boolean> => {
  if (!process.stdin.isTTY)
    throw new UsageError('apply asks before it changes the bus; without a terminal give --yes');
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await lines.question('Apply this? Only yes is taken for it: ')) === 'yes';
  } finally {
    lines.close();
  }
};

const stepJson = (step: Step): object =>
  step.kind === 'done' ? changeJson(step.change) : { ...step, kind: `subscription-${step.kind}` };
