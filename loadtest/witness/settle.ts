import { type Books, type Got, type Outcome, readBooks, type Sent } from './books.ts';

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
  /** Acknowledged, and a copy of it never came: control fields. */
  readonly lost: Found;
  /** The same delivery again, and neither our mark nor the bus's count says so. */
  readonly unmarkedDuplicates: Found;
  /** laneSeq did not rise over first, unmarked deliveries of a lane. */
  readonly outOfOrder: Found;
  /** Came, but no book says it was sent. */
  readonly neverSent: Found;
  /** The sender was told no, and it came all the same. */
  readonly refusedButDelivered: Found;
  /** More different deliveries than the message has destinations: accepted twice. */
  readonly tooManyCopies: Found;
  /** Two messages with one control field, or an answer for none: the witness itself is at fault. */
  readonly unsound: Found;
  /** `topic:laneSeq` between the first and the last seen that never came, also of messages nobody was promised. */
  readonly holes: Found;
  /** Told nothing, and delivered: allowed after a crash, not when a process ended in order. */
  readonly silentButDelivered: Found;
};

const shownMax = 10;

/** Settles the books of a folder, from the files alone. */
export const settle = (folder: string): Settlement => settleBooks(readBooks(folder));

export function settleBooks(books: Books): Settlement {
  const { sent, got, unreadable } = books;
  const sentBy = new Map(sent.map((row) => [row.control, row]));
  const unsound: string[] = [...unreadable];
  if (sentBy.size !== sent.length) unsound.push(...repeated(sent.map(({ control }) => control)));
  const toldBy = finalOutcomes(books, sentBy, unsound);
  const copies = copiesByControl(got);

  const lost = [...sentBy.values()].filter(
    ({ control, copies: wanted }) =>
      toldBy.get(control) === 'acked' && (copies.get(control)?.size ?? 0) < wanted,
  );
  const tooMany = [...sentBy.values()].filter(
    ({ control, copies: most }) => (copies.get(control)?.size ?? 0) > most,
  );
  const delivered = (...outcomes: readonly Outcome[]): string[] =>
    [...toldBy].flatMap(([control, outcome]) =>
      outcomes.includes(outcome) && copies.has(control) ? [control] : [],
    );
  const { repeats, unmarkedDuplicates, outOfOrder, holes } = readInOrder(got);
  const faults = {
    lost: found(lost.map(({ control }) => control)),
    unmarkedDuplicates: found(unmarkedDuplicates),
    outOfOrder: found(outOfOrder),
    neverSent: found(got.filter(({ control }) => !sentBy.has(control)).map(({ deliveryId }) => deliveryId)),
    refusedButDelivered: found(delivered('refused', 'nak')),
    tooManyCopies: found(tooMany.map(({ control }) => control)),
    unsound: found(unsound),
  };
  return {
    ok: Object.values(faults).every(({ total }) => total === 0),
    sent: sent.length,
    told: countOutcomes(toldBy),
    unanswered: sentBy.size - toldBy.size,
    got: got.length,
    repeats,
    ...faults,
    holes: found(holes),
    silentButDelivered: found(delivered('silent')),
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

/** Control field → its different deliveries. A redrive has another generation and is no further copy. */
function copiesByControl(got: readonly Got[]): ReadonlyMap<string, ReadonlySet<string>> {
  const copies = new Map<string, Set<string>>();
  for (const { control, deliveryId } of got) {
    const ids = copies.get(control);
    if (ids === undefined) copies.set(control, new Set([deliveryId]));
    else ids.add(deliveryId);
  }
  return copies;
}

function readInOrder(got: readonly Got[]) {
  const seen = new Set<string>();
  const lanes = new Map<string, { last: number; seqs: Set<number> }>();
  const unmarkedDuplicates: string[] = [];
  const outOfOrder: string[] = [];
  let repeats = 0;
  for (const row of got) {
    const { deliveryId, generation, topic, laneSeq, isMarked, deliveryCount } = row;
    const id = `${deliveryId}.${String(generation)}`;
    const isFirst = !seen.has(id);
    const isKnownRepeat = isMarked || deliveryCount > 0;
    seen.add(id);
    if (!isFirst) repeats += 1;
    if (!isFirst && !isKnownRepeat) unmarkedDuplicates.push(id);
    const lane = lanes.get(topic) ?? { last: 0, seqs: new Set() };
    lanes.set(topic, lane);
    lane.seqs.add(laneSeq);
    // A redriven delivery comes when it comes (design P4).
    if (!isFirst || isKnownRepeat || generation > 1) continue;
    if (laneSeq <= lane.last) outOfOrder.push(`${topic}:${String(laneSeq)} after ${String(lane.last)}`);
    lane.last = Math.max(lane.last, laneSeq);
  }
  const holes = [...lanes].flatMap(([topic, { seqs }]) =>
    missing(seqs).map((seq) => `${topic}:${String(seq)}`),
  );
  return { repeats, unmarkedDuplicates, outOfOrder, holes };
}

function missing(seqs: ReadonlySet<number>): number[] {
  const sorted = [...seqs].toSorted((a, b) => a - b);
  const gone: number[] = [];
  for (const [at, seq] of sorted.entries()) {
    const before = sorted[at - 1] ?? seq;
    for (let hole = before + 1; hole < seq && gone.length < 10_000; hole += 1) gone.push(hole);
  }
  return gone;
}

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
