import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Chain, type Page } from '../audit/chain.ts';
import type { AcceptRecord, AuditRecord, DeliverRecord } from '../audit/records.ts';
import { SegmentStore } from '../audit/segment-store.ts';
import { audienceMax, hopsMax, lateMs, type Picture } from '../board/picture.ts';
import { ServerClock } from '../queue/queue.ts';
import { until } from '../queue/slot-under-test.ts';
import { openLanes } from './lane-record.ts';
import { configOf, directory, Slot } from './lanes-under-test.ts';
import { Watch, type WatchOptions } from './watch.ts';

const patrol = 'station.nv-patrol-cad';
let slot: Slot;
let record: string;
const watches: Watch[] = [];

before(async () => {
  slot = await Slot.open('watch');
  record = join(slot.folder, 'record');
});
after(() => slot.close());
beforeEach(async () => {
  await slot.clean();
  rmSync(record, { recursive: true, force: true });
});
afterEach(async () => {
  for (const watch of watches.splice(0)) await watch.stop();
});

const open = async (options: Partial<WatchOptions> = {}): Promise<Watch> => {
  const watch = await Watch.open({
    redisUrl: slot.server.url,
    slot: 's0',
    directory,
    everyMs: 50,
    ...options,
  });
  watches.push(watch);
  return watch;
};
const shows = async (watch: Watch, what: string, isSo: (picture: Picture) => boolean): Promise<Picture> => {
  await until(what, () => isSo(watch.picture()), 6000);
  return watch.picture();
};
const stationOf = ({ stations }: Picture, id = 'nv-patrol-cad') =>
  stations.find(({ station }) => station === id);
const laneOf = ({ lanes }: Picture, name: string) => lanes.find(({ lane }) => lane === name);

/** Pages as a gateway's chain makes them. `add` leaves a page where the recorder has not been yet: on the stream. */
class Pages {
  readonly #chain: Chain;

  constructor(writer: string) {
    this.#chain = new Chain(writer);
  }

  make(...records: readonly AuditRecord[]): Page {
    const page = this.#chain.build(records, Buffer.alloc(0), Date.now());
    this.#chain.commit(page);
    return page;
  }

  async add(...records: readonly AuditRecord[]): Promise<Page> {
    const page = this.make(...records);
    await slot.redis.xadd('{s0}:audit', '*', 'p', page.bytes, 'j', page.journal);
    return page;
  }
}

const onDisk = async (...pages: readonly Page[]): Promise<void> => {
  const store = await SegmentStore.open(record, 64 * 1024 * 1024, 0);
  await store.store(
    pages.map(({ bytes, journal }) => ({ page: bytes, journal })),
    0,
  );
  await store.close();
};

const accepted = (id: string, deliveries: AcceptRecord['deliveries'] = [], t = Date.now()): AcceptRecord => ({
  ...{ e: 'accept', id, t, line: 'ca-dispatch', station: 'ca-dispatch-cad', agency: 'ca-dispatch' },
  ...{ ori: 'CA0990100', mke: 'AM', dialect: 'nlets-legacy', cls: 4, to: ['Z1'], bytes: 40, dir: '1' },
  ...{ user: '', terminal: '', incident: '', test: 0, tp: '', stamps: { parse: 20 }, deliveries },
});
const refused = (id: string, ...codes: readonly string[]): AuditRecord => ({
  ...{ e: 'refuse', id, t: Date.now(), line: 'ca-dispatch', codes: codes.map((code) => ({ code })) },
});
const settled = (
  d: string,
  lane: string,
  o: DeliverRecord['o'],
  st: number,
  code?: string,
): DeliverRecord => ({
  ...{ e: 'deliver', d, lane, seq: 1, mid: `${d}.1`, o, pd: 0, t: st - 1, st, tries: 1 },
  ...(code === undefined ? {} : { code }),
});

test('lanes are counted by class, with the age of the oldest, and the books balance', async () => {
  const [old, young] = [{ receivedAtMs: Date.now() - 20_000 }, { receivedAtMs: Date.now() - 5000 }];
  await slot.accept([
    { n: 1, lane: patrol, priorityClass: 4, delivery: young },
    { n: 2, lane: patrol, priorityClass: 1, delivery: old },
    { n: 3, lane: patrol, priorityClass: 4, delivery: young },
    { n: 4, lane: 'point-to-point', raw: Buffer.from('no entry') },
  ]);
  const picture = (await open()).picture();
  const lane = laneOf(picture, patrol);
  assert.deepEqual(lane?.waitingByClass, [0, 1, 0, 0, 2, 0, 0]);
  assert.equal(lane.waiting, 3);
  assert.ok(lane.oldestAgeMs >= 20_000 && lane.oldestAgeMs < 25_000, String(lane.oldestAgeMs));
  // What cannot be read has no age; it is counted all the same.
  assert.deepEqual(
    [laneOf(picture, 'point-to-point')?.waiting, laneOf(picture, 'point-to-point')?.oldestAgeMs],
    [1, 0],
  );
  assert.deepEqual([picture.books.in, picture.books.waiting, picture.books.imbalance], [4, 4, 0]);
  assert.deepEqual(
    picture.lanes.slice(0, 3).map(({ end }) => end),
    ['topic', 'topic', 'station'],
  );
  assert.deepEqual(picture.warnings, []);
});

test('books that are off are shown, even when two lanes make up for each other', async () => {
  await slot.accept([
    { n: 1, lane: patrol },
    { n: 2, lane: 'broadcast' },
  ]);
  await slot.redis.hincrby(`{s0}:lane:${patrol}:m`, 'in', 3);
  await slot.redis.hincrby('{s0}:lane:broadcast:m', 'in', -3);
  assert.equal((await open()).picture().books.imbalance, 6);
});

test('a station is never, connected, late and away by its lease and by what waits for it', async () => {
  const watch = await open();
  assert.equal(stationOf(watch.picture())?.word, 'never');
  const lanes = openLanes(
    configOf(),
    slot.queue,
    await slot.writer('stations'),
    new ServerClock(() => undefined),
  );
  const owned = await lanes.claim(patrol);
  assert.ok('token' in owned);
  await shows(watch, 'connected', (picture) => stationOf(picture)?.word === 'connected');
  await slot.accept([{ n: 1, lane: patrol, delivery: { receivedAtMs: Date.now() - lateMs - 1000 } }]);
  const late = await shows(watch, 'late', (picture) => stationOf(picture)?.word === 'late');
  assert.equal(stationOf(late)?.waiting, 1);
  await lanes.release(owned, new Map());
  await shows(watch, 'away', (picture) => stationOf(picture)?.word === 'away');
  // One whose gateway died is away when its lease has run out.
  await slot.redis.hset(`{s0}:lane:${patrol}:m`, 'owner', 'gone', 'until', Date.now() + 300);
  await shows(watch, 'connected', (picture) => stationOf(picture)?.word === 'late');
  await shows(watch, 'away', (picture) => stationOf(picture)?.word === 'away');
});

test('rates are differences of the counters, and refusals those of the pages', async () => {
  const watch = await open({ everyMs: 400 });
  const pages = new Pages('ggg');
  await slot.accept(Array.from({ length: 30 }, (_, n) => ({ n, lane: patrol })));
  await pages.add({ e: 'open', role: 'gateway', instance: 'one', version: '0', predecessor: null });
  await pages.add(refused('ggg-1', 'PARSE_FIELD', 'VALIDATE_TEXT_EMPTY'), accepted('ggg-2'));
  await pages.add({ e: 'refused-count', line: 'ca-dispatch', code: 'PARSE_FIELD', n: 9 });
  const { rates, books } = await shows(watch, 'a rate', ({ rates: { accepted: rate } }) => rate > 0);
  assert.ok(rates.accepted > 30 && rates.accepted < 160, String(rates.accepted));
  assert.equal(books.in, 30);
  const later = await shows(
    watch,
    'refusals',
    ({ rates: { refusedByCode } }) => refusedByCode['PARSE_FIELD'] === 10,
  );
  assert.deepEqual(later.rates.refusedByCode, { PARSE_FIELD: 10, VALIDATE_TEXT_EMPTY: 1 });
  await shows(
    watch,
    'quiet again',
    ({ rates: now }) => now.accepted === 0 && now.refused === 0 && now.messages === 0,
  );
});

test('hops come from the pages, newest first, with the time since the acceptance, and never more than are kept', async () => {
  const watch = await open();
  const pages = new Pages('ggg');
  const t = Date.now() - 1000;
  const p2p = { d: 'ggg-1-0', lane: patrol, dest: 'NV0990400', groups: [], to: [] };
  await pages.add(accepted('ggg-1', [p2p], t));
  await pages.add(settled('ggg-1-0', patrol, 'dead', t + 40, 'DELIVER_NAK'));
  await pages.add(
    {
      e: 'notice',
      id: 'sss-1',
      d: 'sss-1-0',
      lane: 'station.ca-dispatch-cad',
      cls: 1,
      of: 'ggg-1-0',
      code: 'DELIVER_DEAD',
      t: t + 41,
    },
    { e: 'redrive', d: 'ggg-1-0', lane: patrol, cls: 4, generation: 2, mid: 'x', by: '', t: t + 100 },
  );
  await pages.add(settled('ggg-1-0', patrol, 'delivered', t + 150));
  const picture = await shows(watch, 'five hops', ({ hops }) => hops.length === 5);
  assert.deepEqual(
    picture.hops.map(({ what, messageId, messageKey, code, afterMs }) => [
      what,
      messageId,
      messageKey,
      code,
      afterMs,
    ]),
    [
      ['delivered', 'ggg-1', 'AM', undefined, 150],
      ['redriven', 'ggg-1', 'AM', undefined, 100],
      ['notice', 'ggg-1', 'AM', 'DELIVER_DEAD', 41],
      ['dead', 'ggg-1', 'AM', 'DELIVER_NAK', 40],
      ['accepted', 'ggg-1', 'AM', undefined, undefined],
    ],
  );
  assert.equal(stationOf(picture)?.lastToAt, t + 150);
  assert.equal(stationOf(picture, 'ca-dispatch-cad')?.lastFromAt, t);
  await pages.add(...Array.from({ length: 200 }, (_, n) => accepted(`ggg-${String(n + 2)}`)));
  const many = await shows(
    watch,
    'the last',
    ({ hops }) => hops[0]?.messageId === 'ggg-201' || hops.length === hopsMax,
  );
  assert.equal(many.hops.length, hopsMax);
});

test('a broadcast has an audience: a code each on the topic, a station each, those without it first', async () => {
  const watch = await open();
  const pages = new Pages('ggg');
  const t = Date.now() - 500;
  const groups = Array.from({ length: 150 }, (_, n) => `G${String(n)}`);
  const deliveries = [
    { d: 'ggg-1-0', lane: 'broadcast', dest: '', groups, to: [] },
    { d: 'ggg-1-1', lane: patrol, dest: '', groups: ['NV'], to: [] },
    { d: 'ggg-1-2', lane: 'station.az-police-msc', dest: '', groups: ['AZ'], to: [] },
    { d: 'ggg-1-3', lane: 'station.or-sheriff-cad', dest: '', groups: ['OR'], to: [] },
  ];
  await pages.add(accepted('ggg-1', deliveries, t));
  await shows(watch, 'all wait', ({ broadcasts }) => broadcasts[0]?.tally.waiting === 153);
  await pages.add(
    settled('ggg-1-0', 'broadcast', 'delivered', t + 12),
    settled('ggg-1-2', 'station.az-police-msc', 'sentUnconfirmed', t + 300),
    settled('ggg-1-3', 'station.or-sheriff-cad', 'expired', t + 400, 'DELIVER_EXPIRED'),
  );
  const { broadcasts } = await shows(
    watch,
    'most have it',
    (picture) => picture.broadcasts[0]?.tally.delivered === 150,
  );
  const [one] = broadcasts;
  assert.deepEqual(one?.tally, { waiting: 1, delivered: 150, unconfirmed: 1, dead: 0, expired: 1 });
  assert.equal(one.audience.length, audienceMax);
  assert.deepEqual(one.audience.slice(0, 4), [
    { name: 'or-sheriff-cad', kind: 'station', state: 'expired', afterMs: 400 },
    { name: 'nv-patrol-cad', kind: 'station', state: 'waiting', afterMs: undefined },
    { name: 'az-police-msc', kind: 'station', state: 'unconfirmed', afterMs: 300 },
    { name: 'G0', kind: 'topic-code', state: 'delivered', afterMs: 12 },
  ]);
});

test('what is at the end of the record on disk is shown, and counts for no rate', async () => {
  const pages = new Pages('ggg');
  await onDisk(pages.make(accepted('ggg-1'), refused('ggg-2', 'PARSE_FIELD')), pages.make(accepted('ggg-3')));
  const { hops, rates, record: seen } = (await open({ recordFolder: record })).picture();
  assert.deepEqual(hops.map(({ messageId }) => messageId).toSorted(), ['ggg-1', 'ggg-2', 'ggg-3']);
  assert.deepEqual(rates.refusedByCode, {});
  assert.deepEqual([seen.pagesSeen, seen.pagesMissed], [0, 0]);
});

test('a page that left the stream unread is found on disk; without a folder it is missed, and that is said', async () => {
  const pages = new Pages('ggg');
  const [withFolder, without] = [await open({ recordFolder: record }), await open()];
  await onDisk(await pages.add(accepted('ggg-1')));
  await shows(withFolder, 'the first', ({ hops }) => hops.length === 1);
  await shows(without, 'the first', ({ hops }) => hops.length === 1);
  // The recorder takes a page off the stream only once it is on its disk.
  await onDisk(pages.make(accepted('ggg-2')), pages.make(accepted('ggg-3')));
  await pages.add(accepted('ggg-4'));
  const whole = await shows(withFolder, 'all four', ({ hops }) => hops.length === 4);
  assert.deepEqual([whole.warnings, whole.record.pagesSeen, whole.record.pagesMissed], [[], 4, 0]);
  assert.equal(whole.record.missedAt, undefined);
  const holed = await shows(without, 'the last', ({ hops }) => hops.length === 2);
  assert.deepEqual(holed.record.pagesMissed, 2);
  const { missedAt = 0 } = holed.record;
  assert.ok(missedAt > holed.at - 5000 && missedAt <= holed.at, String(missedAt));
  await shows(without, 'said so', ({ warnings }) => warnings.includes('PAGES_MISSED'));
});

test('pages are followed by the clock of Redis, though ours is ten minutes ahead or behind', async ({
  mock,
}) => {
  const now = Date.now;
  for (const [at, aheadMs] of [600_000, -600_000].entries()) {
    const clock = mock.method(Date, 'now', () => now() + aheadMs);
    const watch = await open();
    await new Pages(`gg${String(at)}`).add(accepted(`gg${String(at)}-1`));
    const { record: seen } = await shows(watch, 'the hop', ({ hops }) => hops.length > at);
    clock.mock.restore();
    assert.equal(seen.pagesSeen, 1);
  }
});

test('a page that is not on disk either is missed, whatever stands behind it there', async () => {
  const pages = new Pages('ggg');
  const watch = await open({ recordFolder: record });
  await onDisk(await pages.add(accepted('ggg-1')));
  await shows(watch, 'the first', ({ hops }) => hops.length === 1);
  pages.make(accepted('ggg-2'));
  await onDisk(pages.make(accepted('ggg-3')));
  await pages.add(accepted('ggg-4'));
  const holed = await shows(watch, 'the last', ({ hops }) => hops.length === 3);
  assert.equal(holed.record.pagesMissed, 1);
  await shows(watch, 'said so', ({ warnings }) => warnings.includes('PAGES_MISSED'));
});

test('a last page that nobody follows up is missed too, once its writer is asked', async () => {
  const pages = new Pages('ggg');
  const [withFolder, without] = [await open({ recordFolder: record }), await open()];
  await onDisk(await pages.add(accepted('ggg-1')));
  await shows(without, 'the first', ({ hops }) => hops.length === 1);
  await onDisk(pages.make(accepted('ggg-2')));
  await slot.redis.hset('{s0}:w:ggg', 'n', 2);
  await shows(without, 'missed', ({ record: { pagesMissed } }) => pagesMissed === 1);
  const found = await shows(withFolder, 'found', ({ hops }) => hops.length === 2);
  assert.equal(found.record.pagesMissed, 0);
});

test('a recorder that is silent is told of', async () => {
  await slot.redis.hset('{s0}:audit:m', 'seen', Date.now() - 11_000);
  const watch = await open();
  assert.deepEqual(watch.picture().warnings, ['RECORDER_SILENT']);
  await slot.redis.hset('{s0}:audit:m', 'seen', Date.now());
  await shows(watch, 'seen again', ({ warnings }) => warnings.length === 0);
});

test('one listener that throws disturbs no other, and one that left hears nothing', async () => {
  const watch = await open();
  let [heard, left] = [0, 0];
  watch.onPicture(() => {
    throw new Error('a listener of the test');
  });
  watch.onPicture(() => {
    heard += 1;
  });
  watch.onPicture(() => {
    left += 1;
  })();
  await until('heard', () => heard >= 3);
  assert.equal(left, 0);
});

test('while Redis is away the last picture stays and grows old; then all goes on by itself', async () => {
  const watch = await open();
  const pages = new Pages('ggg');
  await slot.accept([{ n: 1, lane: patrol }]);
  await pages.add(accepted('ggg-1'));
  const last = await shows(watch, 'both', ({ hops, books }) => hops.length === 1 && books.in === 1);
  slot.server.kill9();
  await shows(watch, 'down', ({ warnings }) => warnings.includes('REDIS_DOWN'));
  await sleep(200);
  const old = watch.picture();
  assert.ok(old.ageMs > 100 && old.at >= last.at);
  assert.deepEqual([old.books, old.hops, old.lanes.length], [last.books, last.hops, last.lanes.length]);
  assert.equal(old.rates.accepted, 0);
  await slot.server.restart();
  await shows(watch, 'up', ({ warnings, ageMs }) => !warnings.includes('REDIS_DOWN') && ageMs === 0);
  await pages.add(accepted('ggg-2'));
  await shows(watch, 'the next hop', ({ hops }) => hops.length === 2);
});

test('without Redis from the start there is an empty picture that says so, and it ends in time', async () => {
  const watch = await open({ redisUrl: 'redis://127.0.0.1:1' });
  const { warnings, lanes, at } = watch.picture();
  assert.deepEqual([warnings, lanes, at], [['REDIS_DOWN'], [], 0]);
  const startedAt = performance.now();
  await watch.stop();
  assert.ok(performance.now() - startedAt < 1000);
});
