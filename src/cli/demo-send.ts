import { appendFileSync } from 'node:fs';
import { CadLine } from '../simulate/cad/cad-line.ts';
import type { RefusedSample } from '../simulate/scenario/refused-samples.ts';
import type { Step } from '../simulate/scenario/scenario.ts';
import type { Site } from '../simulate/site/site.ts';

export type SendersBooks = {
  sent: number;
  accepted: number;
  refused: number;
  /** `<control field>/<destination>` of every copy that an acknowledgement promised. */
  readonly acked: string[];
  /** What was not as it must be, in words that hold no message text. */
  readonly wrong: string[];
  /** One refusal as a sender reads it, to show. */
  shownRefusal: string;
};

export const newBooks = (): SendersBooks => ({
  sent: 0,
  accepted: 0,
  refused: 0,
  acked: [],
  wrong: [],
  shownRefusal: '',
});

export const framed = (text: string): Buffer => Buffer.from(`\x02${text}\x03`, 'latin1');

/** One CAD system: a line, its own steps one after the other, and what it was told written down. */
export const sendSteps = async (
  line: CadLine,
  steps: Iterable<Step>,
  books: SendersBooks,
  ackedPath: string | undefined,
): Promise<void> => {
  for (const { control, copies, text } of steps) {
    books.sent += 1;
    const [told] = await line.send(framed(text));
    if (told?.kind !== 'accepted') {
      books.wrong.push(`${control} should be accepted, was ${told?.kind ?? 'silent'}`);
      continue;
    }
    books.accepted += 1;
    const ids = copies.map((destination) => `${control}/${destination}`);
    for (const id of ids) books.acked.push(id);
    if (ackedPath !== undefined) appendFileSync(ackedPath, ids.map((id) => `${id}\n`).join(''));
  }
};

/** Every kind of refusal, each on a session of its own, so that one that ends its line disturbs nobody. */
export const sendRefused = async (
  site: Site,
  samples: readonly RefusedSample[],
  books: SendersBooks,
): Promise<void> => {
  for (const sample of samples) {
    const { name, wire, naks, isCutOff, statuses } = sample;
    books.sent += 1;
    const line = await CadLine.connect(site.linePorts.get(sample.line) ?? 0, confirmOf(sample.line));
    if (isCutOff) {
      const [told] = await line.send(wire);
      if (told?.kind === 'silent' && line.isClosed) books.refused += 1;
      else books.wrong.push(`${name} should end in a closed line`);
    } else {
      const told = await line.send(wire, Math.max(1, naks));
      const isRefused =
        naks > 0
          ? told.every(({ kind }) => kind === 'nak')
          : told[0]?.kind === 'refused' && reads(told[0].text, statuses);
      if (isRefused) books.refused += 1;
      else books.wrong.push(`${name} was told ${told.map(({ kind }) => kind).join(', ')}`);
      if (told[0]?.kind === 'refused' && books.shownRefusal === '') books.shownRefusal = told[0].text;
    }
    line.close();
  }
};

/** One session more than a line has: closed at once. */
export const sendOneSessionTooMany = async (
  site: Site,
  books: SendersBooks,
  sessionsMax: number,
): Promise<void> => {
  const lines: CadLine[] = [];
  for (let n = 0; n <= sessionsMax; n += 1)
    lines.push(await CadLine.connect(site.linePorts.get('ca-marshal') ?? 0, 'link'));
  books.sent += 1;
  const last = lines.at(-1);
  await last?.closed();
  if (last?.isClosed === true) books.refused += 1;
  else books.wrong.push('one session too many was served');
  for (const line of lines) line.close();
};

/** From our own pseudo ORI in the dialect's form, with every status, and never in the name of Nlets. */
const reads = (text: string, statuses: readonly string[]): boolean =>
  text.startsWith('ER.CAGWY0000') &&
  statuses.every((status) => text.includes(status)) &&
  !text.includes('ER.NL0000000');

export const confirmOf = (line: string): 'link' | 'application' =>
  line === 'nv-sheriff' ? 'application' : 'link';
