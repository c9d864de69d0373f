import { existsSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../config/config.ts';
import { type Dialect, loadDialect, loadFramings } from '../dialect/dialect.ts';
import { dialectName } from '../dialect/file-kinds.ts';
import { type Directory, type Line, loadDirectory } from '../directory/directory.ts';
import type { DryEvent, DryPlace } from '../explain/dry-event.ts';
import { explained, wrongOf } from '../explain/explained.ts';
import { copiesOf } from '../explain/faces.ts';
import { type Cut, cut, cutByGuess } from '../explain/guess-framing.ts';
import {
  eventLines,
  type ExplainedFrame,
  messagePage,
  type Paint,
  type Style,
} from '../explain/message-page.ts';
import { masksOf } from '../explain/masks.ts';
import { dryRun } from '../wiring/dry-run.ts';
import { print, readOptions, UsageError } from './usage.ts';

/** A file of messages is read whole; a longer one is no sample but a recording. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const STDIN = 0;
const colours: Readonly<Record<Style, string>> = { head: '1', faint: '2', fine: '32', wrong: '31' };

/** `tenfour explain FILE|-`: how messages are read. It shows what they hold: that is what it is for. Exits 1 when one is refused. */
export const run = (args: readonly string[]): Promise<number> => {
  const kinds = {
    line: 'string',
    dialect: 'string',
    framing: 'string',
    directory: 'string',
    protocols: 'string',
    show: 'boolean',
    json: 'boolean',
    'no-color': 'boolean',
  } as const;
  const { options, words } = readOptions(args, kinds, ['FILE']);
  if ((options.line === undefined) === (options.dialect === undefined))
    throw new UsageError(
      'expects --line with a line of the directory, or --dialect with a folder of protocols',
    );
  const bytes = readMessages(words[0] ?? '');
  const config = loadConfig(process.env);
  const protocols = options.protocols ?? config.PROTOCOLS;
  // A dialect alone says nothing of lines and destinations: those are looked up only where somebody named a directory.
  const folder = options.directory ?? (options.line === undefined ? undefined : config.DIRECTORY);
  const directory = folder === undefined ? undefined : loadDirectory(folder);
  const line = options.line === undefined ? undefined : lineOf(options.line, directory);
  const dialects = new Dialects(protocols);
  const dialect = dialects.get(line?.dialect ?? options.dialect ?? '');
  const done = cutOut(
    bytes,
    { line, directory, dialect, dialects: dialects.of(directory) },
    protocols,
    options.framing,
  );
  const frames = explainedFrames(done, bytes, dialects, options.show);
  if (options.json) print(JSON.stringify(jsonOf(done, frames)));
  else printPage(done, bytes, frames, { isShown: options.show, paint: painter(options['no-color']) });
  const isFine =
    frames.size > 0 &&
    done.events.every(
      (event) => event.kind !== 'fault' && (event.kind !== 'frame' || event.refusals.length === 0),
    );
  return Promise.resolve(isFine ? 0 : 1);
};

/** Loaded once each, on demand. */
class Dialects {
  readonly #protocols: string;
  readonly #loaded = new Map<string, Dialect>();

  constructor(protocols: string) {
    this.#protocols = protocols;
  }

  /** Those of all lines of a directory. */
  of(directory: Directory | undefined): ReadonlyMap<string, Dialect> {
    const lines = Array.from(directory?.lines.values() ?? []);
    return new Map(lines.map(({ dialect }) => [dialect, this.get(dialect)]));
  }

  get(name: string): Dialect {
    const known = this.#loaded.get(name);
    if (known !== undefined) return known;
    const folder = join(this.#protocols, name);
    if (!dialectName.safeParse(name).success || !existsSync(join(folder, 'dialect.json')))
      throw new UsageError(`there is no such dialect in ${this.#protocols}`);
    const dialect = loadDialect(folder);
    this.#loaded.set(name, dialect);
    return dialect;
  }
}

/** At most one byte more than a file may have: nobody waits for the end of an endless one. */
const readMessages = (file: string): Buffer => {
  const bytes = Buffer.alloc(FILE_BYTES_MAX + 1);
  let length = 0;
  try {
    const from = file === '-' ? STDIN : openSync(file, 'r');
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(from, bytes, length, bytes.length - length, null);
  } catch {
    throw new UsageError(existsSync(file) ? 'that file cannot be read' : 'there is no such file');
  }
  if (length === 0 || length > FILE_BYTES_MAX)
    throw new UsageError(`a file of messages has 1 to ${String(FILE_BYTES_MAX)} bytes`);
  return bytes.subarray(0, length);
};

const lineOf = (name: string, directory: Directory | undefined): Line => {
  const line = directory?.lines.get(name);
  if (line === undefined) throw new UsageError('the directory has no such line');
  return line;
};

const cutOut = (bytes: Buffer, place: DryPlace, protocols: string, framing: string | undefined): Cut => {
  const framings = loadFramings(protocols);
  const wanted = framing ?? place.line?.framing;
  const own = wanted === undefined ? place.dialect.framing : framings.get(wanted);
  if (own === undefined) throw new UsageError(`there is no such framing in ${join(protocols, 'framings')}`);
  const framed = { ...place, dialect: { ...place.dialect, framing: own } };
  const called = wanted ?? `the framing of ${place.dialect.name}, ${own.kind}`;
  return framing === undefined
    ? cutByGuess(bytes, framed, called, framings, dryRun)
    : cut(bytes, framed, called, '', dryRun);
};

type Explanations = ReadonlyMap<DryEvent, ExplainedFrame>;

const explainedFrames = (
  { events, place }: Cut,
  bytes: Buffer,
  dialects: Dialects,
  isShown: boolean,
): Explanations => {
  const found = new Map<DryEvent, ExplainedFrame>();
  let from = 0;
  for (const event of events) {
    if (event.kind === 'frame') {
      const at = bytes.lastIndexOf(event.bytes, event.end - event.bytes.length);
      // A message of several segments stands nowhere as a whole.
      const start = at < from ? from : at;
      const { dialect, directory } = place;
      found.set(event, {
        frame: event,
        start,
        before: bytes.subarray(from, start),
        after: at < from ? Buffer.alloc(0) : bytes.subarray(start + event.bytes.length, event.end),
        explained: explained(event, dialect, isShown),
        copies:
          directory === undefined || event.message === undefined
            ? []
            : copiesOf(event.message, event.plans, dialect, directory, (name) => dialects.get(name)),
      });
    }
    from = event.end;
  }
  return found;
};

const printPage = (
  { events, place, framing, note }: Cut,
  bytes: Buffer,
  frames: Explanations,
  { isShown, paint }: { readonly isShown: boolean; readonly paint: Paint },
): void => {
  const where = place.line === undefined ? '' : ` on line ${place.line.name}`;
  print(
    `${String(bytes.length)} bytes, read as ${place.dialect.name}${where}, ${framing}${note === '' ? '' : ` (${note})`}`,
  );
  let [from, count] = [0, 0];
  for (const event of events) {
    const one = frames.get(event);
    print('');
    if (one !== undefined) {
      count += 1;
      const length = one.frame.bytes.length;
      const title = `message ${String(count)} of ${String(frames.size)}: ${String(length)} bytes from byte ${String(one.start)} of the file`;
      for (const line of messagePage(one, title, paint)) print(line);
    } else {
      const part = bytes.subarray(from, event.end);
      const masks = masksOf(part, undefined, place.dialect, isShown);
      for (const line of eventLines(event, part, from, masks, paint)) print(line);
    }
    from = event.end;
  }
  if (events.length === 0) print('there is no message in it');
  else print('\noffsets count from the first byte of a message, as in refusals');
};

/** Offsets of parts and refusals count from `start`. */
const jsonOf = ({ events, place, framing, note }: Cut, frames: Explanations): object => ({
  dialect: place.dialect.name,
  line: place.line?.name,
  framing,
  note,
  events: events.map((event) => {
    const one = frames.get(event);
    if (event.kind === 'fault')
      return { kind: event.kind, end: event.end, wrong: [wrongOf(event.refusal, true)] };
    if (one === undefined) return event;
    const { start, copies, explained: found } = one;
    const { parts, wrong } = found;
    return { kind: event.kind, start, end: event.end, bytes: one.frame.bytes.length, parts, wrong, copies };
  }),
});

const painter = (isPlain: boolean): Paint => {
  const isColoured =
    !isPlain &&
    process.stdout.isTTY &&
    (process.env['NO_COLOR'] ?? '') === '' &&
    process.env['TERM'] !== 'dumb';
  return (style, text) => (isColoured ? `\x1b[${colours[style]}m${text}\x1b[0m` : text);
};
