import { priorityClasses, type PriorityClass } from '../message/delivery.ts';
import { Fault } from '../message/codes.ts';
import type { WriterName } from './batch.ts';
import type { HotConnection } from './hot-connection.ts';
import type { SlotKeys } from './keys.ts';
import type { ClassAtClaim, LeaseTimes, OwnedLane } from './lane-turns.ts';
import { claimScript, releaseScript, renewScript } from './lease-scripts.ts';

export type LeaseOptions = {
  readonly connection: HotConnection;
  readonly keys: SlotKeys;
  readonly writer: WriterName;
  readonly lease: LeaseTimes;
  /** Told Redis' time by every reply that has it. */
  readonly observeClock: (redisMs: number) => void;
};

const RENEWALS_A_CALL_MAX = 256;

/** Which lanes one process owns, and until when by its own monotonic clock (design 5.5). */
export class LaneLeases {
  readonly #connection: HotConnection;
  readonly #keys: SlotKeys;
  readonly #writer: WriterName;
  readonly #lease: LeaseTimes;
  readonly #observeClock: (redisMs: number) => void;
  readonly #leaseUntil = new Map<string, number>();

  constructor({ connection, keys, writer, lease, observeClock }: LeaseOptions) {
    this.#connection = connection;
    this.#keys = keys;
    this.#writer = writer;
    this.#lease = lease;
    this.#observeClock = observeClock;
  }

  /** One attempt to become the owner. Answers the milliseconds to wait when another life still holds the lease. */
  async claim(lane: string): Promise<OwnedLane | { readonly heldForMs: number }> {
    const sentAt = performance.now();
    const reply = await this.#connection.run(
      claimScript,
      [this.#keys.laneMeta(lane)],
      [this.#writer.writer, this.#lease.leaseMs, this.#lease.marginMs],
    );
    if (String(reply[0]) === 'HELD') return { heldForMs: Number(reply[1]) };
    this.#leaseUntil.set(lane, sentAt + this.#lease.leaseMs);
    this.#observeClock(Number(reply[2]));
    const at = (priorityClass: PriorityClass): ClassAtClaim => ({
      settled: Number(reply[3 + 2 * priorityClass]),
      handedBefore: Number(reply[4 + 2 * priorityClass]),
    });
    const classes = { 0: at(0), 1: at(1), 2: at(2), 3: at(3), 4: at(4), 5: at(5), 6: at(6) };
    return { lane, token: Number(reply[1]), classes };
  }

  /** An owner acts on its lane only while more than a third of the lease is left by its own monotonic clock (design 5.5). */
  mayAct(owned: OwnedLane): boolean {
    return this.#left(owned) > this.#lease.leaseMs / 3;
  }

  #left(owned: OwnedLane): number {
    return (this.#leaseUntil.get(owned.lane) ?? 0) - performance.now();
  }

  /** Keeps the leases of these lanes, 256 a call. Answers those that were lost. */
  async renew(owned: readonly OwnedLane[]): Promise<readonly OwnedLane[]> {
    const lost: OwnedLane[] = [];
    for (let from = 0; from < owned.length; from += RENEWALS_A_CALL_MAX) {
      const some = owned.slice(from, from + RENEWALS_A_CALL_MAX);
      const sentAt = performance.now();
      const reply = await this.#connection.run(
        renewScript,
        some.map(({ lane }) => this.#keys.laneMeta(lane)),
        [this.#lease.leaseMs, ...some.map(({ token }) => token)],
      );
      this.#observeClock(Number(reply[1]));
      const gone = new Set(reply.slice(2).map(Number));
      for (const [at, one] of some.entries()) {
        if (gone.has(at)) lost.push(one);
        // One that was given back while the call was out stays given back.
        else if (this.#leaseUntil.has(one.lane)) this.#leaseUntil.set(one.lane, sentAt + this.#lease.leaseMs);
      }
    }
    return lost;
  }

  /** As `renew` for one lane. Throws FENCED when it was lost. */
  async keep(owned: OwnedLane): Promise<void> {
    const [lost] = await this.renew([owned]);
    if (lost !== undefined) throw fenced(lost.lane);
  }

  /**
   * Gives the lane back at once, so that a successor need not wait the lease out. `sentUpTo`: by class, the last laneSeq that may have
   * reached anybody; what was taken beyond is no possible repeat.
   */
  async release(owned: OwnedLane, sentUpTo: ReadonlyMap<PriorityClass, number>): Promise<void> {
    this.#leaseUntil.delete(owned.lane);
    const sent = priorityClasses.flatMap((one) => {
      const seq = sentUpTo.get(one);
      return seq === undefined ? [] : [one, seq];
    });
    const reply = await this.#connection.run(
      releaseScript,
      [this.#keys.laneMeta(owned.lane)],
      [owned.token, ...sent],
    );
    if (String(reply[0]) !== 'OK') throw fenced(owned.lane);
  }

  /** A turn of this lane, sent at `sentAt` (monotonic), lengthened its lease. */
  protected lengthened(lane: string, sentAt: number): void {
    this.#leaseUntil.set(lane, sentAt + this.#lease.leaseMs);
  }
}

export const fenced = (lane: string): Fault => new Fault('FENCED', `lane ${lane} has another owner`);
