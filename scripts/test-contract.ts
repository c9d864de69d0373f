/**
 * Runs the Service Bus contract on a bus: the suite's own stand-in, or the one named. What may be named, what it answers and what it leaves
 * behind is in docs/contract.md.
 */
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from 'node:test';
import { BUS_VARIABLE, capabilities } from '../test/contract/capabilities.ts';
import type { MadeEntities } from '../test/contract/made-entities.ts';
import { type Asked, probe, type Probed } from '../test/contract/probe.ts';
import { type Case, caseOf, redacting, report } from './contract-report.ts';

const usage = `usage: npm run test:contract -- [--connection STRING | --namespace HOST] [options]
  --connection STRING      Service Bus connection string; or set SERVICE_BUS_CONNECTION_STRING, which no process list shows
  --namespace HOST         full host name, with DefaultAzureCredential (AZURE_AUTHORITY_HOST for Government)
  --administration STRING  where administration answers, if elsewhere (the official emulator: port 5300)
  --control URL            control door of a stand-in that runs already
  --only NAME,...          test files by their first name: messages,sessions
  --json                   one JSON object instead of the table`;

const folder = join(import.meta.dirname, '../test/contract');
/** They ask no bus: a model in this process, a document, this command itself. */
const withoutBus = ['model', 'contract-document', 'contract-command'];
/** They start stand-ins of their own, whatever bus is named. */
const ofOwnBus = /^fault/;
const caseTimeoutMs = 180_000;
/** Kept of what a file writes to its standard error, in characters: why it ended before its cases did. */
const wordsMax = 2_000;

type Options = {
  readonly asked: Asked | undefined;
  readonly files: readonly string[];
  readonly isJson: boolean;
};

/** Throws with words for whoever called; nothing he wrote is in them but the names of options and files. */
function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      connection: { type: 'string' },
      namespace: { type: 'string' },
      administration: { type: 'string' },
      control: { type: 'string' },
      only: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
    },
  });
  const { connection, namespace, administration, control: controlUrl } = values;
  // It may be a connection string whose option was forgotten.
  if (positionals.length > 0) throw new RangeError('every argument needs the option it belongs to');
  if (connection !== undefined && namespace !== undefined)
    throw new RangeError('--connection and --namespace exclude each other');
  const variable = process.env['SERVICE_BUS_CONNECTION_STRING'];
  const given = connection ?? (namespace === undefined && variable !== '' ? variable : undefined);
  if (given?.includes('=') === false)
    throw new RangeError('that is no connection string; a host name goes to --namespace');
  if (namespace !== undefined && !/^[\w.-]+$/.test(namespace))
    throw new RangeError('--namespace takes a full host name');
  const address = given ?? namespace;
  if (address === undefined && (administration ?? controlUrl) !== undefined)
    throw new RangeError('--administration and --control go with --connection or --namespace');
  return {
    asked: address === undefined ? undefined : { address, administration, controlUrl },
    files: filesOf(values.only),
    isJson: values.json,
  };
}

/** All that ask a bus, or those that are named. */
function filesOf(only: string): readonly string[] {
  const all = globSync('*.test.ts', { cwd: folder })
    .map((file) => basename(file, '.test.ts'))
    .filter((file) => !withoutBus.includes(file))
    .sort();
  const wanted = only.split(',').filter((name) => name !== '');
  if (wanted.some((name) => !all.includes(name)))
    throw new RangeError(`--only names a file that is not there; there are ${all.join(', ')}`);
  return wanted.length === 0 ? all : all.filter((file) => wanted.includes(file));
}

/** Nothing of the run is printed but through this. */
let say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};
const ending = new AbortController();
const isEnding = (): boolean => ending.signal.aborted;
let made: MadeEntities | undefined;
let prefix = 'tenfour-contract-';

async function main(): Promise<number> {
  let options: Options;
  try {
    options = readOptions();
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return 2;
  }
  const { asked, files, isJson } = options;
  const redacted = redacting(asked);
  const write = say;
  say = (text) => {
    write(redacted(text));
  };
  delete process.env['SERVICE_BUS_CONNECTION_STRING'];
  try {
    const probed = asked === undefined ? undefined : await find(asked);
    if (isEnding()) return 130;
    const cases = await runCases(files, probed !== undefined);
    if (isEnding()) return 130;
    process.stdout.write(redacted(report(cases, probed?.bus, isJson)));
    return cases.length > 0 && cases.every(({ outcome }) => outcome !== 'failed') ? 0 : 1;
  } catch (error) {
    if (isEnding()) return 130;
    say(`the bus cannot be tested: ${error instanceof Error ? error.message : String(error)}`);
    return 2;
  } finally {
    await tidy();
  }
}

async function find(asked: Asked): Promise<Probed> {
  say('finding out what the bus can do …');
  const keep = (entities: MadeEntities): void => {
    made = entities;
    ({ prefix } = entities);
  };
  const probed = await probe(asked, keep, ending.signal);
  for (const [name, reason] of probed.refused) say(`could not make ${name}: ${reason}`);
  for (const lack of probed.bus.lacks) say(`lacks ${lack}: ${capabilities[lack]}`);
  process.env[BUS_VARIABLE] = JSON.stringify(probed.bus);
  return probed;
}

async function runCases(files: readonly string[], isForeign: boolean): Promise<readonly Case[]> {
  const cases: Case[] = [];
  const next = files.values();
  const worker = async (): Promise<void> => {
    for (const file of next) {
      if (isEnding()) return;
      if (isForeign && ofOwnBus.test(file)) cases.push(notRun(file));
      else cases.push(...(await casesOf(file)));
    }
  };
  // A bus that all files share is asked by one at a time.
  await Promise.all(isForeign ? [worker()] : [worker(), worker()]);
  return cases;
}

const notRun = (file: string): Case => ({ file, name: 'all of it', outcome: 'skipped', why: 'own process' });

async function casesOf(file: string): Promise<readonly Case[]> {
  const cases: Case[] = [];
  const files = [join(folder, `${file}.test.ts`)];
  const events = run({ files, concurrency: 1, timeout: caseTimeoutMs, signal: ending.signal });
  let words = '';
  for await (const { type, data } of events as AsyncIterable<{ type: string; data: unknown }>) {
    if (type === 'test:stderr') words = (words + (data as { message: string }).message).slice(-wordsMax);
    const done = caseOf(file, type, data, words);
    if (done === undefined) continue;
    cases.push(done);
    if (done.outcome === 'failed') say(`failed: ${file}: ${done.name}\n${done.why}`);
  }
  return cases;
}

/** Removes what was made, once, however the run ends. */
async function tidy(): Promise<void> {
  const entities = made;
  made = undefined;
  if (entities === undefined) return;
  const left = await entities.remove();
  say(left.length === 0 ? 'removed what was made' : `could not remove ${left.join(', ')}`);
}

/** Asked twice to end: at once, and whoever asked is told what stays. */
function leave(): never {
  say(`entities may be left whose names begin with ${prefix}`);
  process.exit(130);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (isEnding()) leave();
    say(`${signal}: ending, and removing what was made`);
    ending.abort();
  });
}
process.exitCode = await main();
// Links of a broken bus may keep timers.
process.exit();
