import { createHash } from 'node:crypto';
import { z } from 'zod';

/** A spec or script that cannot be read: says where, by a fault's number or a line, and never quotes a value. */
export class SpecError extends Error {
  override readonly name = 'SpecError';
}

/** A whole number as digits: an empty word is not 0. */
export const wholeNumber = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  z.coerce
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .pipe(z.int().min(min).max(max));

/**
 * Which messages a fault strikes, counted from 1 for each fault by itself, so that the same run has the same faults: the Nth alone,
 * each Nth, all after the Nth, or a share drawn from a seed. Without any of them: all.
 */
const picked = {
  at: wholeNumber(1).optional(),
  every: wholeNumber(1).optional(),
  after: wholeNumber(0).optional(),
  percent: wholeNumber(0, 100).optional(),
  seed: wholeNumber(0).optional(),
};
const ms = wholeNumber(0, 600_000);
const on = z.enum(['sent', 'received']).default('sent');

/** Faults of a line's far end. */
const lineFault = z.discriminatedUnion('fault', [
  /** Closes the connection: behind the message sent, or instead of confirming the one received. */
  z.strictObject({ fault: z.literal('drop'), on, ...picked }),
  /** Waits before it sends, or before it confirms. */
  z.strictObject({ fault: z.literal('delay'), on, ms, ...picked }),
  /** Sends the first half of the frame, then closes the connection, or stops until the other side does. */
  z.strictObject({
    fault: z.literal('half-frame'),
    then: z.enum(['close', 'stop']).default('close'),
    ...picked,
  }),
  z.strictObject({ fault: z.literal('duplicate'), ...picked }),
  z.strictObject({ fault: z.literal('nak'), ...picked }),
  z.strictObject({ fault: z.literal('silent'), ...picked }),
]);
export type LineFault = z.output<typeof lineFault>;

/** Faults of a receiver on the bus, where a message is taken, given back, or never settled. */
const busFault = z.discriminatedUnion('fault', [
  z.strictObject({ fault: z.literal('abandon'), ...picked }),
  z.strictObject({ fault: z.literal('slow'), ms, ...picked }),
  /** Ends the program at once, without settling what it holds. */
  z.strictObject({ fault: z.literal('crash'), ...picked }),
  /** Keeps the message until its lock ends. */
  z.strictObject({ fault: z.literal('silent'), ...picked }),
]);
export type BusFault = z.output<typeof busFault>;

type Picked = { readonly [N in keyof typeof picked]?: number | undefined };
type Counted<F> = { readonly fault: F; seen: number };

/** The faults in force; asked once a message, in order. */
export class Faults<F extends Picked & { readonly fault: string }> {
  readonly #faults: readonly Counted<F>[];

  constructor(faults: readonly F[]) {
    this.#faults = faults.map((fault) => ({ fault, seen: 0 }));
  }

  /** Those that strike the next message, in the order they were written. `isFor` says which of them count it at all. */
  next(isFor: (fault: F) => boolean = () => true): readonly F[] {
    return this.#faults.flatMap((one) => {
      if (!isFor(one.fault)) return [];
      one.seen += 1;
      return strikes(one.fault, one.seen) ? [one.fault] : [];
    });
  }
}

function strikes({ at, every, after, percent, seed }: Picked, n: number): boolean {
  if (at !== undefined && n !== at) return false;
  if (every !== undefined && n % every !== 0) return false;
  if (after !== undefined && n <= after) return false;
  return percent === undefined || draw(String(seed ?? 0), String(n)) < percent / 100;
}

/** A number from 0 to 1, the same for the same words anywhere. */
export function draw(...words: readonly string[]): number {
  return createHash('sha256').update(words.join('|')).digest().readUInt32BE(0) / 2 ** 32;
}

const faultsMax = 20;

/** Reads `drop:every=50;delay:ms=200,every=3`. Throws SpecError naming the fault by its number. */
export const lineFaults = (spec: string): Faults<LineFault> =>
  new Faults(readSpec(spec, lineFault, 'drop, delay, half-frame, duplicate, nak, silent'));
export const busFaults = (spec: string): Faults<BusFault> =>
  new Faults(readSpec(spec, busFault, 'abandon, slow, crash, silent'));

function readSpec<T>(spec: string, schema: z.ZodType<T>, words: string): T[] {
  const written = spec.split(';').map((text) => text.trim());
  if (written.length > faultsMax) throw new SpecError(`more than ${String(faultsMax)} faults`);
  return written
    .filter((text) => text !== '')
    .map((text, index) => {
      const [fault = '', ...rest] = text.split(':');
      const settings = rest
        .join(':')
        .split(',')
        .map((pair) => pair.trim())
        .filter((pair) => pair !== '')
        .map((pair) => pair.split(/=(.*)/s, 2) as [string, string | undefined]);
      const read = schema.safeParse({ fault: fault.trim(), ...Object.fromEntries(settings) });
      if (read.success) return read.data;
      throw new SpecError(`fault ${String(index + 1)}: ${issuesOf(read.error, words)}`);
    });
}

/** What is wrong and where, without quoting values. `words` are those that may come first. */
export const issuesOf = ({ issues }: z.ZodError, words: string): string =>
  issues
    .map((issue) => {
      const path = issue.path.map(String).join('/');
      if (issue.code === 'invalid_union') return `the first word must be one of ${words}`;
      if (issue.code === 'unrecognized_keys') return `/${issue.keys.join(', /')} is not known here`;
      if (issue.code === 'invalid_value')
        return `/${path} must be one of ${issue.values.map(String).join(', ')}`;
      return `/${path} is missing or out of bounds`;
    })
    .join('; ');
