/** A prime: with the 40 kinds of the mix every station comes to send every kind. */
const PICKS = 16_381;
const SEED = 20_261_121;

/** Repeatable: the same numbers in every process and every run. In [0, 1). */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

/**
 * Which station sends message k: `picks[k % picks.length]`. Station of rank r has the weight 1 / (r + 1) (Zipf), ranks spread over the
 * list, and each stands in the table at least once: a few are busy, most are quiet.
 */
export const senderPicks = (stations: number): Uint16Array => {
  const random = seeded(SEED);
  const byRank = shuffled(
    Array.from({ length: stations }, (_, at) => at),
    random,
  );
  const upTo: number[] = [];
  let sum = 0;
  for (let rank = 0; rank < stations; rank += 1) {
    sum += 1 / (rank + 1);
    upTo.push(sum);
  }
  const picks = Array.from({ length: PICKS }, (_, at) => {
    if (at < stations) return at;
    const wanted = random() * sum;
    return byRank[firstOver(upTo, wanted)] ?? 0;
  });
  return Uint16Array.from(shuffled(picks, random));
};

/** The busiest station's share of all messages, and that of the busiest tenth of stations. */
export const senderShares = (stations: number) => {
  const counts = new Array<number>(stations).fill(0);
  for (const station of senderPicks(stations)) counts[station] = (counts[station] ?? 0) + 1;
  counts.sort((a, b) => b - a);
  const share = (top: number): number =>
    Number((counts.slice(0, top).reduce((sum, count) => sum + count, 0) / PICKS).toFixed(3));
  return { busiest: share(1), busiestTenth: share(Math.ceil(stations / 10)) };
};

const firstOver = (rising: readonly number[], wanted: number): number => {
  let [low, high] = [0, rising.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rising[middle] ?? 0) > wanted) high = middle;
    else low = middle + 1;
  }
  return low;
};

const shuffled = <T>(values: T[], random: () => number): T[] => {
  for (let at = values.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [values[at], values[other]] = [values[other] as T, values[at] as T];
  }
  return values;
};
