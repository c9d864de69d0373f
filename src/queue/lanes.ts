import { Fault } from '../message/codes.ts';
import type { AppendPage, WriterName } from './accept.ts';
import type { HotConnection, Reply } from './hot-connection.ts';
import type { SlotKeys } from './keys.ts';
import { claimScript, renewScript, settleScript } from './lane-scripts.ts';
import type { ScriptArgument } from './script-call.ts';

export type LeaseTimes = { readonly leaseMs: number; readonly marginMs: number };

/** A lane in our hands. `handedBefore`: entries up to it were given to an earlier owner and may repeat. */
export type OwnedLane = {
  readonly lane: string;
  readonly token: number;
  readonly handedBefore: number;
  readonly settledAtClaim: number;
};

/** A prefix of a lane that is done: everything up to `upTo`, counted by outcome. Records go to the audit page as they are. */
export type Settlement<R> = {
  readonly upTo: number;
  readonly delivered: number;
  readonly bytes: number;
  readonly dead: readonly { readonly seq: number; readonly code: string }[];
  readonly records: readonly R[];
};

export type TakenEntry = { readonly seq: number; readonly entry: Buffer };
export type Turn = { readonly waiting: number; readonly taken: readonly TakenEntry[] };

type Request<R> = {
  readonly owned: OwnedLane | undefined;
  readonly settlement: Settlement<R>;
  readonly takeAfter: number;
  readonly takeCount: number;
  readonly resolve: (turn: Turn) => void;
  readonly reject: (error: Error) => void;
};

const NOTHING = { upTo: 0, delivered: 0, bytes: 0, dead: [] } as const;
const LANES_A_CALL_MAX = 64;
const DEAD_FULL_RETRY_MS = 1000;

/**
 * The lanes one process owns, and the chain it writes for them. Turns of all lanes share one call in flight (design 5.1): while it
 * is out, further turns collect. Ownership is a lease with a fencing token; a stale owner's turn is rejected with FENCED and
 * nothing of it is written.
 */
export class OwnedLanes<R> {
  readonly #connection: HotConnection;
  readonly #keys: SlotKeys;
  readonly #writer: WriterName;
  readonly #lease: LeaseTimes;
  readonly #deadMax: number;
  readonly #build: (records: readonly R[]) => AppendPage;
  readonly #commit: (page: AppendPage) => void;
  readonly #leaseUntil = new Map<string, number>();
  #waiting: Request<R>[] = [];
  #running = false;

  constructor(options: {
    connection: HotConnection;
    keys: SlotKeys;
    writer: WriterName;
    lease: LeaseTimes;
    deadMax: number;
    build: (records: readonly R[]) => AppendPage;
    commit: (page: AppendPage) => void;
  }) {
    this.#connection = options.connection;
    this.#keys = options.keys;
    this.#writer = options.writer;
    this.#lease = options.lease;
    this.#deadMax = options.deadMax;
    this.#build = options.build;
    this.#commit = options.commit;
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
    return {
      lane,
      token: Number(reply[1]),
      settledAtClaim: Number(reply[2]),
      handedBefore: Number(reply[3]),
    };
  }

  /** An owner acts on its lane only while more than a third of the lease is left by its own monotonic clock (design 5.5). */
  mayAct(owned: OwnedLane): boolean {
    return this.#left(owned) > this.#lease.leaseMs / 3;
  }

  #left(owned: OwnedLane): number {
    return (this.#leaseUntil.get(owned.lane) ?? 0) - performance.now();
  }

  /** Keeps the lease of an idle lane. Throws FENCED when it was lost. */
  async renew(owned: OwnedLane): Promise<void> {
    await this.#lengthen(owned, this.#lease.leaseMs);
  }

  /** Gives the lane back at once, so that a successor need not wait the lease out. */
  async release(owned: OwnedLane): Promise<void> {
    await this.#lengthen(owned, 0);
    this.#leaseUntil.delete(owned.lane);
  }

  async #lengthen(owned: OwnedLane, leaseMs: number): Promise<void> {
    const sentAt = performance.now();
    const reply = await this.#connection.run(
      renewScript,
      [this.#keys.laneMeta(owned.lane)],
      [owned.token, leaseMs],
    );
    if (String(reply[0]) !== 'OK') throw fenced(owned.lane);
    this.#leaseUntil.set(owned.lane, sentAt + leaseMs);
  }

  /** Settles what is done and takes up to `takeCount` entries after `takeAfter`. Lengthens the lease as well. */
  turn(
    owned: OwnedLane,
    settlement: Settlement<R> | undefined,
    take: { readonly after: number; readonly count: number },
  ): Promise<Turn> {
    return this.#request(owned, settlement ?? { ...NOTHING, records: [] }, take.after, take.count);
  }

  /** Writes records that belong to no lane: opening, heads, closing. */
  async append(records: readonly R[]): Promise<void> {
    await this.#request(undefined, { ...NOTHING, records }, 0, 0);
  }

  #request(
    owned: OwnedLane | undefined,
    settlement: Settlement<R>,
    takeAfter: number,
    takeCount: number,
  ): Promise<Turn> {
    return new Promise<Turn>((resolve, reject) => {
      this.#waiting.push({ owned, settlement, takeAfter, takeCount, resolve, reject });
      this.#start();
    });
  }

  #start(): void {
    if (this.#running) return;
    this.#running = true;
    setImmediate(() => {
      void this.#drain();
    });
  }

  #later(requests: readonly Request<R>[]): void {
    setTimeout(() => {
      this.#waiting.push(...requests);
      this.#start();
    }, DEAD_FULL_RETRY_MS);
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const requests = this.#waiting.splice(0, LANES_A_CALL_MAX);
      try {
        await this.#one(requests);
      } catch (error) {
        const failure =
          error instanceof Error ? error : new Fault('SCRIPT_REFUSED', 'unknown failure', { cause: error });
        for (const request of requests) request.reject(failure);
      }
    }
    this.#running = false;
  }

  async #one(requests: readonly Request<R>[]): Promise<void> {
    let left = requests;
    for (;;) {
      if (left.length === 0) return;
      const records = left.flatMap(({ settlement }) => settlement.records);
      const page = records.length > 0 ? this.#build(records) : undefined;
      const lanes = left.filter((request) => request.owned !== undefined);
      const sentAt = performance.now();
      const reply = await this.#send(page, lanes);
      switch (String(reply[0])) {
        case 'OK': {
          if (page !== undefined) this.#commit(page);
          this.#answer(left, reply, sentAt);
          return;
        }
        case 'FENCED': {
          const lost = new Set(reply.slice(1).map((index) => lanes[Number(index)]));
          for (const request of lost) request?.reject(fenced(request.owned?.lane ?? ''));
          left = left.filter((request) => !lost.has(request));
          break;
        }
        case 'DEAD_FULL':
          // Lanes with a dead letter hold, for a letter may not vanish because the dead stream is full; the others go on.
          this.#later(left.filter(({ settlement }) => settlement.dead.length > 0));
          left = left.filter(({ settlement }) => settlement.dead.length === 0);
          break;
        default:
          throw new Fault(
            String(reply[0]) === 'GAP' ? 'GAP' : 'SCRIPT_REFUSED',
            `settle script said ${reply.map(String).join(' ')}`,
          );
      }
    }
  }

  #send(page: AppendPage | undefined, lanes: readonly Request<R>[]): Promise<Reply> {
    const k = this.#keys;
    const { writer, instance } = this.#writer;
    const keys = [k.writer(writer), k.audit, k.auditMeta, k.ready, k.dead, k.instance(instance)];
    const args: ScriptArgument[] =
      page === undefined
        ? [0, '', '', '', '', this.#deadMax, '', this.#lease.leaseMs]
        : [
            page.n,
            page.prev,
            page.head,
            page.bytes,
            page.journal,
            this.#deadMax,
            page.n === 1 ? writer : '',
            this.#lease.leaseMs,
          ];
    for (const { owned, settlement, takeAfter, takeCount } of lanes) {
      if (owned === undefined) continue;
      keys.push(k.lane(owned.lane), k.laneMeta(owned.lane));
      args.push(
        owned.lane,
        owned.token,
        settlement.upTo,
        settlement.delivered,
        settlement.bytes,
        takeAfter,
        takeCount,
        settlement.dead.length,
      );
      for (const { seq, code } of settlement.dead) args.push(seq, code);
    }
    return this.#connection.run(settleScript, keys, args);
  }

  #answer(requests: readonly Request<R>[], reply: Reply, sentAt: number): void {
    let at = 2;
    for (const { owned, resolve, reject } of requests) {
      if (owned === undefined) {
        resolve({ waiting: 0, taken: [] });
        continue;
      }
      const waiting = Number(reply[at]);
      const flat = reply[at + 1] as readonly unknown[];
      at += 2;
      if (waiting < 0) {
        reject(fenced(owned.lane));
        continue;
      }
      this.#leaseUntil.set(owned.lane, sentAt + this.#lease.leaseMs);
      const taken: TakenEntry[] = [];
      for (let i = 0; i + 1 < flat.length; i += 2) {
        taken.push({ seq: Number(flat[i]), entry: flat[i + 1] as Buffer });
      }
      resolve({ waiting, taken });
    }
  }
}

const fenced = (lane: string): Fault => new Fault('FENCED', `lane ${lane} has another owner`);
