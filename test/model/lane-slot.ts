import assert from 'node:assert/strict';
import type { Redis } from 'ioredis';
import { Chain } from '../../src/audit/chain.ts';
import type { AuditRecord } from '../../src/audit/records.ts';
import { recount } from '../../src/audit/recount.ts';
import { streamSource } from '../../src/audit/source.ts';
import type { LaneName } from '../../src/message/delivery.ts';
import { DeadLetters } from '../../src/queue/dead-letters.ts';
import { HotConnection, type Reply, type ScriptArgument } from '../../src/queue/hot-connection.ts';
import { type SlotKeys, slotKeys } from '../../src/queue/keys.ts';
import type { OwnedLane } from '../../src/queue/lane-turns.ts';
import { OwnedLanes } from '../../src/queue/lanes.ts';
import { imbalance, readLane } from '../../src/queue/ledger.ts';
import { Overdue } from '../../src/queue/overdue.ts';
import { SlotReader } from '../../src/queue/slot-reader.ts';
import { limits } from '../../src/queue/slot-under-test.ts';
import { classes, type LaneModel, laneNames, type ModelEntry, type NewModelEntry } from './lane-model.ts';

/** A connection that loses the reply of its next call when told to, and sends the same bytes again. */
class LossyConnection extends HotConnection {
  losesReply = false;

  override async run(
    script: string,
    keys: readonly string[],
    args: readonly ScriptArgument[],
  ): Promise<Reply> {
    const reply = await super.run(script, keys, args);
    if (!this.losesReply) return reply;
    this.losesReply = false;
    return super.run(script, keys, args);
  }
}

/** An entry's bytes: of a length that differs, so that a wrong sum of bytes shows. */
export const bytesOf = ({ id, body }: NewModelEntry): Buffer =>
  Buffer.from(`${id} ${body} ${'x'.repeat(Number(id.slice(1)) % 7)}`);

/** The slot in Redis as its users see it: a gateway's chain, and one process that owns lanes, sweeps and redrives. */
export class LaneSlot {
  readonly redis: Redis;
  readonly keys: SlotKeys = slotKeys('s0');
  readonly gateway = new Chain('gate');
  readonly lanes: OwnedLanes<AuditRecord>;
  readonly overdue: Overdue;
  readonly deadLetters: DeadLetters;
  /** The last life's hold on each lane; a former one is kept to prove that it is fenced. */
  readonly owned = new Map<LaneName, OwnedLane>();
  readonly #courier = new Chain('cour');
  readonly #connection: LossyConnection;
  readonly #reader: SlotReader;

  constructor(redis: Redis, connection: HotConnection, reader: SlotReader) {
    assert.ok(connection instanceof LossyConnection);
    this.redis = redis;
    this.#connection = connection;
    this.#reader = reader;
    this.overdue = new Overdue(redis, this.keys);
    this.deadLetters = new DeadLetters(redis, this.keys);
    this.lanes = new OwnedLanes<AuditRecord>({
      connection,
      keys: this.keys,
      writer: { writer: 'cour', instance: 'courier:one' },
      lease: { leaseMs: 60_000, marginMs: 0 },
      limits: { deadMax: 10_000, laneHoldMs: limits.laneHoldMs },
      build: (records) => this.#courier.build(records, Buffer.alloc(0), Date.now()),
      commit: (page) => {
        this.#courier.commit({ ...page, writer: 'cour' });
      },
      observeClock: () => undefined,
    });
  }

  static async connect(url: string): Promise<{ connection: HotConnection; reader: SlotReader }> {
    const nothing = () => undefined;
    const connection = new LossyConnection({ url, attemptTimeoutMs: 5000, onDown: nothing, onUp: nothing });
    await connection.connect();
    const reader = await SlotReader.open(url, 's0');
    assert.ok(reader);
    return { connection, reader };
  }

  /** The reply of the next call of the owner's process is lost. */
  loseReply(): void {
    this.#connection.losesReply = true;
  }

  ownedOf(lane: LaneName): OwnedLane {
    const owned = this.owned.get(lane);
    assert.ok(owned);
    return owned;
  }

  /** Everything that Redis holds of lanes is what the model says, and the record says the same. */
  async check(model: LaneModel): Promise<void> {
    const derived = await recount([streamSource('slot', (after, max) => this.#reader.pages(after, max))]);
    for (const name of laneNames) {
      const lane = model.lane(name);
      const counts = await readLane(this.redis, this.keys, name);
      assert.deepEqual(counts, { ...lane.counts, waiting: lane.entries.length }, `ledger of ${name}`);
      assert.equal(imbalance(counts), 0, `balance of ${name}`);
      const nothing = { in: 0, delivered: 0, sentUnconfirmed: 0, dead: 0, expired: 0, divertedOut: 0 };
      assert.deepEqual(derived.get(name) ?? nothing, lane.counts, `recount of ${name}`);
      await this.#checkLane(model, name);
    }
    await this.#checkSlot(model);
  }

  async #checkLane(model: LaneModel, name: LaneName): Promise<void> {
    const lane = model.lane(name);
    const meta = await this.redis.hgetall(this.keys.laneMeta(name));
    const bytes = lane.entries.reduce((sum, entry) => sum + bytesOf(entry).length, 0);
    assert.equal(Number(meta.bytes ?? 0), bytes, `bytes of ${name}`);
    for (const one of classes) {
      const { entries, next, settled, handed, gone } = lane.classes[one];
      const stream = await this.redis.xrange(this.keys.lane(name, one), '-', '+');
      assert.deepEqual(
        stream.map(([id, [, text]]) => [id, text]),
        entries.map((entry) => [`${String(entry.seq)}-0`, bytesOf(entry).toString()]),
        `entries of ${name} ${String(one)}`,
      );
      const numbers = ['n', 's', 'h', 'g'].map((field) => Number(meta[`${field}${String(one)}`] ?? 0));
      const nextOrNone = meta[`n${String(one)}`] === undefined ? 0 : next;
      assert.deepEqual(
        numbers,
        [nextOrNone, settled, handed, gone.length],
        `numbers of ${name} ${String(one)}`,
      );
      assert.ok(next === 1 || nextOrNone > 0);
    }
  }

  async #checkSlot(model: LaneModel): Promise<void> {
    const all = [...model.lanes.values()].flatMap(({ entries }) => entries);
    const due = all.filter(({ isDue }) => isDue).map(memberOf);
    assert.deepEqual(
      (await this.redis.zrange(this.keys.due, '0', '-1')).toSorted(),
      due.toSorted(),
      'due set',
    );
    const ready = laneNames.filter((name) => model.lane(name).entries.length > 0);
    assert.deepEqual((await this.redis.smembers(this.keys.ready)).toSorted(), ready.toSorted(), 'ready set');
    const bodies = await this.redis.keys(this.keys.body('*'));
    const references = await Promise.all(bodies.map((key) => this.redis.hget(key, 'n')));
    const prefix = this.keys.body('').length;
    assert.deepEqual(
      new Map(bodies.map((key, at) => [key.slice(prefix), Number(references[at])])),
      new Map(model.bodies),
      'references of bodies',
    );
    const dead = await this.deadLetters.read('0-0', 10_000);
    assert.deepEqual(
      dead.map(
        ({ lane, priorityClass, seq, entry }) =>
          `${lane} ${String(priorityClass)} ${String(seq)} ${entry.toString()}`,
      ),
      model.dead.map((entry) => `${memberOf(entry)} ${bytesOf(entry).toString()}`),
      'dead letters',
    );
    const rings = await Promise.all([
      this.redis.xlen(this.keys.bells.courier),
      this.redis.xlen(this.keys.bells.gateway),
    ]);
    assert.deepEqual(rings, [model.rings.courier, model.rings.gateway], 'rings');
  }
}

const memberOf = ({ lane, priorityClass, seq }: ModelEntry): string =>
  `${lane} ${String(priorityClass)} ${String(seq)}`;
