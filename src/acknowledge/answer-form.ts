import type { Placeholder } from '../dialect/dialect.ts';

/** The line's own counters: messages received from it and sent to it, this answer included. */
export type Counts = { readonly received: number; readonly sent: number };

type FormValues = Readonly<Partial<Record<Placeholder, string | readonly string[]>>>;

/** Sequence numbers have five digits and go from 99999 to 00001 (domain sheet section 11). */
const countMax = 99_999;

/**
 * Fills an answer form. A line all of whose placeholders are empty is left out; a placeholder with a list repeats its
 * line. Ends lines with CR LF, the last one not.
 */
export function renderForm(form: readonly string[], values: FormValues): Buffer {
  const lines = form.flatMap((line) => renderLine(line, values));
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

const inBraces = /\{(\w+)\}/g;

function renderLine(line: string, values: FormValues): readonly string[] {
  const names = [...line.matchAll(inBraces)].map(([, name]) => name as Placeholder);
  const list = names.map((name) => values[name]).find((value) => typeof value === 'object');
  if (list !== undefined) {
    return list.map((text) => fill(line, (name) => (values[name] === list ? text : values[name])));
  }
  const isFilled = names.length === 0 || names.some((name) => (values[name] ?? '') !== '');
  return isFilled ? [fill(line, (name) => values[name])] : [];
}

function fill(line: string, valueOf: (name: Placeholder) => string | readonly string[] | undefined): string {
  return line
    .replaceAll(inBraces, (_braces, name: Placeholder) => {
      const value = valueOf(name);
      return typeof value === 'string' ? harmless(value) : '';
    })
    .trimEnd();
}

/** What the sender wrote may hold anything, a frame mark too: only printable ASCII and line ends go back out. */
function harmless(text: string): string {
  return text.replaceAll(/[^ -~\r\n]/g, '?');
}

/**
 * Both clock lines of an output header (domain sheet 3.2). An answer leaves in the minute its cause came, as far as a
 * header of minutes can tell, so both show when it was received.
 */
export function clockValues(receivedAt: Date, counts: Counts, utcOffsetMinutes: number): FormValues {
  const iso = new Date(receivedAt.getTime() + utcOffsetMinutes * 60_000).toISOString();
  const date = `${iso.slice(5, 7)}/${iso.slice(8, 10)}/${iso.slice(0, 4)}`;
  const time = iso.slice(11, 16);
  return {
    receivedTime: time,
    receivedDate: date,
    receivedCount: fiveDigits(counts.received),
    sentTime: time,
    sentDate: date,
    sentCount: fiveDigits(counts.sent),
  };
}

function fiveDigits(count: number): string {
  const wrapped = count === 0 ? 0 : ((count - 1) % countMax) + 1;
  return String(wrapped).padStart(5, '0');
}
