import type { Case } from './stock.ts';

/** As many tries as make a find small enough to read, and no more. */
const triesMax = 3_000;

/** A smaller input that goes wrong as well: pieces are left out, large ones first, as long as it still does. */
export async function minimised(one: Case, stillFails: (smaller: Case) => Promise<boolean>): Promise<Case> {
  let { wire } = one;
  let tries = 0;
  for (let size = Math.ceil(wire.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < wire.length && tries < triesMax; ) {
      const smaller = Buffer.concat([wire.subarray(0, at), wire.subarray(at + size)]);
      tries++;
      if (await stillFails({ ...one, wire: smaller })) wire = smaller;
      else at += size;
    }
  }
  return { ...one, wire };
}
