import type { Got, Outcome, Sent } from './books.ts';

/** Control field → place → its different deliveries. A redrive has another generation and is no further copy. */
export type Copies = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;

export function copiesByControl(got: readonly Got[]): Copies {
  const copies = new Map<string, Map<string, Set<string>>>();
  for (const { control, place, deliveryId } of got) {
    const places = copies.get(control) ?? new Map<string, Set<string>>();
    copies.set(control, places);
    const ids = places.get(place);
    if (ids === undefined) places.set(place, new Set([deliveryId]));
    else ids.add(deliveryId);
  }
  return copies;
}

const isStation = (place: string): boolean => place.startsWith('station.');

/** On the bus a delivery has an id of its own. A header on a line shows none: there it is the control field and the key. */
const identityOf = ({ place, deliveryId, generation, control, key }: Got): string =>
  isStation(place) ? `${place}/${key}:${control}` : `${deliveryId}.${String(generation)}`;

export type Arrivals = {
  readonly repeats: number;
  readonly unmarkedDuplicates: readonly string[];
  readonly outOfOrder: readonly string[];
  readonly holes: readonly string[];
};

/**
 * Reads arrivals in the order they came. A stream is a topic and class, where `laneSeq` counts; or a station, sending line and key (one
 * class, as the witness makes them), where the order of the sent book counts. There only what was acknowledged is judged: an answer
 * that never came may stand for a frame that was accepted late, after the line's next session.
 */
export function readArrivals(
  got: readonly Got[],
  sent: readonly Sent[],
  toldBy: ReadonlyMap<string, Outcome>,
): Arrivals {
  const sentAt = new Map(sent.map(({ control, line }, at) => [control, { line, at }]));
  const seen = new Set<string>();
  const lastIn = new Map<string, { readonly at: number; readonly name: string }>();
  const seqsIn = new Map<string, Set<number>>();
  const unmarkedDuplicates: string[] = [];
  const outOfOrder: string[] = [];
  let repeats = 0;

  const follow = (stream: string, at: number, name: string): void => {
    const last = lastIn.get(stream);
    if (last !== undefined && at <= last.at) outOfOrder.push(`${stream}:${name} after ${last.name}`);
    else lastIn.set(stream, { at, name });
  };
  for (const row of got) {
    const id = identityOf(row);
    const isFirst = !seen.has(id);
    const isKnownRepeat = row.isMarked || row.deliveryCount > 0;
    seen.add(id);
    if (!isFirst) repeats += 1;
    if (!isFirst && !isKnownRepeat) unmarkedDuplicates.push(id);

    const { place, key, control, generation, priorityClass } = row;
    const laneSeq = row.laneSeq ?? 0;
    const topicStream = `${place}/${String(priorityClass ?? '-')}`;
    if (!isStation(place)) seqsIn.set(topicStream, (seqsIn.get(topicStream) ?? new Set()).add(laneSeq));
    // A redriven delivery comes when it comes (design P4).
    if (!isFirst || isKnownRepeat || generation > 1) continue;
    const source = sentAt.get(control);
    if (!isStation(place)) follow(topicStream, laneSeq, String(laneSeq));
    else if (source !== undefined && toldBy.get(control) === 'acked')
      follow(`${place}/${source.line}/${key}`, source.at, control);
  }
  const holes = [...seqsIn].flatMap(([stream, seqs]) =>
    missing(seqs).map((seq) => `${stream}:${String(seq)}`),
  );
  return { repeats, unmarkedDuplicates, outOfOrder, holes };
}

const holesMax = 10_000;

function missing(seqs: ReadonlySet<number>): number[] {
  const sorted = [...seqs].toSorted((a, b) => a - b);
  const gone: number[] = [];
  for (const [at, seq] of sorted.entries()) {
    const before = sorted[at - 1] ?? seq;
    for (let hole = before + 1; hole < seq && gone.length < holesMax; hole += 1) gone.push(hole);
  }
  return gone;
}
