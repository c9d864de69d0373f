import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type OwnedLanes, ServerClock } from '../queue/queue.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { Expiry } from './expiry.ts';
import { openLanes, type LaneRecord } from './lane-record.ts';
import { configOf, type Sent, Slot } from './lanes-under-test.ts';

const lane = 'station.nv-patrol-cad';
let slot: Slot;
let lanes: OwnedLanes<LaneRecord>;
let clock: ServerClock;
let expiry: Expiry;

before(async () => {
  slot = await Slot.open('expiry');
});
after(() => slot.close());
beforeEach(async () => {
  await slot.clean();
  const writer = await slot.writer('courier');
  clock = new ServerClock(() => undefined);
  lanes = openLanes(configOf(), slot.queue, writer, clock);
  const notices = slot.notices(writer.name.writer);
  expiry = new Expiry({ queue: slot.queue, lanes, clock, notices, metrics: new Metrics() });
});

const accept = (...sent: readonly Sent[]): Promise<void> =>
  slot.accept(sent.map((one) => ({ ...one, lane })));
const outcomes = async () =>
  (await slot.records()).flatMap((record) =>
    record.e === 'deliver' ? [`${record.d} ${record.o} ${record.code ?? ''}`] : [],
  );

test('a message past its deadline leaves the lane of a station that is away, and its sender is told', async () => {
  await accept({ n: 1 }, { n: 2, ttlMs: 100 }, { n: 3, ttlMs: 60_000 }, { n: 4, ttlMs: 100 });
  await expiry.byDeadline();
  assert.equal((await slot.counts(lane)).expired, 0, 'not before its time');
  await sleep(120);
  await expiry.byDeadline();
  const { expired, waiting } = await slot.counts(lane);
  assert.deepEqual([expired, waiting], [2, 2]);
  assert.deepEqual(await outcomes(), [
    'gabc-2-0 expired DELIVER_EXPIRED',
    'gabc-4-0 expired DELIVER_EXPIRED',
  ]);
  const told = await slot.told('ca-dispatch-cad');
  assert.deepEqual(
    told.map((text) => /\r\n\*(\w+)\r\nTXT\r\n(\.\d+\.)/.exec(text)?.slice(1)),
    [
      ['CTL00002', '.73.'],
      ['CTL00004', '.73.'],
    ],
  );
  assert.equal(await slot.redis.zcard(slot.queue.keys.due), 1, 'the one that still has time');
  await expiry.byDeadline();
  assert.equal((await slot.counts(lane)).expired, 2, 'each once');
});

test('what an owner was given is the owner’s to judge', async () => {
  await accept({ n: 1, ttlMs: 50 }, { n: 2, ttlMs: 50 });
  const owned = await lanes.claim(lane);
  assert.ok('token' in owned);
  await lanes.turn(owned, undefined, [{ priorityClass: 4, after: 0, count: 1 }]);
  await sleep(60);
  await expiry.byDeadline();
  const { expired, waiting } = await slot.counts(lane);
  assert.deepEqual([expired, waiting], [1, 1]);
  assert.deepEqual(await outcomes(), ['gabc-2-0 expired DELIVER_EXPIRED']);
});

test('what was given to an owner that is gone expires as unconfirmed, and its sender is told just that', async () => {
  await accept({ n: 1, ttlMs: 50 }, { n: 2, ttlMs: 50 });
  const owned = await lanes.claim(lane);
  assert.ok('token' in owned);
  await lanes.turn(owned, undefined, [{ priorityClass: 4, after: 0, count: 1 }]);
  // The owner is gone without giving the lane back, and its lease has run out.
  await slot.redis.hset(slot.queue.keys.laneMeta(lane), 'until', 1);
  await sleep(60);
  await expiry.byDeadline();
  assert.deepEqual(await outcomes(), [
    'gabc-1-0 expired DELIVER_UNCONFIRMED',
    'gabc-2-0 expired DELIVER_EXPIRED',
  ]);
  const told = await slot.told('ca-dispatch-cad');
  assert.deepEqual(
    told.map((text) => /\r\n\*(\w+)\r\nTXT\r\n(\.\d+\.)/.exec(text)?.slice(1)),
    [
      ['CTL00001', '.75.'],
      ['CTL00002', '.73.'],
    ],
  );
});

test('an expired message gives up its share of a body, and an entry nobody can read is expired without a word', async () => {
  const shared: Sent = { n: 7, isShared: true, ttlMs: 50, lane };
  await slot.accept(
    [shared, { n: 8, raw: Buffer.from('no entry'), ttlMs: 50, lane }],
    [{ messageId: 'gabc-7', references: 2, sealed: slot.seal({ n: 7 }) }],
  );
  await sleep(60);
  await expiry.byDeadline();
  assert.equal((await slot.counts(lane)).expired, 2);
  assert.equal(await slot.redis.hget(slot.queue.keys.body('gabc-7'), 'n'), '1');
  const [text = '', ...more] = await slot.told('ca-dispatch-cad');
  assert.deepEqual(more, []);
  assert.match(text, /\.73\. NOT DELIVERED IN TIME/);
});

test('while the clock is suspended nothing expires', async () => {
  await accept({ n: 1, ttlMs: 50 });
  await sleep(60);
  clock.observe(1000, 0);
  clock.observe(100_000, 1);
  await expiry.byDeadline();
  assert.equal((await slot.counts(lane)).expired, 0);
});
