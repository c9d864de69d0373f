import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Book, bookNames, readBooks } from '../../loadtest/witness/books.ts';
import { BusReader } from '../../loadtest/witness/bus-reader.ts';
import { readKeys } from '../../loadtest/witness/opened-body.ts';
import { untilRecorded } from './audit-records.ts';
import { framed, RawLine } from './raw-line.ts';
import { exampleStations, RawStation, sendTexts } from './raw-station.ts';
import { assertRecordWhole, readLedger, shortTimes, untilDelivered, withSite } from './trial.ts';

const ackTimeoutMs = 1_200;
const leaseMs = Number(shortTimes.TENFOUR_LEASE_MS);
const vehicleQuery = (control: string): string =>
  framed(`RQ.CA0990100.NV.*${control}.TXT\r\nLIC/ZZZ9999.LIY/2026.LIT/PC`);

test('says neither yes nor no while Redis does not answer, closes the line, and settles the message once afterwards', {
  timeout: 40_000,
}, async (t) => {
  const settings = { ...shortTimes, TENFOUR_ATTEMPT_TIMEOUT_MS: '300' };
  const editLine = (line: Record<string, unknown>): void => {
    line['ackTimeoutMs'] = ackTimeoutMs;
  };
  await withSite({ settings, editLine }, async (site) => {
    const books = join(site.folder, 'witness');
    const got = new Book(books, bookNames.got);
    for (const name of [bookNames.sent, bookNames.told]) new Book(books, name).close();
    const reader = new BusReader({
      host: '127.0.0.1',
      port: site.busPort,
      subscriptions: ['point-to-point/all'],
      keys: readKeys(site.busKeyFile),
      got,
    });
    t.after(() => {
      reader.stop();
      got.close();
    });

    const before = await RawLine.open(site, 'ca-dispatch');
    before.send(vehicleQuery('BEFORE'));
    assert.equal((await before.answered(1))[0]?.kind, 'ack');

    process.kill(site.redis.pid, 'SIGSTOP');
    const stoppedAt = performance.now();
    try {
      before.send(vehicleQuery('DURING1') + vehicleQuery('DURING2'));
      await before.closed(ackTimeoutMs + 3_000);
      assert.ok(performance.now() - stoppedAt >= ackTimeoutMs, 'closed no sooner than the line allows');
      assert.deepEqual([before.bytesRead, before.answers.length], [1, 1], 'not a byte after the first ACK');
      // The same bytes go out again and again meanwhile; all of them reach Redis when it wakes up.
      await sleep(600);
    } finally {
      process.kill(site.redis.pid, 'SIGCONT');
    }

    const after = await RawLine.open(site, 'ca-dispatch');
    after.send(vehicleQuery('AFTER'));
    assert.equal((await after.answered(1))[0]?.kind, 'ack');
    after.close();
    await untilDelivered(site);
    reader.stop();
    got.flush();

    const arrived = readBooks(books).got;
    assert.deepEqual(
      arrived.map(({ control }) => control),
      ['BEFORE', 'DURING1', 'DURING2', 'AFTER'],
    );
    assert.deepEqual(
      arrived.map(({ laneSeq }) => laneSeq),
      [1, 2, 3, 4],
    );
    const { lanes } = await readLedger(site);
    assert.equal(lanes['point-to-point']?.in, 4);
    const records = await untilRecorded(
      site,
      (all) =>
        all.some((record) => record.e === 'fault' && record.code === 'ACCEPT_UNKNOWN') &&
        all.some((record) => record.e === 'session' && record.code === 'ACCEPT_UNKNOWN'),
      'ACCEPT_UNKNOWN, once as a fault and once as why the session was closed',
    );
    assert.equal(records.filter(({ e }) => e === 'accept').length, 4);
    await assertRecordWhole(site);
  });
});

for (const spec of exampleStations.filter(({ confirm }) => confirm !== 'none')) {
  test(`keeps what ${spec.line} (${spec.confirm}) confirms while Redis does not answer, sends it nothing twice and stops in time`, {
    timeout: 40_000,
  }, async () => {
    const settings = { ...shortTimes, TENFOUR_ATTEMPT_TIMEOUT_MS: '300' };
    await withSite({ settings }, async (site) => {
      const controls = Array.from({ length: 12 }, (_, at) => `S${String(at)}`);
      const station = await RawStation.open(site, spec);
      await sendTexts(site, spec.ori, controls);
      const [first] = await station.take(1);
      const out = await station.next();

      process.kill(site.redis.pid, 'SIGSTOP');
      const came = [first, out];
      try {
        // The lease runs out meanwhile: whoever cannot renew it does not go on with what it holds in memory.
        await sleep(leaseMs);
        station.confirm(out);
        await sleep(300);
        assert.equal(station.raw.answers.length, came.length, 'nothing leaves without a lease');
      } finally {
        process.kill(site.redis.pid, 'SIGCONT');
      }
      came.push(...(await station.take(controls.length - came.length)));
      await untilDelivered(site);
      assert.deepEqual(
        came.map((frame) => frame?.control),
        controls,
      );
      assert.ok(came.every((frame) => frame?.isMarked === false));
      assert.equal(station.raw.answers.length, controls.length, 'nothing came twice');
      await assertRecordWhole(site);
      station.raw.close();
    });
  });
}
