import { readText, type TalkText } from './talk-text.ts';

/** Where a step stands: file and line, counted from 1. */
export type Place = { readonly file: string; readonly line: number };

/** `says` and `hears` are whole messages in the line's framing, `sends` and `gets` bytes as they are. */
export type Step = { readonly place: Place; readonly written: string } & (
  | { readonly does: 'connect'; readonly who: string; readonly to: string }
  | { readonly does: 'close' | 'closed'; readonly who: string }
  | { readonly does: 'says' | 'hears' | 'sends' | 'gets'; readonly who: string; readonly text: TalkText }
  | { readonly does: 'bus'; readonly subscription: string; readonly text: TalkText }
);

/** A line of the talk's own: one of the sample directory with other settings. */
export type OwnLine = {
  readonly place: Place;
  readonly name: string;
  readonly like: string;
  readonly settings: Readonly<Record<string, string | number>>;
};

export type Talk = {
  readonly file: string;
  readonly title: string;
  readonly lines: readonly OwnLine[];
  readonly steps: readonly Step[];
};

type Row = { readonly place: Place; readonly text: string; readonly block: readonly string[] };

const linesMax = 2_000;

/** A talk that cannot be read, or that did not go as written. */
export class TalkError extends Error {
  readonly place: Place;
  readonly says: string;

  constructor(place: Place, says: string) {
    super(`${place.file}:${String(place.line)}: ${says}`);
    this.place = place;
    this.says = says;
  }
}

/** Reads a .talk file (protocols/README.md). `file` is what it is called in an error. Throws TalkError. */
export function readTalk(file: string, content: string): Talk {
  const all = content.split('\n');
  if (all.length > linesMax) throw new TalkError({ file, line: linesMax }, 'the talk is too long');
  const [title = ''] = all;
  if (!/^# \S/.test(title)) throw new TalkError({ file, line: 1 }, 'must begin with what it shows, behind #');
  const lines: OwnLine[] = [];
  const steps: Step[] = [];
  const people = new Set<string>();
  const known = new Set<string>();
  for (const row of rows(file, all)) {
    if (row.text.startsWith('line ')) lines.push(ownLine(row));
    else steps.push(step(row, people, known));
  }
  if (steps.length === 0) throw new TalkError({ file, line: all.length }, 'nobody says anything');
  return { file, title: title.slice(2), lines, steps };
}

/** Lines that are set in belong to the one above; comments and empty lines stand between. */
function rows(file: string, all: readonly string[]): Row[] {
  const found: { place: Place; text: string; block: string[] }[] = [];
  for (const [at, text] of all.entries()) {
    const place = { file, line: at + 1 };
    if (text.trim() === '' || text.startsWith('#')) continue;
    if (!text.startsWith(' ')) found.push({ place, text: text.trimEnd(), block: [] });
    else {
      const last = found.at(-1);
      if (last === undefined || !text.startsWith('  ')) throw new TalkError(place, 'is set in below nothing');
      last.block.push(text.slice(2));
    }
  }
  return found;
}

const namePattern = '[a-z][a-z0-9-]*';
const ownLinePattern = new RegExp(`^line (${namePattern}) like (${namePattern})((?: [A-Za-z]+ \\S+)*)$`);

function ownLine({ place, text, block }: Row): OwnLine {
  const [, name, like, rest = ''] = ownLinePattern.exec(text) ?? [];
  if (name === undefined || like === undefined || block.length > 0) {
    throw new TalkError(place, 'must be: line NAME like LINE SETTING VALUE …');
  }
  const words = rest.split(' ').slice(1);
  const settings: Record<string, string | number> = {};
  for (let at = 0; at < words.length; at += 2) {
    const value = words[at + 1] ?? '';
    settings[words[at] ?? ''] = /^\d+$/.test(value) ? Number(value) : value;
  }
  return { place, name, like, settings };
}

function step(row: Row, people: Set<string>, known: Set<string>): Step {
  const { place, text: written, block } = row;
  const [first = '', second = '', third = '', fourth = ''] = written.split(' ');
  const at = { place, written };
  const text = (behind: number, isExpected: boolean): TalkText => {
    const here = written.split(' ').slice(behind).join(' ');
    if ((here === '') === (block.length === 0)) {
      throw new TalkError(place, 'needs a text, behind it or set in below it');
    }
    try {
      return readText(here === '' ? block.join('\r\n') : here, known, isExpected);
    } catch (error) {
      throw new TalkError(place, error instanceof Error ? error.message : '');
    }
  };
  if (first === 'connect' && (third === '' || (third === 'as' && fourth !== ''))) {
    const who = third === '' ? second : fourth;
    people.add(who);
    return { ...at, does: 'connect', who, to: second };
  }
  if (first === 'bus' && third === 'gets')
    return { ...at, does: 'bus', subscription: second, text: text(3, true) };
  const who = first === 'close' ? second : first;
  if (!people.has(who)) throw new TalkError(place, `${who} is not connected`);
  if (first === 'close') return { ...at, does: 'close', who };
  if (second === 'says' || second === 'sends') return { ...at, does: second, who, text: text(2, false) };
  if (second === 'hears' || second === 'gets') return { ...at, does: second, who, text: text(2, true) };
  if (`${second} ${third}` === 'is closed') return { ...at, does: 'closed', who };
  throw new TalkError(place, 'is nothing a talk can say');
}
