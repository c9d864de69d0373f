import { Fault } from '../message/codes.ts';
import type { AppendPage, WriterName } from './batch.ts';
import type { HotConnection, Reply } from './hot-connection.ts';
import type { SlotKeys } from './keys.ts';
import { settleScript } from './lane-scripts.ts';
import { fenced, LaneLeases, type LeaseOptions } from './lane-leases.ts';
import { type LaneLimits, type LeaseTimes, type OwnedLane, readTaken, type Turn } from './lane-turns.ts';
import type { ScriptArgument } from './script-call.ts';
import { pageArguments, pageKeys, pushRest, pushTurns, type Settlement, type Take } from './settle-call.ts';

type Request<R> = {
  readonly owned: OwnedLane | undefined;
  readonly settlement: Settlement<R>;
  readonly takes: readonly Take[];
  readonly resolve: (turn: Turn) => void;
  readonly reject: (error: Error) => void;
};

const NOTHING = { classes: [], bytes: 0, bodies: [], notices: [] } as const;
const LANES_A_CALL_MAX = 64;
const DEAD_FULL_RETRY_MS = 1000;

/**
 * The lanes one process owns, and the chain it writes for them. Turns of all lanes share one call in flight (design 5.1): while it
 * is out, further turns collect. Ownership is a lease with a fencing token; a stale owner's turn is rejected with FENCED and
 * nothing of it is written.
 */
export class OwnedLanes<R> extends LaneLeases {
  readonly #connection: HotConnection;
  readonly #keys: SlotKeys;
  readonly #writer: WriterName;
  readonly #lease: LeaseTimes;
  readonly #limits: LaneLimits;
  readonly #build: (records: readonly R[]) => AppendPage;
  readonly #commit: (page: AppendPage) => void;
  readonly #observeClock: (redisMs: number) => void;
  #waiting: Request<R>[] = [];
  /** Calls of other scripts that write this chain's pages; each runs alone, between turns. */
  #others: (() => Promise<void>)[] = [];
  #running = false;

  constructor(
    options: LeaseOptions & {
      readonly limits: LaneLimits;
      readonly build: (records: readonly R[]) => AppendPage;
      readonly commit: (page: AppendPage) => void;
    },
  ) {
    super(options);
    this.#connection = options.connection;
    this.#keys = options.keys;
    this.#writer = options.writer;
    this.#lease = options.lease;
    this.#limits = options.limits;
    this.#build = options.build;
    this.#commit = options.commit;
    this.#observeClock = options.observeClock;
  }

  /** Settles what is done and takes more. Lengthens the lease as well. */
  turn(owned: OwnedLane, settlement: Settlement<R> | undefined, takes: readonly Take[]): Promise<Turn> {
    return this.#request(owned, settlement ?? { ...NOTHING, records: [] }, takes);
  }

  /** Writes records that belong to no lane: opening, heads, closing. */
  async append(records: readonly R[]): Promise<void> {
    await this.#request(undefined, { ...NOTHING, records }, []);
  }

  /**
   * One call of the expire, redrive, return or sample script, between turns: `records` become its page, `call` is what follows the page's
   * keys and arguments. STALE: something had moved; DEAD_FULL: no room for a dead letter; nothing was written then.
   */
  write(
    script: string,
    records: readonly R[],
    call: { readonly keys: readonly string[]; readonly args: readonly ScriptArgument[] },
  ): Promise<'OK' | 'STALE' | 'DEAD_FULL'> {
    return new Promise((resolve, reject) => {
      this.#others.push(() => this.#write(script, records, call).then(resolve, reject));
      this.#start();
    });
  }

  async #write(
    script: string,
    records: readonly R[],
    { keys, args }: { readonly keys: readonly string[]; readonly args: readonly ScriptArgument[] },
  ): Promise<'OK' | 'STALE' | 'DEAD_FULL'> {
    const page = this.#build(records);
    const reply = await this.#connection.run(
      script,
      [...pageKeys(this.#keys, this.#writer), ...keys],
      [...pageArguments(page, this.#writer, this.#scriptLimits), ...args],
    );
    const word = String(reply[0]);
    if (word === 'OK') this.#commit(page);
    if (word === 'OK' || word === 'STALE' || word === 'DEAD_FULL') return word;
    throw refused('lane script', reply);
  }

  get #scriptLimits(): LaneLimits & { readonly leaseMs: number } {
    return { ...this.#limits, leaseMs: this.#lease.leaseMs };
  }

  #request(owned: OwnedLane | undefined, settlement: Settlement<R>, takes: readonly Take[]): Promise<Turn> {
    return new Promise<Turn>((resolve, reject) => {
      this.#waiting.push({ owned, settlement, takes, resolve, reject });
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
    while (this.#waiting.length > 0 || this.#others.length > 0) {
      for (const other of this.#others.splice(0)) await other();
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
          this.#later(left.filter((request) => hasDead(request.settlement)));
          left = left.filter((request) => !hasDead(request.settlement));
          break;
        default:
          throw refused('settle script', reply);
      }
    }
  }

  #send(page: AppendPage | undefined, lanes: readonly Request<R>[]): Promise<Reply> {
    const call: { keys: string[]; args: ScriptArgument[] } = { keys: [], args: [] };
    const turns = lanes.flatMap(({ owned, settlement: { classes, bytes }, takes }) =>
      owned === undefined ? [] : [{ lane: owned.lane, token: owned.token, classes, bytes, takes }],
    );
    pushTurns(turns, this.#keys, call);
    const rest = pushRest(
      lanes.flatMap(({ settlement }) => settlement.bodies),
      lanes.flatMap(({ settlement }) => settlement.notices),
      this.#keys,
      call,
    );
    return this.#connection.run(
      settleScript,
      [...pageKeys(this.#keys, this.#writer), this.#keys.dead, ...call.keys],
      [
        ...pageArguments(page, this.#writer, this.#scriptLimits),
        turns.length,
        rest.bodies,
        rest.lanes,
        ...call.args,
      ],
    );
  }

  #answer(requests: readonly Request<R>[], reply: Reply, sentAt: number): void {
    this.#observeClock(Number(reply[2]));
    let at = 3;
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
      this.lengthened(owned.lane, sentAt);
      resolve({ waiting, taken: readTaken(flat) });
    }
  }
}

const refused = (script: string, reply: Reply): Fault =>
  new Fault(
    String(reply[0]) === 'GAP' ? 'GAP' : 'SCRIPT_REFUSED',
    `${script} said ${reply.map(String).join(' ')}`,
  );

const hasDead = ({ classes }: Settlement<unknown>): boolean => classes.some(({ dead }) => dead.length > 0);
