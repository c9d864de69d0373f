export type Reconciled = {
  /** Deliveries of messages the sender was told are accepted, that no receiver got. */
  readonly lost: number;
  /** Further copies of a delivery that did not say they may be one. */
  readonly duplicates: number;
  /** Further copies that did. */
  readonly markedDuplicates: number;
  /** Deliveries nobody was told of: of a message without an answer, or a refused one. */
  readonly strays: number;
};

/** Compares delivery keys as the senders expect them with those received. All three in rising order. */
export const reconcile = (
  expected: Float64Array,
  received: Float64Array,
  receivedMarked: Float64Array,
): Reconciled => {
  const first = distinct(received);
  const all = distinct(merge(first, distinct(receivedMarked)));
  const found = countIn(all, expected);
  return {
    lost: expected.length - found,
    duplicates: received.length - first.length,
    markedDuplicates: receivedMarked.length + first.length - all.length,
    strays: all.length - found,
  };
};

const merge = (a: Float64Array, b: Float64Array): Float64Array => {
  const both = new Float64Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both.sort();
};

const distinct = (sorted: Float64Array): Float64Array =>
  sorted.filter((key, at) => at === 0 || sorted[at - 1] !== key);

/** How many of `keys` are in `among`; both in rising order, without repeats. */
const countIn = (among: Float64Array, keys: Float64Array): number => {
  let found = 0;
  let at = 0;
  for (const key of keys) {
    while (at < among.length && (among[at] ?? 0) < key) at += 1;
    if (among[at] === key) found += 1;
  }
  return found;
};
