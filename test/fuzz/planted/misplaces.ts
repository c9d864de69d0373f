import { parse as real } from '../../../src/parse/parse.ts';

/** As ours, but the places it gives refusals are counted from one. */
export const parse: typeof real = (frame, dialect) => {
  const outcome = real(frame, dialect);
  if (outcome.ok) return outcome;
  const [first, ...rest] = outcome.refusals.map((refusal) => ({
    ...refusal,
    offset: (refusal.offset ?? 0) + 1,
  }));
  return first === undefined ? outcome : { ok: false, refusals: [first, ...rest] };
};
