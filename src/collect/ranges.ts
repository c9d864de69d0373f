/** Numbers that are looked for, both ends included. `isUnwatched`: of a time in which messages may have gone unseen for their age. */
export type Range = { from: number; to: number; sinceMs: number; isUnwatched?: boolean };

export const sizeOf = ({ from, to }: { readonly from: number; readonly to: number }): number => to - from + 1;

/** Takes a number out of the range it was looked for in; false when it is in none. */
export const takeOut = (ranges: Range[], seq: number): boolean => {
  const at = ranges.findIndex(({ from, to }) => from <= seq && seq <= to);
  const range = ranges[at];
  if (range === undefined) return false;
  const rest = [
    { ...range, to: seq - 1 },
    { ...range, from: seq + 1 },
  ].filter((one) => one.from <= one.to);
  ranges.splice(at, 1, ...rest);
  return true;
};

/** What of a range is in none of these runs. */
export const without = (
  { from, to }: Range,
  runs: readonly (readonly [number, number])[],
): readonly { readonly from: number; readonly to: number }[] => {
  const left: { from: number; to: number }[] = [];
  let at = from;
  for (const [first, last] of runs) {
    if (last < at || first > to) continue;
    if (first > at) left.push({ from: at, to: first - 1 });
    at = last + 1;
  }
  if (at <= to) left.push({ from: at, to });
  return left;
};
