import type { AuditRecord } from '../audit/records.ts';

type BusRecord = Extract<AuditRecord, { readonly e: 'bus' }>;
export type BusDecision = BusRecord['what'];

type Counted = { readonly lane: string; readonly what: BusDecision; readonly code: string } & {
  n: number;
  atMs: number;
  writtenAtMs: number;
};

/** Of the same decision one record in so long: a bus that flaps all night must not fill the record. */
const SAME_MS = 60_000;

/**
 * What a courier decided about the bus, on its way into the audit chain. The same of one lane is counted, and written at most once a
 * minute with how often it was. Lanes, decisions and codes are closed lists, so this is bounded.
 */
export class BusRecords {
  readonly #counted = new Map<string, Counted>();

  add(lane: string, what: BusDecision, code: string, nowMs: number): void {
    const key = `${lane} ${what} ${code}`;
    let counted = this.#counted.get(key);
    if (counted === undefined)
      this.#counted.set(key, (counted = { lane, what, code, n: 0, atMs: nowMs, writtenAtMs: -Infinity }));
    if (counted.n === 0) counted.atMs = nowMs;
    counted.n += 1;
  }

  /** What is due to be written; with `isLast` all there is. */
  take(nowMs: number, isLast = false): readonly BusRecord[] {
    const due: BusRecord[] = [];
    for (const [key, counted] of this.#counted) {
      const isQuiet = nowMs - counted.writtenAtMs >= SAME_MS;
      if (counted.n === 0 && isQuiet) this.#counted.delete(key);
      if (counted.n === 0 || !(isQuiet || isLast)) continue;
      const { lane, what, code, n, atMs } = counted;
      due.push({ e: 'bus', lane, what, code, n, t: atMs });
      counted.n = 0;
      counted.writtenAtMs = nowMs;
    }
    return due.sort((one, other) => one.t - other.t);
  }
}
