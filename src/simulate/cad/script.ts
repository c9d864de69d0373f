import { z } from 'zod';
import { codes, type Code } from '../../message/codes.ts';
import { issuesOf, lineFaults, SpecError, wholeNumber } from '../faults/faults.ts';

/** What a step of a script does; `line` is where it stands in the file. Times in ms. */
export type Step =
  | { readonly does: 'connect' | 'close'; readonly line: number }
  | { readonly does: 'send'; readonly line: number; readonly text: string }
  | { readonly does: 'expect'; readonly line: number; readonly expected: Expected }
  | { readonly does: 'pause'; readonly line: number; readonly ms: number }
  | { readonly does: 'fault'; readonly line: number; readonly spec: string }
  | {
      readonly does: 'repeat';
      readonly line: number;
      readonly times: number;
      readonly steps: readonly Step[];
    };

/** `status`: the beginning of the status line a refusal must hold, such as `.70. `; empty for any. */
export type Expected = { readonly withinMs: number } & (
  | { readonly what: 'accepted' | 'nak' | 'silent' }
  | { readonly what: 'refused'; readonly status: string }
  | { readonly what: 'message'; readonly messageKey: string }
);

const withinMsDefault = 10_000;
const linesMax = 10_000;
const depthMax = 4;
const ms = wholeNumber(0, 600_000);

const expectation = z.discriminatedUnion('what', [
  z.strictObject({ what: z.enum(['accepted', 'nak', 'silent']), withinMs: ms }),
  z.strictObject({ what: z.literal('refused'), status: z.string(), withinMs: ms }),
  z.strictObject({
    what: z.literal('message'),
    messageKey: z.string().regex(/^[A-Z0-9]{2,5}(?:-[A-Z])?$/),
    withinMs: ms,
  }),
]);

const line = z.int();
const step: z.ZodType<Step> = z.discriminatedUnion('does', [
  z.strictObject({ does: z.enum(['connect', 'close']), line }),
  z.strictObject({ does: z.literal('send'), line, text: z.string().min(1).max(1_000_000) }),
  z.strictObject({ does: z.literal('expect'), line, expected: expectation }),
  z.strictObject({ does: z.literal('pause'), line, ms }),
  z.strictObject({ does: z.literal('fault'), line, spec: z.string() }),
  z.strictObject({
    does: z.literal('repeat'),
    line,
    times: wholeNumber(1, 1_000_000),
    steps: z.array(z.custom<Step>()).min(1),
  }),
]);

type Row = { readonly line: number; readonly text: string; readonly rows: Row[] };

/**
 * Reads a script: one step a line; lines set in belong to the step above. Throws SpecError naming the line, never quoting it.
 *
 * `connect`, `close`, `send TEXT` (or `send` and the message below it, set in), `expect accepted|nak|silent|refused CODE|message KEY
 * [within MS]`, `pause MS`, `fault SPEC` or `fault none`, `repeat TIMES` with steps below it. `#` begins a comment line.
 */
export function readScript(text: string): readonly Step[] {
  const lines = text.split(/\r?\n/);
  if (lines.length > linesMax) throw new SpecError(`a script has at most ${String(linesMax)} lines`);
  return stepsOf(rowsOf(lines), 1);
}

/** An expectation as it is written behind `expect`. Throws SpecError. */
export const readExpected = (words: string, place = 'expectation'): Expected => {
  const [, what = '', argument = '', within] =
    /^(\S+)(?:\s+(?!within\b)(\S+))?(?:\s+within\s+(\S+))?$/.exec(words) ?? [];
  const found = expectation.safeParse({
    what,
    withinMs: within ?? withinMsDefault,
    ...(what === 'refused' ? { status: statusOf(argument, place) } : {}),
    ...(what === 'message' ? { messageKey: argument } : {}),
  });
  if (!found.success)
    throw new SpecError(`${place}: ${issuesOf(found.error, 'accepted, refused, nak, silent, message')}`);
  if (argument !== '' && found.data.what !== 'refused' && found.data.what !== 'message')
    throw new SpecError(`${place}: too many words`);
  return found.data;
};

/** A number such as 70 as senders read it, or a code of docs/refusals.md. */
function statusOf(argument: string, place: string): string {
  if (argument === '') return '';
  if (/^\d\d$/.test(argument)) return `.${argument}. `;
  const row = Object.hasOwn(codes, argument) ? codes[argument as Code] : undefined;
  if (row?.kind !== 'refusal')
    throw new SpecError(`${place}: neither a number of two digits nor a code of docs/refusals.md`);
  return row.status;
}

/** The tree of set-in lines. Blank lines and comments are dropped, save in a message. */
function rowsOf(lines: readonly string[]): readonly Row[] {
  const root: Row = { line: 0, text: '', rows: [] };
  const open: { readonly row: Row; readonly depth: number }[] = [{ row: root, depth: -1 }];
  for (const [index, written] of lines.entries()) {
    const text = written.trimEnd();
    if (text.trim() === '' || text.trimStart().startsWith('#')) continue;
    const depth = text.length - text.trimStart().length;
    while ((open.at(-1)?.depth ?? -1) >= depth) open.pop();
    const row: Row = { line: index + 1, text: text.trim(), rows: [] };
    (open.at(-1)?.row ?? root).rows.push(row);
    open.push({ row, depth });
  }
  return root.rows;
}

const stepsOf = (rows: readonly Row[], depth: number): readonly Step[] => {
  const [first] = rows;
  if (depth > depthMax && first !== undefined)
    throw new SpecError(`line ${String(first.line)}: repeats stand at most ${String(depthMax - 1)} deep`);
  return rows.map((row) => stepOf(row, depth));
};

function stepOf(row: Row, depth: number): Step {
  const place = `line ${String(row.line)}`;
  const [, word = '', rest = ''] = /^(\S+)\s*(.*)$/.exec(row.text) ?? [];
  if (row.rows.length > 0 && word !== 'repeat' && !(word === 'send' && rest === ''))
    throw new SpecError(`line ${String(row.rows[0]?.line)}: is set in, but belongs to nothing`);
  const read = step.safeParse({ does: word, line: row.line, ...settingsOf(word, rest, row, place, depth) });
  if (!read.success)
    throw new SpecError(
      `${place}: ${issuesOf(read.error, 'connect, close, send, expect, pause, fault, repeat')}`,
    );
  return read.data;
}

function settingsOf(word: string, rest: string, row: Row, place: string, depth: number): object {
  switch (word) {
    case 'send':
      return { text: rest === '' ? messageOf(row) : readEscapes(rest) };
    case 'expect':
      return { expected: readExpected(rest, place) };
    case 'pause':
      return { ms: rest };
    case 'fault':
      return { spec: faultSpec(rest, place) };
    case 'repeat':
      return { times: rest, steps: stepsOf(row.rows, depth + 1) };
    default:
      return rest === '' ? {} : { words: rest };
  }
}

function faultSpec(written: string, place: string): string {
  const spec = written === 'none' ? '' : written;
  try {
    lineFaults(spec);
  } catch (error) {
    throw error instanceof SpecError ? new SpecError(`${place}: ${error.message}`) : error;
  }
  return spec;
}

/** Lines of a message, ended as on the wire. */
const messageOf = ({ rows }: Row): string =>
  rows.flatMap((row) => [row.text, ...row.rows.map(({ text }) => text)]).join('\r\n');

/** `\r` and `\n` in a message on one line stand for the bytes. */
export const readEscapes = (text: string): string =>
  text.replaceAll(/\\([rn\\])/g, (_all, letter: string) => ({ r: '\r', n: '\n', '\\': '\\' })[letter] ?? '');

/**
 * Every `{n}` becomes eight characters that no earlier call gave, in this run or another: a control field that is used again would
 * make the message a resend, which is answered and not forwarded.
 */
export class RunningNumber {
  #next = Date.now() - Date.UTC(2020, 0);

  fill(text: string): string {
    if (!text.includes('{n}')) return text;
    this.#next += 1;
    return text.replaceAll('{n}', this.#next.toString(36).toUpperCase().padStart(8, '0'));
  }
}
