import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Redis } from 'ioredis';
import type { AuditRecord } from '../audit/records.ts';
import { loadConfig } from '../config/config.ts';
import { loadDialect } from '../dialect/dialect.ts';
import { loadDirectory } from '../directory/directory.ts';
import type { PriorityClass } from '../message/delivery.ts';
import type { Message } from '../message/message.ts';
import type { Session } from '../listen/listen.ts';
import { OwnedLanes, PageStream, Queue, readLane } from '../queue/queue.ts';
import { onlooker, recorderSeen, until } from '../queue/slot-under-test.ts';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { Log } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { Acceptance } from './acceptance.ts';
import { Conversation, LineCounts } from './conversation.ts';
import type { FrameItem } from './inbound-item.ts';
import { KeysFolder } from './keys-folder.ts';
import { Writer } from './writer.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'tenfour-acceptance-'));
const keys = KeysFolder.create(join(folder, 'keys'), ['nv-sheriff']);
const directory = loadDirectory(join(root, 'examples', 'county-099', 'directory'));
const dialect = loadDialect(join(root, 'protocols', 'nlets-legacy'));
const line = [...directory.lines.values()].find(({ name }) => name === 'ca-dispatch');
assert.ok(line);
const lane = 'point-to-point';
const memoryMax = 30 * 1024 * 1024;
let server: RedisServer;
let redis: Redis;
let queue: Queue;

before(async () => {
  server = await startRedis({ dir: join(folder, 'redis'), fsync: 'always', maxmemoryBytes: memoryMax });
  redis = onlooker(server.url);
  const nothing = () => undefined;
  const options = { url: server.url, slot: 's0', attemptTimeoutMs: 2000, onDown: nothing, onUp: nothing };
  queue = await Queue.open({ ...options, durability: 'fsync' });
});
after(async () => {
  queue.close();
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  await redis.flushall();
  await recorderSeen(redis, queue.keys);
});

const session: Session = {
  line: line.name,
  id: 1,
  isOpen: true,
  unsentBytes: 0,
  write: () => undefined,
  cork: () => undefined,
  uncork: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
  close: () => undefined,
};
const conversation = new Conversation(session, line, dialect, new LineCounts());

const frame = (priorityClass: PriorityClass, bodyBytes: number): FrameItem => {
  const bytes = Buffer.concat([Buffer.from('AM.CA0990100.NV0990300.TXT '), Buffer.alloc(bodyBytes, 'X')]);
  const message: Message = {
    dialect: dialect.name,
    bytes,
    messageKey: 'AM',
    originatingOri: 'CA0990100',
    destinations: [{ text: 'NV0990300', offset: 13 }],
    control: '',
    bodyOffset: 27,
    fields: [],
    user: '',
    terminal: '',
    incident: '',
    isTest: false,
    traceparent: '',
  };
  return {
    kind: 'frame',
    from: conversation,
    bytes,
    message,
    priorityClass,
    plans: [{ topic: lane, destination: 'NV0990300', groups: [], recipients: ['nv-sheriff'] }],
    receivedAtMs: Date.now(),
    startedAt: performance.now(),
    stamps: {},
    refusals: [],
    isFramingFault: false,
    isCounted: false,
    messageId: '',
  };
};

class Bench {
  readonly metrics = new Metrics();
  readonly events: string[] = [];
  readonly acceptance: Acceptance;
  readonly writer: Writer;

  private constructor(writer: Writer, settings: Readonly<Record<string, string>>) {
    this.writer = writer;
    const write = (text: string) => this.events.push(String((JSON.parse(text) as { event: unknown }).event));
    this.acceptance = new Acceptance(
      {
        config: loadConfig(settings),
        directory,
        dialects: new Map([[dialect.name, dialect]]),
        lines: [...directory.lines.values()],
        queue,
        vault: keys.vault(),
        writer,
        log: new Log('info', { write }),
        metrics: this.metrics,
      },
      () => undefined,
    );
  }

  static async open(settings: Readonly<Record<string, string>> = {}, headMs = 600_000): Promise<Bench> {
    return new Bench(await Writer.open(queue, 'gateway', 'one', '0', keys.signer(), headMs), settings);
  }

  /** The code a frame of this class is refused with, or `accepted`. */
  async send(priorityClass: PriorityClass, bodyBytes = 20_000): Promise<string> {
    const item = frame(priorityClass, bodyBytes);
    this.acceptance.frame(item);
    await this.acceptance.idle();
    return item.refusals[0]?.code ?? 'accepted';
  }

  async memoryShare(): Promise<number> {
    return (await this.metrics.memoryShare.get()).values[0]?.value ?? 0;
  }

  /** Sends this class until it is refused; answers the share of memory at which it was. */
  async refusedAt(priorityClass: PriorityClass): Promise<number> {
    for (let sent = 0; sent < 5000; sent += 1) {
      const share = await this.memoryShare();
      const outcome = await this.send(priorityClass);
      if (outcome === 'accepted') continue;
      assert.equal(outcome, 'QUEUE_MEMORY');
      return share;
    }
    assert.fail('never refused');
  }
}

/** What courier and recorder do, without bus and disk: everything is settled and confirmed. */
const drainAll = async (): Promise<void> => {
  const writer = await Writer.open(queue, 'courier', 'one', '0', keys.signer(), 600_000);
  const lanes = new OwnedLanes<AuditRecord>({
    connection: queue.hot,
    keys: queue.keys,
    writer: writer.name,
    lease: { leaseMs: 10_000, marginMs: 0 },
    deadMax: 10,
    build: (records) => writer.chain.build(records, Buffer.alloc(0), Date.now()),
    commit: (page) => {
      writer.chain.commit({ ...page, writer: writer.name.writer });
    },
  });
  const owned = await lanes.claim(lane);
  assert.ok('token' in owned);
  let cursor = 0;
  let { taken } = await lanes.turn(owned, undefined, { after: 0, count: 100 });
  while (taken.length > 0) {
    const upTo = taken.at(-1)?.seq ?? 0;
    const bytes = taken.reduce((sum, { entry }) => sum + entry.length, 0);
    const settlement = { upTo, delivered: upTo - cursor, bytes, dead: [], records: [writer.opening] };
    cursor = upTo;
    ({ taken } = await lanes.turn(owned, settlement, { after: cursor, count: 100 }));
  }
  const stream = new PageStream(queue.hot, queue.blocking(), queue.keys, 'recorder', {
    leaseMs: 10_000,
    marginMs: 0,
  });
  await stream.claim();
  for (
    let pages = await stream.read('0-0', 100, 0);
    pages.length > 0;
    pages = await stream.read('0-0', 100, 0)
  ) {
    await stream.confirm(pages.at(-1)?.id ?? '');
  }
};

test('a Redis that fills refuses routine messages first and officer safety last, then blocks; drained, it accepts again by itself', async () => {
  const bench = await Bench.open();
  const shares = [await bench.refusedAt(4), await bench.refusedAt(2), await bench.refusedAt(1)];
  for (const [at, limit] of [0.7, 0.8, 0.9].entries()) {
    const share = shares[at] ?? 0;
    assert.ok(share > limit && share < limit + 0.08, `${String(share)} for ${String(limit)}`);
  }
  assert.equal(await bench.send(0, 10), 'QUEUE_MEMORY', 'past 90 % every class is refused');
  const accepted = (await readLane(redis, queue.keys, lane)).in;

  // Refusals are on the record too; when even those do not fit, nothing is answered.
  while (bench.acceptance.blockedBy === '') {
    bench.acceptance.frame(frame(4, 50_000));
    await Promise.race([bench.acceptance.idle(), until('blocked', () => bench.acceptance.blockedBy !== '')]);
  }
  assert.equal(bench.acceptance.blockedBy, 'OUT_OF_MEMORY');
  assert.ok(bench.acceptance.waiting > 0);
  assert.ok(bench.events.includes('queue.blocked'));

  await drainAll();
  await bench.acceptance.idle();
  assert.equal(bench.acceptance.blockedBy, '');
  const counts = await readLane(redis, queue.keys, lane);
  assert.deepEqual(
    [counts.in, counts.delivered, counts.waiting],
    [accepted, accepted, 0],
    'nothing refused came in',
  );
  // The share is read from each reply, so the first frame may still be judged by the one before.
  await bench.send(1, 10);
  assert.equal(await bench.send(4), 'accepted');
  assert.ok((await bench.memoryShare()) < 0.7);
});

test('a full lane refuses its own messages with a code and stores the rest', async () => {
  const bench = await Bench.open({ TENFOUR_LANE_MESSAGES_MAX: '2' });
  assert.deepEqual(
    [await bench.send(4, 10), await bench.send(4, 10), await bench.send(4, 10)],
    ['accepted', 'accepted', 'QUEUE_LANE_FULL'],
  );
  assert.equal((await readLane(redis, queue.keys, lane)).in, 2);
});

const headsOf = async (): Promise<readonly number[]> =>
  (await redis.xrange(queue.keys.audit, '-', '+')).map(
    ([, [, page = '']]) => page.split('"e":"head"').length - 1,
  );

test('a head is signed once an interval, and not lost when its batch is built again for a full lane', async () => {
  const bench = await Bench.open({ TENFOUR_LANE_MESSAGES_MAX: '1' }, 300);
  await bench.send(4, 10);
  await new Promise((resolve) => setTimeout(resolve, 320));
  assert.equal(await bench.send(4, 10), 'QUEUE_LANE_FULL');
  await bench.send(4, 10);
  await bench.send(4, 10);
  assert.deepEqual(await headsOf(), [0, 1, 0, 0]);
});

test('a server that came back without the last calls gets them again, and log and record say STATE_ROLLED_BACK', async () => {
  const bench = await Bench.open();
  await bench.send(4, 10);
  await bench.send(4, 10);
  await redis.flushall();
  await recorderSeen(redis, queue.keys);
  assert.equal(await bench.send(4, 10), 'accepted');
  await bench.acceptance.idle();
  assert.equal((await readLane(redis, queue.keys, lane)).in, 3);
  assert.ok(bench.events.includes('queue.rolled-back'));
  const pages = await redis.xrange(queue.keys.audit, '-', '+');
  assert.equal(pages.length, 4);
  assert.match(pages.at(-1)?.[1][1] ?? '', /"e":"fault","code":"STATE_ROLLED_BACK"/);
});
