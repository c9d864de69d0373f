import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ScriptRun } from '../simulate/cad/run-script.ts';
import { readEscapes, readExpected, readScript, type Step } from '../simulate/cad/script.ts';
import { Station } from '../simulate/cad/station.ts';
import { asUsage, faultsOf, lineKinds, lineOf, numberOf } from './simulate-line.ts';
import { lineEventSaid, lineSaid, say } from './simulate-say.ts';
import { untilStopped } from './until-stopped.ts';
import { readOptions, UsageError } from './usage.ts';

const kinds = {
  ...lineKinds,
  script: 'string',
  send: 'string',
  file: 'string',
  rate: 'string',
  count: 'string',
  expect: 'string',
  await: 'string',
  stay: 'boolean',
} as const;
type CadOptions = Readonly<Partial<Record<keyof typeof kinds, string | boolean | undefined>>>;

/**
 * `tenfour simulate cad`: a station at the far end of a line. Exit code 0 when every message it sent was answered as expected, 1 when
 * not; without anything to send it listens until Ctrl-C.
 */
export const runCad = async (args: readonly string[]): Promise<number> => {
  const { options } = readOptions(args, kinds);
  const facts = lineOf(options);
  const faults = faultsOf(options);
  const { steps, perSecond } = planOf(options);
  const stopped = new AbortController();
  const stop = untilStopped(options.attached).then(() => {
    stopped.abort();
  });
  const counts = { sent: 0, accepted: 0, refused: 0, received: 0 };
  const style = { json: options.json, showBody: options['show-body'] };
  say(lineSaid(facts), style);
  const station: Station = new Station(facts, faults, (event) => {
    if (event.kind === 'sent' && !event.again) counts.sent += 1;
    if (event.kind === 'answered') {
      if (event.answer.kind === 'accepted') counts.accepted += 1;
      if (event.answer.kind === 'refused') counts.refused += 1;
    }
    say(lineEventSaid(event), style);
    if (event.kind !== 'received') return;
    counts.received += 1;
    script.received(event.message);
  });
  const script = new ScriptRun(station, stopped.signal);
  try {
    // Who only listens waits for the line as long as it takes.
    if (steps.length === 0) void station.start();
    await Promise.race([runPlan(script, { steps, perSecond }, stopped.signal), stop]);
    const isEnded = script.isOver || (steps.length > 0 && !options.stay);
    if (!isEnded && !stopped.signal.aborted) await stop;
  } finally {
    await station.stop();
    // Done before whoever started us closed it: it would keep us.
    if (options.attached) process.stdin.destroy();
  }
  for (const { line, wanted, got } of script.unmet) {
    const at = line === 0 ? '' : ` at line ${String(line)} of the script`;
    say(
      { word: 'unexpected', text: `wanted ${wanted}, got ${got}${at}`, values: { line, wanted, got } },
      style,
    );
  }
  const { sent, accepted, refused, received } = counts;
  const text = `sent ${String(sent)}: ${String(accepted)} accepted, ${String(refused)} refused; received ${String(received)}`;
  say({ word: 'end', text, values: counts }, style);
  const isCutShort = steps.length > 0 && !options.stay && stopped.signal.aborted;
  return script.unmet.length > 0 || isCutShort ? 1 : 0;
};

/** Without a rate each message waits for what is expected of the one before. */
const runPlan = async (
  script: ScriptRun,
  { steps, perSecond }: Plan,
  stopped: AbortSignal,
): Promise<void> => {
  if (steps.length > 0 && steps[0]?.does !== 'connect') await script.do({ does: 'connect', line: 0 });
  const [first, ...rest] = steps;
  if (perSecond === undefined || first?.does !== 'repeat') return script.run(steps);
  const started = performance.now();
  for (let n = 0; n < first.times && !script.isOver; n += 1) {
    const dueInMs = started + (n * 1000) / perSecond - performance.now();
    if (dueInMs > 0) await sleep(dueInMs, undefined, { signal: stopped }).catch(() => undefined);
    for (const step of first.steps) await script.do(step);
  }
  await script.run(rest);
};

/** Steps, and how many rounds of the first one are begun in a second; undefined: each waits for the one before. */
type Plan = { readonly steps: readonly Step[]; readonly perSecond: number | undefined };

/** What the options ask for, as the steps of a script. */
const planOf = (options: CadOptions): Plan => {
  const { script, send, file } = options;
  const given = [script, send, file].filter((one) => typeof one === 'string');
  if (given.length > 1) throw new UsageError('one of --script, --send and --file');
  for (const name of ['rate', 'count', 'expect', 'await'] as const)
    if (options[name] !== undefined && send === undefined && file === undefined)
      throw new UsageError(`--${name} goes with --send or --file`);
  if (typeof script === 'string') {
    const steps = asUsage(() => readScript(textOf(script, '--script')));
    if (steps.length === 0) throw new UsageError('--script: there is no step in it');
    return { steps, perSecond: undefined };
  }
  if (given.length === 0) return { steps: [], perSecond: undefined };
  const text =
    typeof file === 'string' || send === '-'
      ? pasted(send === '-' ? textOf(0, '--send -') : textOf(String(file), '--file'))
      : readEscapes(String(send));
  if (text === '') throw new UsageError('the message is empty');
  const count = numberOf('--count', String(options.count ?? '1'), 1, 1_000_000);
  const message: Step = { does: 'send', line: 0, text };
  const answer = asUsage(() => readExpected(String(options.expect ?? 'accepted'), '--expect'));
  // At a rate the answers are looked at behind the sending, as they come; without one before the next message.
  const isPaced = options.rate !== undefined && answer.what === 'accepted';
  const expects: Step[] = isPaced ? [] : [{ does: 'expect', line: 0, expected: answer }];
  const awaited: Step[] =
    options.await === undefined
      ? []
      : [
          {
            does: 'expect',
            line: 0,
            expected: asUsage(() => readExpected(`message ${String(options.await)}`, '--await')),
          },
        ];
  return {
    steps: [{ does: 'repeat', line: 0, times: count, steps: [message, ...expects] }, ...awaited],
    perSecond: options.rate === undefined ? undefined : numberOf('--rate', String(options.rate), 1, 100_000),
  };
};

/** A file, or standard input by its number. */
const textOf = (from: string | 0, option: string): string => {
  try {
    return readFileSync(from, 'latin1');
  } catch {
    throw new UsageError(`${option}: it cannot be read`);
  }
};

/** As on the wire: CR LF between lines, none at the end, and no frame marks that were copied along. */
const pasted = (text: string): string =>
  text
    .replaceAll(/[\x02\x03]/g, '')
    .replaceAll(/\r\n|\r|\n/g, '\r\n')
    .replace(/(\r\n)+$/, '');
