import { type Copies, copiesByControl, readArrivals } from './arrivals.ts';
import { type Books, type Outcome, readBooks, type Sent, unread } from './books.ts';
import { notedAndDelivered, readNotices } from './notices.ts';

/** What the books say. Each list names the first few culprits; `total` counts them all. */
export type Found = { readonly total: number; readonly first: readonly string[] };

export type Settlement = {
  /** Nothing below contradicts what senders were told. `holes` are judged by whoever knows whether something died on the way. */
  readonly ok: boolean;
  readonly sent: number;
  readonly told: Readonly<Record<Outcome, number>>;
  readonly unanswered: number;
  readonly got: number;
  readonly repeats: number;
  /** Copies whose sender was told later that they will not come. */
  readonly expired: number;
  readonly dead: number;
  /** Copies whose sender was told later that nobody knows whether they came: they are not lost, and may come. */
  readonly unconfirmed: number;
  /** Acknowledged, a copy never came, and no notice says so: control field and where copies are missing. */
  readonly lost: Found;
  /** The same delivery again, and neither our mark nor the bus's count says so. Also notices above the number of copies. */
  readonly unmarkedDuplicates: Found;
  /** First, unmarked deliveries of a stream (arrivals.ts) that came before an earlier one. */
  readonly outOfOrder: Found;
  /** Came, or was noted, but no book says it was sent. */
  readonly neverSent: Found;
  /** The sender was told no, and it came, or was noted, all the same. */
  readonly refusedButDelivered: Found;
  /** More different deliveries at a place than the message has copies there: accepted twice. */
  readonly tooManyCopies: Found;
  /** A copy at a place it was not addressed to, or a notice on a line that had not sent it. */
  readonly misrouted: Found;
  /** The sender was told that a copy will not come, and it came, unmarked. */
  readonly notedButDelivered: Found;
  /** Two messages with one control field, or an answer for none: the witness itself is at fault. */
  readonly unsound: Found;
  /** `topic/class:laneSeq` between the first and the last seen that never came, also of messages nobody was promised. */
  readonly holes: Found;
  /** Told nothing, and delivered: allowed after a crash, not when a process ended in order. */
  readonly silentButDelivered: Found;
};

const shownMax = 10;

/** Settles the books of a folder, from the files alone. */
export const settle = (folder: string): Settlement => settleBooks(readBooks(folder));

export function settleBooks(books: Books): Settlement {
  const { sent, got, noted, unreadable } = books;
  const sentBy = new Map(sent.map((row) => [row.control, row]));
  const unsound: string[] = [...unreadable];
  if (sentBy.size !== sent.length) unsound.push(...repeated(sent.map(({ control }) => control)));
  const toldBy = finalOutcomes(books, sentBy, unsound);
  const copies = copiesByControl(got);
  const notices = readNotices(noted, sentBy);
  const arrivals = readArrivals(got, sent, toldBy);
  const places = judgePlaces(sentBy, toldBy, copies, notices.notedBy);

  const told = (...outcomes: readonly Outcome[]): string[] =>
    [...toldBy].flatMap(([control, outcome]) => (outcomes.includes(outcome) ? [control] : []));
  const strangers = got.filter(({ control }) => !sentBy.has(control)).map(({ deliveryId }) => deliveryId);
  const faults = {
    lost: found(places.lost),
    unmarkedDuplicates: found([...arrivals.unmarkedDuplicates, ...notices.unmarkedDuplicates]),
    outOfOrder: found(arrivals.outOfOrder),
    neverSent: found([...strangers, ...notices.neverSent]),
    refusedButDelivered: found(
      told('refused', 'nak').filter((control) => copies.has(control) || notices.notedBy.has(control)),
    ),
    tooManyCopies: found(places.tooMany),
    misrouted: found([...places.misrouted, ...notices.misrouted]),
    notedButDelivered: found(notedAndDelivered(got, sentBy, notices)),
    unsound: found(unsound),
  };
  return {
    ok: Object.values(faults).every(({ total }) => total === 0),
    sent: sent.length,
    told: countOutcomes(toldBy),
    unanswered: sentBy.size - toldBy.size,
    got: got.length,
    repeats: arrivals.repeats,
    ...notices.totals,
    ...faults,
    holes: found(arrivals.holes),
    silentButDelivered: found(told('silent').filter((control) => copies.has(control))),
  };
}

/** A link refusal is an ACK and then the refusal, so a later no takes back the yes; nothing else may be said twice. */
function finalOutcomes(
  { told }: Books,
  sentBy: ReadonlyMap<string, Sent>,
  unsound: string[],
): Map<string, Outcome> {
  const toldBy = new Map<string, Outcome>();
  for (const { control, outcome } of told) {
    const before = toldBy.get(control);
    const mayFollow = before === undefined || (before === 'acked' && outcome === 'refused');
    if (!mayFollow || !sentBy.has(control)) unsound.push(`${control} told ${outcome}`);
    toldBy.set(control, outcome);
  }
  return toldBy;
}

/** Compares, place by place, what a message should have become with what came. */
function judgePlaces(
  sentBy: ReadonlyMap<string, Sent>,
  toldBy: ReadonlyMap<string, Outcome>,
  copies: Copies,
  notedBy: ReadonlyMap<string, number>,
): Readonly<Record<'lost' | 'tooMany' | 'misrouted', readonly string[]>> {
  const [lost, tooMany, misrouted]: [string[], string[], string[]] = [[], [], []];
  for (const [control, { places }] of sentBy) {
    const came = copies.get(control);
    const missing: string[] = [];
    for (const [place, wanted] of countEach(places)) {
      if (place === unread) continue;
      const count = came?.get(place)?.size ?? 0;
      if (count > wanted) tooMany.push(control);
      for (let gone = count; gone < wanted; gone += 1) missing.push(place);
    }
    // A notice seldom says which copy it means, so notices and missing copies are compared by number.
    if (toldBy.get(control) === 'acked' && missing.length > (notedBy.get(control) ?? 0))
      lost.push(`${control} ${missing.join(',')}`);
    for (const place of came?.keys() ?? [])
      if (!places.includes(place)) misrouted.push(`${control} ${place}`);
  }
  return { lost, tooMany, misrouted };
}

const countEach = (words: readonly string[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
};

const countOutcomes = (toldBy: ReadonlyMap<string, Outcome>): Record<Outcome, number> => {
  const counts = { acked: 0, refused: 0, nak: 0, silent: 0 };
  for (const outcome of toldBy.values()) counts[outcome] += 1;
  return counts;
};

const repeated = (controls: readonly string[]): string[] => {
  const seen = new Set<string>();
  return controls.filter((control) => seen.size === seen.add(control).size);
};

const found = (all: readonly string[]): Found => ({ total: all.length, first: all.slice(0, shownMax) });
