import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { XMLParser } from 'fast-xml-parser';
import { framed, loadDialect, valueOf, type Dialect } from '../src/dialect/dialect.ts';
import { FrameDecoder } from '../src/frame/frame.ts';
import type { Frame } from '../src/message/frame.ts';
import type { Message, PermittedMessage } from '../src/message/message.ts';
import { parse } from '../src/parse/parse.ts';
import { libraryOptions } from '../src/parse/xml-library.ts';
import { validate } from '../src/validate/validate.ts';

/**
 * What it costs to cut, read and check one message of each dialect, beside `JSON.parse` of the same message in the same run. Every step
 * goes through the dialect's whole corpus; rounds of the steps take turns, so that whatever else the machine does meets all of them; a
 * step's time is the median of its rounds, in CPU time of the thread.
 */
const root = join(import.meta.dirname, '..');
const roundsCounted = 11;
const roundsToWarm = 2;
/** One step of one round: the counter of CPU time moves in steps of a millisecond or two. */
const roundMs = 40;

type Step = () => void;

export type DialectTimes = {
  readonly frameNs: number;
  readonly parseNs: number;
  readonly validateNs: number;
  /** Of the bytes: what comes from a line is bytes, and JSON.parse takes a string. */
  readonly jsonNs: number;
  /** Of a string that is there already. */
  readonly jsonOfStringNs: number;
  readonly ratioToJsonParse: number;
  /**
   * Of documents: parse and validate beside fast-xml-parser alone, with the options that parse uses, on the same bytes made into a string.
   * `ratioToXmlParserPlain`: beside it with the options it has by itself, attributes read, where it keeps neither order nor places.
   */
  readonly ratioToXmlParser?: number;
  readonly ratioToXmlParserPlain?: number;
};

const library = new XMLParser(libraryOptions);
const plainLibrary = new XMLParser({ ignoreAttributes: false });

export function benchParse(isJson: boolean): void {
  const say = (text: string): void => {
    if (isJson) console.error(text);
    else console.log(text);
  };
  const machine = `${String(cpus().length)} × ${cpus()[0]?.model ?? '?'}`;
  say(`${machine}, Node ${process.version}, load ${loadavg()[0]?.toFixed(1) ?? '?'}; ns a message, medians`);
  say(
    row('dialect', [
      'messages',
      'bytes',
      'frame',
      'parse',
      'validate',
      'JSON',
      'of string',
      'ratio',
      'of string',
      'XML',
      'plain XML',
    ]),
  );
  const dialects: Record<string, DialectTimes> = {};
  for (const name of dialectNames()) {
    const dialect = loadDialect(join(root, 'protocols', name));
    const corpus = corpusOf(dialect);
    if (corpus.length === 0) continue;
    const times = timesOf(corpus, dialect);
    dialects[name] = times;
    say(rowOf(name, corpus, times));
  }
  if (isJson) console.log(JSON.stringify({ dialects }));
}

/** The first two ratios are to JSON.parse, the other two to fast-xml-parser. */
function rowOf(name: string, corpus: readonly Buffer[], times: DialectTimes): string {
  const { frameNs, parseNs, validateNs, jsonNs, jsonOfStringNs, ratioToJsonParse } = times;
  const bytes = corpus.reduce((sum, content) => sum + content.length, 0) / corpus.length;
  const whole = [corpus.length, bytes, frameNs, parseNs, validateNs, jsonNs, jsonOfStringNs];
  const ofString = (parseNs + validateNs) / jsonOfStringNs;
  const ratios = [ratioToJsonParse, ofString, times.ratioToXmlParser, times.ratioToXmlParserPlain];
  return row(name, [
    ...whole.map((number) => number.toFixed(0)),
    ...ratios.flatMap((ratio) => (ratio === undefined ? [] : [ratio.toFixed(2)])),
  ]);
}

/** Names of the dialect folders there are: a new one is found, not listed. */
function dialectNames(): string[] {
  const protocols = join(root, 'protocols');
  return readdirSync(protocols)
    .filter((name) => existsSync(join(protocols, name, 'dialect.json')))
    .sort();
}

/**
 * Contents of frames, without the framing's marks: the dialect's folder in `corpus/`, or that of the dialect it stands on as far as it
 * takes the messages; where there is neither, its accepted samples.
 */
function corpusOf(dialect: Dialect): Buffer[] {
  for (const name of layersOf(dialect.name)) {
    const folder = join(import.meta.dirname, 'corpus', name);
    if (!existsSync(folder)) continue;
    const contents = readdirSync(folder)
      .toSorted()
      .map((file) => readFileSync(join(folder, file)));
    const taken = name === dialect.name ? contents : contents.filter((content) => isTaken(content, dialect));
    if (taken.length > 0) return taken;
  }
  const samples = join(root, 'protocols', dialect.name, 'samples', 'accepted');
  const wires = existsSync(samples)
    ? readdirSync(samples).map((name) => readFileSync(join(samples, name, 'wire.msg')))
    : [];
  return wires.flatMap((wire) => framesOf(wire, dialect).map(({ bytes }) => bytes));
}

/** The dialect, the one it stands on, and so on. */
function layersOf(name: string): string[] {
  const file = JSON.parse(readFileSync(join(root, 'protocols', name, 'dialect.json'), 'utf8')) as {
    extends?: string;
  };
  return file.extends === undefined ? [name] : [name, ...layersOf(file.extends)];
}

function isTaken(bytes: Buffer, dialect: Dialect): boolean {
  const outcome = parse({ kind: 'frame', bytes }, dialect);
  return outcome.ok && validate({ ...outcome.value, permitted: true }, dialect).ok;
}

function framesOf(wire: Buffer, dialect: Dialect): Frame[] {
  return new FrameDecoder(dialect.framing).push(wire).filter((event) => event.kind === 'frame');
}

function timesOf(corpus: readonly Buffer[], dialect: Dialect): DialectTimes {
  const wires = corpus.map((content) => framed(dialect.framing, content));
  const decoder = new FrameDecoder(dialect.framing);
  const frames = corpus.map((bytes): Frame => ({ kind: 'frame', bytes }));
  const parsed = frames.map((frame) => readable(frame, dialect));
  const permitted = parsed.map((message): PermittedMessage => ({ ...message, permitted: true }));
  for (const message of permitted) {
    const outcome = validate(message, dialect);
    if (!outcome.ok) {
      throw new Error(`${dialect.name}: a message of the corpus is refused, ${outcome.refusals[0].code}`);
    }
  }
  const json = parsed.map((message) => JSON.stringify(canonical(message)));
  const jsonBytes = json.map((text) => Buffer.from(text));
  const [frameNs = 0, parseNs = 0, validateNs = 0, jsonNs = 0, jsonOfStringNs = 0, ...xml] = medians(
    corpus.length,
    [
      each(wires, (wire) => decoder.push(wire)),
      each(frames, (frame) => parse(frame, dialect)),
      each(permitted, (message) => validate(message, dialect)),
      each(jsonBytes, (bytes) => JSON.parse(bytes.toString())),
      each(json, (text) => JSON.parse(text)),
      ...(dialect.header.form === 'xml'
        ? [
            each(corpus, (bytes) => library.parse(bytes.toString())),
            each(corpus, (bytes) => plainLibrary.parse(bytes.toString())),
          ]
        : []),
    ],
  );
  const ours = parseNs + validateNs;
  const [xmlNs, xmlPlainNs] = xml;
  return {
    ...{ frameNs, parseNs, validateNs, jsonNs, jsonOfStringNs },
    ratioToJsonParse: ours / jsonNs,
    ...(xmlNs === undefined ? {} : { ratioToXmlParser: ours / xmlNs }),
    ...(xmlPlainNs === undefined ? {} : { ratioToXmlParserPlain: ours / xmlPlainNs }),
  };
}

/** One step: the work on each of a list. */
function each<T>(list: readonly T[], work: (one: T) => unknown): Step {
  return () => {
    for (const one of list) sink(work(one));
  };
}

function readable(frame: Frame, dialect: Dialect): Message {
  const outcome = parse(frame, dialect);
  if (outcome.ok) return outcome.value;
  throw new Error(`${dialect.name}: a message of the corpus cannot be read, ${outcome.refusals[0].code}`);
}

/** The same message as an application would write it in JSON: the header's parts, then fields by code, or the text. */
function canonical(message: Message): object {
  const { messageKey, originatingOri, destinations, control, fields, bytes, bodyOffset, bodyEnd } = message;
  const header = { messageKey, originatingOri, destinations: destinations.map(({ text }) => text), control };
  if (fields.length === 0) {
    return { ...header, text: message.text ?? bytes.toString('latin1', bodyOffset, bodyEnd ?? bytes.length) };
  }
  return {
    ...header,
    fields: Object.fromEntries(fields.map((field) => [field.code, valueOf(bytes, field)])),
  };
}

/** Nanoseconds a message for each step. */
function medians(messages: number, steps: readonly Step[]): number[] {
  const repeats = steps.map((step) => repeatsFor(step));
  const times = steps.map((): number[] => []);
  for (let round = 0; round < roundsToWarm + roundsCounted; round++) {
    for (const [at, step] of steps.entries()) {
      const startedUs = threadUs();
      const repeated = repeats[at] ?? 1;
      for (let repeat = 0; repeat < repeated; repeat++) step();
      const ns = ((threadUs() - startedUs) * 1000) / repeated / messages;
      if (round >= roundsToWarm) times[at]?.push(ns);
    }
  }
  return times.map((list) => list.toSorted((left, right) => left - right)[Math.trunc(list.length / 2)] ?? 0);
}

/** CPU time of this thread: on a busy machine the watch would count what others do. */
function threadUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

/** How often a step goes through the corpus in one round. */
function repeatsFor(run: Step): number {
  for (let repeats = 1; ; repeats *= 2) {
    const startedUs = threadUs();
    for (let repeat = 0; repeat < repeats; repeat++) run();
    if (threadUs() - startedUs >= roundMs * 1000) return repeats;
  }
}

/** Keeps a result alive until the next one, so that no step can be left out as unused. */
let kept: unknown;
function sink(result: unknown): void {
  kept = result;
}

function row(name: string, cells: readonly string[]): string {
  return `${name.padEnd(16)}${cells.map((cell) => cell.padStart(11)).join('')}`;
}

export const lastResult = (): unknown => kept;
