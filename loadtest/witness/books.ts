import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The witness's books: three plain text files, one fact a line, words between blanks. They hold ids, control fields and numbers,
 * never a message's text. Anyone can settle them again, with `witness.ts settle` or with a few lines of awk.
 */
export const bookNames = { sent: 'sent.txt', told: 'told.txt', got: 'got.txt' } as const;

/** What a sender was told. `silent`: the line ended without an answer, so the sender knows nothing. */
export const outcomes = ['acked', 'refused', 'nak', 'silent'] as const;
export type Outcome = (typeof outcomes)[number];

/** `copies`: different deliveries an accepted message must end in. */
export type Sent = {
  readonly control: string;
  readonly line: string;
  readonly copies: number;
  readonly atMs: number;
};
export type Told = {
  readonly control: string;
  readonly outcome: Outcome;
  readonly line: string;
  readonly atMs: number;
};
/** `control` is `-` when the body could not be opened or held none. */
export type Got = {
  readonly deliveryId: string;
  readonly generation: number;
  readonly control: string;
  readonly topic: string;
  readonly laneSeq: number;
  readonly isMarked: boolean;
  readonly deliveryCount: number;
  readonly atMs: number;
};

export const sentLine = ({ control, line, copies, atMs }: Sent): string =>
  `${control} ${line} ${String(copies)} ${String(atMs)}\n`;

export const toldLine = ({ control, outcome, line, atMs }: Told): string =>
  `${control} ${outcome} ${line} ${String(atMs)}\n`;

export const gotLine = (got: Got): string =>
  `${got.deliveryId}.${String(got.generation)} ${got.control} ${got.topic} ${String(got.laneSeq)} ` +
  `${got.isMarked ? 'marked' : 'unmarked'} ${String(got.deliveryCount)} ${String(got.atMs)}\n`;

const whole = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;

const readSent = ([control, line, copies, at, ...more]: readonly string[]): Sent | undefined => {
  const [count, atMs] = [whole(copies), whole(at)];
  if (control === undefined || line === undefined || more.length > 0) return undefined;
  return count === undefined || atMs === undefined ? undefined : { control, line, copies: count, atMs };
};

const readTold = ([control, word, line, at, ...more]: readonly string[]): Told | undefined => {
  const outcome = outcomes.find((one) => one === word);
  const atMs = whole(at);
  if (control === undefined || line === undefined || more.length > 0) return undefined;
  return outcome === undefined || atMs === undefined ? undefined : { control, outcome, line, atMs };
};

const readGot = ([id, control, topic, seq, mark, count, at, ...more]: readonly string[]): Got | undefined => {
  const [, deliveryId, generationText] = /^(.+)\.(\d+)$/.exec(id ?? '') ?? [];
  const [generation, laneSeq, deliveryCount, atMs] = [generationText, seq, count, at].map(whole);
  if (deliveryId === undefined || control === undefined || topic === undefined || more.length > 0)
    return undefined;
  if (generation === undefined || laneSeq === undefined || deliveryCount === undefined || atMs === undefined)
    return undefined;
  if (mark !== 'marked' && mark !== 'unmarked') return undefined;
  return {
    deliveryId,
    generation,
    control,
    topic,
    laneSeq,
    isMarked: mark === 'marked',
    deliveryCount,
    atMs,
  };
};

export type Books = {
  readonly sent: readonly Sent[];
  readonly told: readonly Told[];
  readonly got: readonly Got[];
  /** `file:line` of what could not be read: a book with holes settles nothing. */
  readonly unreadable: readonly string[];
};

export function readBooks(folder: string): Books {
  const unreadable: string[] = [];
  const rows = <R>(name: string, read: (words: readonly string[]) => R | undefined): R[] => {
    const lines = readFileSync(join(folder, name), 'latin1').split('\n');
    if (lines.pop() !== '') unreadable.push(`${name}:end`);
    return lines.flatMap((line, index) => {
      const row = read(line.split(' '));
      if (row === undefined) unreadable.push(`${name}:${String(index + 1)}`);
      return row === undefined ? [] : [row];
    });
  };
  return {
    sent: rows(bookNames.sent, readSent),
    told: rows(bookNames.told, readTold),
    got: rows(bookNames.got, readGot),
    unreadable,
  };
}

const flushMs = 20;
const heldCharactersMax = 64 * 1024;

/** One book open for writing. Lines leave in the order they came, at the latest after 20 ms. */
export class Book {
  readonly #fd: number;
  readonly #timer: NodeJS.Timeout;
  #held = '';

  constructor(folder: string, name: string) {
    mkdirSync(folder, { recursive: true });
    this.#fd = openSync(join(folder, name), 'a');
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
