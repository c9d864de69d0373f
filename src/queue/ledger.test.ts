import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { acceptScript } from './accept-script.ts';
import type { ScriptArgument } from './hot-connection.ts';
import { type SlotKeys, slotKeys } from './keys.ts';
import { claimScript, settleScript } from './lane-scripts.ts';
import { imbalance, readLane } from './ledger.ts';
import { SlotReader } from './slot-reader.ts';
import { acceptCall, onlooker, Pages, recorderSeen, settleCall } from './slot-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-ledger-'));
const lanes = ['point-to-point', 'broadcast'] as const;
let server: RedisServer;
let redis: Redis;

before(async () => {
  server = await startRedis({ dir: folder, fsync: 'everysec' });
  redis = onlooker(server.url);
});
after(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});

type Step =
  | { readonly do: 'accept'; readonly counts: readonly number[]; readonly isResent: boolean }
  | { readonly do: 'take'; readonly lane: number; readonly count: number }
  | {
      readonly do: 'settle';
      readonly lane: number;
      readonly outcomes: readonly boolean[];
      readonly isResent: boolean;
    }
  | { readonly do: 'takeOver'; readonly lane: number };

const lane = fc.nat({ max: lanes.length - 1 });
const steps = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('accept' as const),
        counts: fc.array(fc.nat({ max: 4 }), { minLength: 2, maxLength: 2 }),
        isResent: fc.boolean(),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('take' as const), lane, count: fc.integer({ min: 1, max: 5 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('settle' as const),
        lane,
        outcomes: fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }),
        isResent: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('takeOver' as const), lane }) },
  ),
  { maxLength: 30 },
);

/** What a lane must hold, kept as plain lists. */
type Model = {
  readonly waiting: { readonly seq: number; readonly text: string }[];
  in: number;
  delivered: number;
  dead: number;
  settled: number;
  handed: number;
  cursor: number;
  token: number;
};

/** Plays steps on a slot of its own and on the model. */
class Play {
  readonly keys: SlotKeys;
  readonly models: readonly Model[] = lanes.map(() => ({
    waiting: [],
    in: 0,
    delivered: 0,
    dead: 0,
    settled: 0,
    handed: 0,
    cursor: 0,
    token: 0,
  }));
  readonly #gateway = new Pages();
  readonly #courier = new Pages();

  constructor(slot: string) {
    this.keys = slotKeys(slot);
  }

  async run(step: Step): Promise<void> {
    if (step.do === 'accept') await this.#accept(step.counts, step.isResent);
    else if (step.do === 'take') await this.#take(step.lane, step.count);
    else if (step.do === 'settle') await this.#settle(step.lane, step.outcomes, step.isResent);
    else await this.claim(step.lane);
  }

  async #accept(counts: readonly number[], isResent: boolean): Promise<void> {
    const page = this.#gateway.build('accepted');
    const offered = lanes.flatMap((name, at) => {
      const model = this.#model(at);
      const entries = Array.from(
        { length: counts[at] ?? 0 },
        (_, i) => `${name} ${String(model.in + i + 1)}`,
      );
      for (const text of entries) {
        model.in += 1;
        model.waiting.push({ seq: model.in, text });
      }
      return entries.length === 0 ? [] : [{ lane: name, entries: entries.map((text) => Buffer.from(text)) }];
    });
    const call = acceptCall(this.keys, 'gate', page, offered);
    assert.equal((await evaluate(acceptScript, call))[0], 'OK');
    if (isResent) assert.equal((await evaluate(acceptScript, call))[0], 'STORED');
    this.#gateway.commit(page);
  }

  async #take(at: number, count: number): Promise<void> {
    const model = this.#model(at);
    const lane = { lane: lanes[at] ?? 'broadcast', token: model.token, after: model.cursor, take: count };
    const reply = await evaluate(settleScript, settleCall(this.keys, 'cour', undefined, [lane]));
    const expected = model.waiting.filter(({ seq }) => seq > model.cursor).slice(0, count);
    assert.deepEqual(
      reply[3],
      expected.flatMap(({ seq, text }) => [seq, text]),
    );
    model.cursor = expected.at(-1)?.seq ?? model.cursor;
    model.handed = Math.max(model.handed, model.cursor);
  }

  /** True is delivered, false is dead; as many as are in hand. */
  async #settle(at: number, outcomes: readonly boolean[], isResent: boolean): Promise<void> {
    const model = this.#model(at);
    const done = model.waiting.filter(({ seq }) => seq <= model.cursor).slice(0, outcomes.length);
    const dead = done.filter((_, i) => outcomes[i] === false);
    const page = this.#courier.build('settled');
    const lane = {
      lane: lanes[at] ?? 'broadcast',
      token: model.token,
      upTo: done.at(-1)?.seq ?? 0,
      delivered: done.length - dead.length,
      bytes: done.reduce((sum, { text }) => sum + text.length, 0),
      dead: dead.map(({ seq }) => [seq, 'DELIVER_MESSAGE'] as const),
    };
    // A former owner with the same news changes nothing.
    const stale = { ...lane, token: model.token - 1 };
    assert.equal((await evaluate(settleScript, settleCall(this.keys, 'cour', page, [stale])))[0], 'FENCED');
    const call = settleCall(this.keys, 'cour', page, [lane]);
    assert.equal((await evaluate(settleScript, call))[1], 'OK');
    if (isResent) assert.equal((await evaluate(settleScript, call))[1], 'STORED');
    this.#courier.commit(page);
    model.waiting.splice(0, done.length);
    model.settled += done.length;
    model.delivered += lane.delivered;
    model.dead += dead.length;
  }

  /** The owner is gone, its lease too: a new one begins at the first unsettled entry. */
  async claim(at: number): Promise<void> {
    const model = this.#model(at);
    const meta = this.keys.laneMeta(lanes[at] ?? 'broadcast');
    await redis.hset(meta, 'until', 0);
    const reply = await evaluate(claimScript, { keys: [meta], args: ['courier', 60_000, 0] });
    model.token += 1;
    assert.deepEqual(reply, ['OK', model.token, model.settled, model.handed]);
    model.cursor = model.settled;
  }

  async check(): Promise<void> {
    for (const [at, name] of lanes.entries()) {
      const model = this.#model(at);
      const counts = await readLane(redis, this.keys, name);
      assert.deepEqual(counts, {
        in: model.in,
        waiting: model.waiting.length,
        delivered: model.delivered,
        dead: model.dead,
        sentUnconfirmed: 0,
        expired: 0,
        divertedOut: 0,
      });
      assert.equal(imbalance(counts), 0);
      const bytes = model.waiting.reduce((sum, { text }) => sum + text.length, 0);
      assert.equal(Number((await redis.hget(this.keys.laneMeta(name), 'bytes')) ?? 0), bytes);
    }
    const dead = this.models.reduce((sum, model) => sum + model.dead, 0);
    assert.equal(await redis.xlen(this.keys.dead), dead);
  }

  #model(at: number): Model {
    const model = this.models[at];
    assert.ok(model);
    return model;
  }
}

const evaluate = async (
  script: string,
  { keys, args }: { keys: string[]; args: ScriptArgument[] },
): Promise<readonly unknown[]> => (await redis.eval(script, keys.length, ...keys, ...args)) as unknown[];

test('after any sequence of accept, take, settle, resend and take-over the ledger balances and equals the model', async () => {
  let slot = 0;
  let played = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      slot += 1;
      const play = new Play(`s${String(slot)}`);
      await recorderSeen(redis, play.keys);
      for (const at of lanes.keys()) await play.claim(at);
      for (const step of sequence) {
        await play.run(step);
        await play.check();
        played += 1;
      }
    }),
    { numRuns: 60 },
  );
  assert.ok(played > 200, 'the sequences were not empty');
});

test('a lane that lost one entry behind our back shows it as imbalance', async () => {
  const keys = slotKeys('lost');
  await recorderSeen(redis, keys);
  const lanesOfCall = [{ lane: 'broadcast', entries: [Buffer.from('a'), Buffer.from('b')] }];
  await evaluate(acceptScript, acceptCall(keys, 'gate', new Pages().build('accepted'), lanesOfCall));
  await redis.xdel(keys.lane('broadcast'), '1-0');
  const reader = await SlotReader.open(server.url, 'lost');
  assert.equal((await reader?.lane('broadcast'))?.imbalance, 1);
  assert.equal((await reader?.pages('0-0', 10))?.length, 1);
  reader?.close();
});

test('who looks at a slot without a server learns that there is none', async () => {
  assert.equal(await SlotReader.open('redis://127.0.0.1:1', 's0'), undefined);
});
