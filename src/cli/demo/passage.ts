import type { BroadcastSeen, HopSeen } from '../../board/picture.ts';
import { cell, clock, duration, flow, type Look, type Row, type Span, type Tone } from './look.ts';
import type { View } from './view.ts';

const TIME = 10;
const WHAT = 12;
const KEY = 6;
const WHERE = 24;
const AFTER = 9;

export const hopsHeader = (columns: number): Row => {
  const words = ['LAST HOPS'.padEnd(TIME), 'WHAT'.padEnd(WHAT), 'KEY'.padEnd(KEY), 'WHERE'.padEnd(WHERE)];
  return [[cell(`${words.join('')}${'AFTER'.padStart(AFTER)}  MESSAGE`, columns), 'strong']];
};

/** Newest first. */
export const hops = ({ picture }: View, columns: number): readonly Row[] =>
  (picture?.hops ?? []).map((hop) => hopRow(hop, columns));

const hopRow = (hop: HopSeen, columns: number): Row => {
  const where = hop.where.replace(/^station\./, '');
  const after = hop.afterMs === undefined ? '' : duration(hop.afterMs);
  const rest = Math.max(0, columns - TIME - WHAT - KEY - WHERE - AFTER - 2);
  return [
    [clock(hop.at).padEnd(TIME), 'dim'],
    [cell(hop.what, WHAT), toneOfHop(hop)],
    [cell(hop.messageKey, KEY - 1)],
    [` ${cell(where, WHERE)}`],
    [after.padStart(AFTER)],
    [`  ${cell(hop.code ?? hop.messageId, rest)}`, 'dim'],
  ];
};

const toneOfHop = ({ what }: HopSeen): Tone => {
  if (what === 'accepted' || what === 'delivered') return 'plain';
  return what === 'dead' || what === 'expired' ? 'bad' : 'warn';
};

const hasIt = ({ state }: BroadcastSeen['audience'][number]): boolean =>
  state === 'delivered' || state === 'unconfirmed';

export const broadcastRow = ({ broadcast }: View): Row => {
  if (broadcast === undefined) return [['BROADCAST ', 'strong'], ['none seen yet']];
  const { audience: all, messageKey, originatingOri, acceptedAt } = broadcast;
  const have = all.filter(hasIt);
  const last = Math.max(0, ...have.map(({ afterMs }) => afterMs ?? 0));
  const when = have.length === 0 ? '' : `, the last after ${duration(last)}`;
  return [
    ['BROADCAST ', 'strong'],
    [`${messageKey} from ${originatingOri} at ${clock(acceptedAt)}: `],
    [
      `${String(have.length)} of ${String(all.length)} have it${when}`,
      have.length === all.length ? 'good' : 'warn',
    ],
  ];
};

/** Who has it, who not: those without it first, then the slowest. Names with the same state and time share one. */
export const audience = ({ broadcast }: View, columns: number, { glyphs }: Look): readonly Row[] => {
  const alike = Map.groupBy(
    broadcast?.audience ?? [],
    ({ state, afterMs, kind }) => `${state} ${kind} ${String(afterMs)}`,
  );
  const order = (one: BroadcastSeen['audience'][number]): number =>
    hasIt(one) ? -(one.afterMs ?? 0) : Number.NEGATIVE_INFINITY;
  const groups = [...alike.values()].toSorted(([a], [b]) =>
    a === undefined || b === undefined ? 0 : order(a) < order(b) ? -1 : 1,
  );
  const items = groups.flatMap((group): Row[] => {
    const [first] = group;
    if (first === undefined) return [];
    const names = group.map(({ name }) => name).join(' ');
    const { state, afterMs } = first;
    const time = afterMs === undefined ? '' : ` ${duration(afterMs)}`;
    const word = state === 'delivered' ? '' : ` ${state}`;
    const shape: Span = hasIt(first) ? [glyphs.yes, 'good'] : [glyphs.away, 'warn'];
    return [[['  '], shape, [` ${names}${word}${time}`]]];
  });
  return flow(items, columns);
};

/** The switch's own: everything that came in is somewhere. */
export const booksRow = ({ picture }: View, { glyphs }: Look): Row => {
  if (picture === undefined) return [['BOOKS ', 'strong']];
  const { books } = picture;
  const terms = [
    ['waiting', books.waiting],
    ['delivered', books.delivered],
    ['unconfirmed', books.sentUnconfirmed],
    ['dead', books.dead],
    ['expired', books.expired],
    ['diverted', books.divertedOut],
  ] as const;
  // What never happened is left out, but for the two that always matter.
  const shown = terms.filter(([, count], at) => at < 2 || count > 0);
  const sum = shown.map(([word, count]) => `${word} ${String(count)}`).join(' + ');
  const verdict: Span =
    books.imbalance === 0
      ? [`${glyphs.yes} `, 'good']
      : [`${glyphs.no} OFF BY ${String(books.imbalance)}: `, 'bad'];
  return [['BOOKS ', 'strong'], verdict, [`in ${String(books.in)} = ${sum}`]];
};

/** The far side's: what senders were told beside what receivers got. */
export const farSideRow = ({ account }: View, { glyphs }: Look): Row => {
  const { accepted, refused, unknown, owed, delivered, repeats, answered } = account;
  const wrong = account.unmarkedDuplicates + account.strangers;
  const told = `accepted ${String(accepted)} refused ${String(refused)} unknown ${String(unknown)}`;
  const got = `${String(delivered)}/${String(owed)} repeats ${String(repeats)} answers ${String(answered)}`;
  return [
    ...(wrong === 0 ? [] : [[`${glyphs.no} WRONG ${String(wrong)}  `, 'bad'] as const]),
    ['TOLD ', 'strong'],
    [`${told}  `],
    ['GOT ', 'strong'],
    [got],
  ];
};

/** Newest first; the newest is folded, those before it take a row each. */
export const events = ({ events: all }: View, columns: number): readonly Row[] => {
  const newest = all.at(-1);
  if (newest === undefined) return [];
  const [first = '', ...more] = fold(newest.text, Math.max(1, columns - TIME));
  return [
    [
      [clock(newest.atMs).padEnd(TIME), 'strong'],
      [first, 'strong'],
    ],
    ...more.map((text): Row => [[' '.repeat(TIME)], [text, 'strong']]),
    ...all
      .slice(0, -1)
      .toReversed()
      .map(({ atMs, text }): Row => [[clock(atMs).padEnd(TIME), 'dim'], [text]]),
  ];
};

/** Lines of at most `width`, broken at blanks where there are any. */
export const fold = (text: string, width: number): readonly string[] => {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else for (let at = 0; at === 0 || at < word.length; at += width) lines.push(word.slice(at, at + width));
  }
  return lines;
};
