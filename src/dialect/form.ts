import type { Placeholder } from './file-kinds.ts';

export type FormValues = Readonly<Partial<Record<Placeholder, string | readonly string[]>>>;

export type Escape = (value: string) => string;

/** Both clocks and both counts of one message: when it came in and as which, when it went out and as which. */
export type Clocks = {
  readonly receivedAt: Date;
  readonly receivedCount: number;
  readonly sentAt: Date;
  readonly sentCount: number;
};

/** Sequence numbers have five digits and go from 99999 to 00001 (domain sheet section 11). */
const countMax = 99_999;

/**
 * Fills a form of dialect.json. A line all of whose placeholders are empty is left out; a placeholder with a list
 * repeats its line. Ends lines with CR LF, the last one not. Printable ASCII and line ends only, whatever the values. `escape`: how values
 * are written into the form, where not as they are: a document's.
 */
export function renderForm(form: readonly string[], values: FormValues, escape: Escape = asItIs): Buffer {
  const lines = form.flatMap((line) => renderLine(line, values, escape));
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

const asItIs: Escape = (text) => text;

const inBraces = /\{(\w+)\}/g;

function renderLine(line: string, values: FormValues, escape: Escape): readonly string[] {
  const names = [...line.matchAll(inBraces)].map(([, name]) => name as Placeholder);
  const list = names.map((name) => values[name]).find((value) => typeof value === 'object');
  if (list !== undefined) {
    return list.map((text) => fill(line, (name) => (values[name] === list ? text : values[name]), escape));
  }
  const isFilled = names.length === 0 || names.some((name) => (values[name] ?? '') !== '');
  return isFilled ? [fill(line, (name) => values[name], escape)] : [];
}

function fill(
  line: string,
  valueOf: (name: Placeholder) => string | readonly string[] | undefined,
  escape: Escape,
): string {
  const textOf = (name: Placeholder): string => {
    const value = valueOf(name);
    return typeof value === 'string' ? harmless(escape(value)) : '';
  };
  const text = line.replaceAll(inBraces, (_braces, name: Placeholder) => textOf(name));
  // An empty last placeholder leaves a blank of the form behind; a blank that ends a value is the sender's (domain sheet 3.3).
  const [, last] = /\{(\w+)\}$/.exec(line) ?? [];
  return last !== undefined && textOf(last as Placeholder) !== '' ? text : text.trimEnd();
}

/** What the sender wrote may hold anything, a frame mark too: only printable ASCII and line ends go back out. */
function harmless(text: string): string {
  return text.replaceAll(/[^ -~\r\n]/g, '?');
}

/** Both clock lines of an output header (domain sheet 3.2), in the dialect's time zone. */
export function clockValues(clocks: Clocks, utcOffsetMinutes: number): FormValues {
  const received = clockOf(clocks.receivedAt, utcOffsetMinutes);
  const sent = clockOf(clocks.sentAt, utcOffsetMinutes);
  return {
    receivedTime: received.time,
    receivedDate: received.date,
    receivedCount: fiveDigits(clocks.receivedCount),
    sentTime: sent.time,
    sentDate: sent.date,
    sentCount: fiveDigits(clocks.sentCount),
  };
}

function clockOf(at: Date, utcOffsetMinutes: number): { readonly time: string; readonly date: string } {
  const iso = new Date(at.getTime() + utcOffsetMinutes * 60_000).toISOString();
  return { time: iso.slice(11, 16), date: `${iso.slice(5, 7)}/${iso.slice(8, 10)}/${iso.slice(0, 4)}` };
}

function fiveDigits(count: number): string {
  const wrapped = count === 0 ? 0 : ((count - 1) % countMax) + 1;
  return String(wrapped).padStart(5, '0');
}
