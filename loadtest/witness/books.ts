import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The witness's books: four plain text files, first the format's version, then one fact a line, words between blanks. They hold ids,
 * control fields and numbers, never a message's text. Anyone can settle them again, with `witness.ts settle` or a few lines of awk.
 */
export const bookNames = { sent: 'sent.txt', told: 'told.txt', got: 'got.txt', noted: 'noted.txt' } as const;

/** Raised when a book's columns change. */
export const formatLine = 'format 2';

/** What a sender was told. `silent`: the line ended without an answer, so the sender knows nothing. */
export const outcomes = ['acked', 'refused', 'nak', 'silent'] as const;
export type Outcome = (typeof outcomes)[number];

/**
 * What became of a copy, in a notice's words: `.73.` expired, `.74.` dead, which will not come; `.75.` unconfirmed, which may have come,
 * nobody knows.
 */
export const noticeKinds = ['expired', 'dead', 'unconfirmed'] as const;
export type NoticeKind = (typeof noticeKinds)[number];

/** Where a copy comes that this witness does not read: a station it was not told to act as. */
export const unread = 'unread';
/** The place of what comes on a station's own line. A topic's place is its name. */
export const stationPlace = (name: string): string => `station.${name}`;

/**
 * `places`: where the copies of an accepted message come, one entry a copy, `unread` for those that nobody here sees. In the book they
 * are one word with commas.
 */
export type Sent = {
  readonly control: string;
  readonly line: string;
  readonly places: readonly string[];
  readonly atMs: number;
};
export type Told = {
  readonly control: string;
  readonly outcome: Outcome;
  readonly line: string;
  readonly atMs: number;
};
/**
 * `control` is `-` when the body could not be opened or held none. `deliveryId` at a station is the input count of the header, which
 * tells two acceptances of one control field apart. Class and laneSeq are on the bus only, `-` at a station.
 */
export type Got = {
  readonly deliveryId: string;
  readonly generation: number;
  readonly control: string;
  readonly key: string;
  readonly place: string;
  readonly priorityClass: number | undefined;
  readonly laneSeq: number | undefined;
  readonly isMarked: boolean;
  readonly deliveryCount: number;
  readonly atMs: number;
};
/** `destination` is `-` when the notice does not name it; `line` is where it came. */
export type Noted = {
  readonly control: string;
  readonly kind: NoticeKind;
  readonly destination: string;
  readonly line: string;
  readonly isMarked: boolean;
  readonly atMs: number;
};

const row = (...words: readonly (string | number)[]): string => `${words.join(' ')}\n`;
const mark = (isMarked: boolean): string => (isMarked ? 'marked' : 'unmarked');

export const sentLine = ({ control, line, places, atMs }: Sent): string =>
  row(control, line, places.join(','), atMs);

export const toldLine = ({ control, outcome, line, atMs }: Told): string => row(control, outcome, line, atMs);

export const gotLine = (got: Got): string =>
  row(
    `${got.deliveryId}.${String(got.generation)}`,
    got.control,
    got.key,
    got.place,
    got.priorityClass ?? '-',
    got.laneSeq ?? '-',
    mark(got.isMarked),
    got.deliveryCount,
    got.atMs,
  );

export const notedLine = ({ control, kind, destination, line, isMarked, atMs }: Noted): string =>
  row(control, kind, destination, line, mark(isMarked), atMs);

const whole = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;

const isMark = (word: string | undefined): boolean => word === 'marked' || word === 'unmarked';

const readSent = (words: readonly string[]): Sent | undefined => {
  const [control, line, places, at] = words;
  const atMs = whole(at);
  if (control === undefined || line === undefined || places === undefined || atMs === undefined)
    return undefined;
  const copies = places.split(',');
  return words.length === 4 && !copies.includes('') ? { control, line, places: copies, atMs } : undefined;
};

const readTold = (words: readonly string[]): Told | undefined => {
  const [control, word, line, at] = words;
  const outcome = outcomes.find((one) => one === word);
  const atMs = whole(at);
  if (control === undefined || outcome === undefined || line === undefined || atMs === undefined)
    return undefined;
  return words.length === 4 ? { control, outcome, line, atMs } : undefined;
};

const readGot = (words: readonly string[]): Got | undefined => {
  const [id, control, key, place, cls, seq, marked, count, at] = words;
  const [, deliveryId, generationText] = /^(.+)\.(\d+)$/.exec(id ?? '') ?? [];
  const [generation, deliveryCount, atMs] = [whole(generationText), whole(count), whole(at)];
  const [priorityClass, laneSeq] = [whole(cls), whole(seq)];
  if (deliveryId === undefined || control === undefined || key === undefined || place === undefined)
    return undefined;
  if (generation === undefined || deliveryCount === undefined || atMs === undefined) return undefined;
  // Numbers that only the bus gives: a dash, or a number, never something torn.
  if (words.length !== 9 || !isMark(marked)) return undefined;
  if ((priorityClass === undefined && cls !== '-') || (laneSeq === undefined && seq !== '-'))
    return undefined;
  const isMarked = marked === 'marked';
  return {
    ...{ deliveryId, generation, control, key, place },
    ...{ priorityClass, laneSeq, isMarked, deliveryCount, atMs },
  };
};

const readNoted = (words: readonly string[]): Noted | undefined => {
  const [control, word, destination, line, marked, at] = words;
  const kind = noticeKinds.find((one) => one === word);
  const atMs = whole(at);
  if (control === undefined || kind === undefined || destination === undefined || line === undefined)
    return undefined;
  if (atMs === undefined || words.length !== 6 || !isMark(marked)) return undefined;
  return { control, kind, destination, line, isMarked: marked === 'marked', atMs };
};

export type Books = {
  readonly sent: readonly Sent[];
  readonly told: readonly Told[];
  readonly got: readonly Got[];
  readonly noted: readonly Noted[];
  /** `file:line` of what could not be read: a book with holes settles nothing. */
  readonly unreadable: readonly string[];
};

/** A missing book of notices is an empty one, of a witness that had no line; the others must be there. */
export function readBooks(folder: string): Books {
  const unreadable: string[] = [];
  const rows = <R>(name: string, read: (words: readonly string[]) => R | undefined): R[] => {
    const lines = readFileSync(join(folder, name), 'latin1').split('\n');
    if (lines.pop() !== '') unreadable.push(`${name}:end`);
    if (lines.shift() !== formatLine) unreadable.push(`${name}:1`);
    return lines.flatMap((line, index) => {
      const fact = read(line.split(' '));
      if (fact === undefined) unreadable.push(`${name}:${String(index + 2)}`);
      return fact === undefined ? [] : [fact];
    });
  };
  return {
    sent: rows(bookNames.sent, readSent),
    told: rows(bookNames.told, readTold),
    got: rows(bookNames.got, readGot),
    noted: existsSync(join(folder, bookNames.noted)) ? rows(bookNames.noted, readNoted) : [],
    unreadable,
  };
}

const flushMs = 20;
const heldCharactersMax = 64 * 1024;

/** One book open for writing, begun with its format. Lines leave in the order they came, at the latest after 20 ms. */
export class Book {
  readonly #fd: number;
  readonly #timer: NodeJS.Timeout;
  #held = '';

  constructor(folder: string, name: string) {
    mkdirSync(folder, { recursive: true });
    this.#fd = openSync(join(folder, name), 'a');
    if (fstatSync(this.#fd).size === 0) this.#held = `${formatLine}\n`;
    this.#timer = setInterval(() => {
      this.flush();
    }, flushMs);
  }

  add(line: string): void {
    this.#held += line;
    if (this.#held.length > heldCharactersMax) this.flush();
  }

  flush(): void {
    if (this.#held === '') return;
    const bytes = Buffer.from(this.#held, 'latin1');
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    this.#held = '';
  }

  close(): void {
    clearInterval(this.#timer);
    this.flush();
    closeSync(this.#fd);
  }
}
