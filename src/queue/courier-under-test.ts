import type { Redis } from 'ioredis';
import type { LaneName, PriorityClass } from '../message/delivery.ts';
import { HotConnection } from './hot-connection.ts';
import type { SlotKeys } from './keys.ts';
import { acceptScript } from './accept-script.ts';
import type { AcceptBatch, AcceptLimits } from './batch.ts';
import type { LaneLimits, LeaseTimes, OwnedLane } from './lane-turns.ts';
import { OwnedLanes } from './lanes.ts';
import type { ClassSettlement, Settlement } from './settle-call.ts';
import { evaluate, limits, openAcceptCall, Pages } from './slot-under-test.ts';

/** A gateway as far as lanes see it: what it accepts is there, or the test fails. */
export class GatewayUnderTest {
  readonly #redis: Redis;
  readonly #keys: SlotKeys;
  readonly #pages = new Pages();

  constructor(redis: Redis, keys: SlotKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async accept(batch: Partial<AcceptBatch>, change: Partial<AcceptLimits> = {}): Promise<void> {
    const page = this.#pages.build('accepted');
    const call = openAcceptCall(this.#keys, 'gate', { ...batch, page }, { ...limits, ...change });
    const [outcome] = await evaluate(this.#redis, acceptScript, call);
    if (outcome !== 'OK') throw new Error(`accept script said ${String(outcome)}`);
    this.#pages.commit(page);
  }
}

type Options = { readonly limits?: Partial<LaneLimits>; readonly times?: LeaseTimes };

/** One courier process as far as the queue sees it. `pages` counts what it made durable. */
export class CourierUnderTest {
  readonly pages = new Pages();
  readonly clock: number[] = [];
  readonly lanes: OwnedLanes<string>;
  readonly #connection: HotConnection;

  private constructor(
    connection: HotConnection,
    keys: SlotKeys,
    writer: string,
    { limits: change, times }: Options,
  ) {
    this.#connection = connection;
    this.lanes = new OwnedLanes<string>({
      connection,
      keys,
      writer: { writer, instance: 'courier:one' },
      lease: times ?? { leaseMs: 600, marginMs: 200 },
      limits: { deadMax: 100, laneHoldMs: limits.laneHoldMs, ...change },
      build: (records) => this.pages.build(records.join(' ')),
      commit: (page) => {
        this.pages.commit(page);
      },
      observeClock: (redisMs) => {
        this.clock.push(redisMs);
      },
    });
  }

  static async open(
    url: string,
    keys: SlotKeys,
    writer: string,
    options: Options = {},
  ): Promise<CourierUnderTest> {
    const nothing = () => undefined;
    const connection = new HotConnection({ url, attemptTimeoutMs: 150, onDown: nothing, onUp: nothing });
    await connection.connect();
    return new CourierUnderTest(connection, keys, writer, options);
  }

  close(): void {
    this.#connection.close();
  }

  async claim(lane: LaneName): Promise<OwnedLane> {
    const claimed = await this.lanes.claim(lane);
    if ('heldForMs' in claimed) throw new Error(`held for ${String(claimed.heldForMs)} ms`);
    return claimed;
  }

  /** Takes of one class, as `laneSeq text`. */
  async take(
    owned: OwnedLane,
    priorityClass: PriorityClass,
    after: number,
    count: number,
  ): Promise<readonly string[]> {
    const { taken } = await this.lanes.turn(owned, undefined, [{ priorityClass, after, count }]);
    return taken.map(({ seq, entry }) => `${String(seq)} ${entry.toString()}`);
  }
}

/** A settlement of these classes; its record says which. */
export const settling = (
  bytes: number,
  classes: readonly ClassSettlement[],
  change: Partial<Settlement<string>> = {},
): Settlement<string> => ({
  classes,
  bytes,
  bodies: [],
  notices: [],
  records: [
    classes.map(({ priorityClass, upTo }) => `${String(priorityClass)} to ${String(upTo)}`).join(' '),
  ],
  ...change,
});
