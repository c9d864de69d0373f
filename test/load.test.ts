import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { deliveryKey, readControl, stampsMax, writeControl } from '../loadtest/identity.ts';
import { Latency } from '../loadtest/latency.ts';
import { mixLength, mixOf, mixSummary } from '../loadtest/mix.ts';
import { reconcile } from '../loadtest/reconcile.ts';
import { senderPicks } from '../loadtest/sender-picks.ts';
import { Ear, isNotice, readHead } from '../loadtest/station-frame.ts';
import { StationMix } from '../loadtest/station-mix.ts';
import { profileSummary, stationProfile, topicTextsOf } from '../loadtest/station-profile.ts';

const KEYS = [
  ...['acceptedPerSecond', 'deliveredPerSecond', 'ackP50Ms', 'ackP99Ms', 'endToEndP50Ms', 'endToEndP99Ms'],
  ...['lost', 'duplicates', 'cpuUsPerMessage', 'settings', 'acceptLoopPerSecond'],
];
const STATION_KEYS = [
  ...['deliveredByTopicPerSecond', 'deliveredByStationPerSecond', 'stationEndToEndP50Ms'],
  ...['stationEndToEndP99Ms', 'receivedByStations', 'unreadable', 'strays'],
];
const HELD_KEYS = [
  ...['held', 'acceptFirstPerSecond', 'acceptLastPerSecond', 'acceptDeepPerSecond', 'acceptEmptyPerSecond'],
  ...['acceptRatio', 'acceptLastToFirst', 'drainFirstPerSecond', 'drainLastPerSecond'],
  ...['drainSmallBeforePerSecond', 'drainSmallAfterPerSecond', 'drainFirstRatio', 'drainLastRatio'],
  ...['memoryBytesPerMessage', 'lost', 'duplicates', 'outOfOrder', 'settings'],
];
const PROCESSES = ['gateway', 'courier', 'recorder', 'redis', 'bus', 'generator', 'drainer'];
const RUN_MS_MAX = 60_000;

/** Runs the program to its last line of JSON. Rejects on any exit code but 0. */
const run = async (...args: string[]): Promise<Record<string, unknown>> => {
  const program = join(import.meta.dirname, '../loadtest/load.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [program, '--json', ...args], {
    timeout: RUN_MS_MAX,
  });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
};

test('a load run ends with one line of JSON that names every measure, and nothing is lost or repeated', async () => {
  const result = await run('--seconds', '2', '--warmup', '0.5', '--lines', '4', '--rate', '400');
  assert.deepEqual(Object.keys(result), KEYS);
  assert.deepEqual(Object.keys(result['cpuUsPerMessage'] ?? {}), PROCESSES);
  assert.equal(result['lost'], 0);
  assert.equal(result['duplicates'], 0);
  // 400 a second, of which 5 % are refused.
  assert.ok(Number(result['acceptedPerSecond']) > 300, 'most of the rate asked for is accepted');
  assert.ok(Number(result['deliveredPerSecond']) > 450, 'each accepted message makes 1.5 deliveries');
  assert.ok(Number(result['endToEndP50Ms']) > Number(result['ackP50Ms']) / 2, 'both latencies are measured');
  assert.ok(Number(result['acceptLoopPerSecond']) > 100, 'the bare accept script was measured beside it');
});

test('a run with stations counts what they got on their lines, in two generators, and nothing is lost or repeated', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfour-load-test-'));
  try {
    const file = join(folder, 'result.json');
    const args = ['--seconds', '2', '--warmup', '0.5', '--stations', '12', '--generators', '2'];
    const result = await run(...args, '--rate', '200', '--out', file);
    assert.deepEqual(Object.keys(result), [...KEYS, ...STATION_KEYS]);
    for (const none of ['lost', 'duplicates', 'unreadable', 'strays'])
      assert.equal(result[none], 0, `${none} is 0`);
    assert.ok(Number(result['receivedByStations']) > 0, 'stations got some');
    assert.ok(Number(result['deliveredByTopicPerSecond']) > 0, 'topics got some');
    assert.ok(Number(result['stationEndToEndP99Ms']) > 0, 'the latency to stations is measured');
    const whole = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, unknown>>;
    assert.deepEqual(Object.keys(whole), ['at', 'machine', 'summary', 'settings', 'details']);
    assert.equal(whole['details']?.['otherThanTheMixSays'], 0);
    assert.equal(whole['details']['notices'], 0);
    for (const name of ['cores', 'model', 'memoryBytes', 'kernel', 'node', 'redis', 'commit', 'dirty'])
      assert.ok(whole['machine']?.[name] !== undefined, `the machine's ${name} is told`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('what was held for a station that was away comes whole and in order when it connects', async () => {
  const result = await run('--held', '2000');
  assert.deepEqual(Object.keys(result), HELD_KEYS);
  assert.equal(result['held'], 2_000);
  for (const none of ['lost', 'duplicates', 'outOfOrder']) assert.equal(result[none], 0, `${none} is 0`);
  for (const measure of ['acceptRatio', 'drainFirstRatio', 'drainLastRatio', 'memoryBytesPerMessage'])
    assert.ok(Number(result[measure]) > 0, `${measure} is measured`);
});

test('a delivery that nobody got, one that came twice and one that nobody sent are each counted', () => {
  const keys = (...values: number[]) => Float64Array.from(values).sort();
  const found = reconcile(keys(1, 2, 3, 4), keys(1, 1, 2, 9), keys(2, 3));
  assert.deepEqual(found, { lost: 1, duplicates: 1, markedDuplicates: 1, strays: 1 });
});

test('a control field says line and time again, and deliveries of different messages never share a key', () => {
  const frame = Buffer.alloc(12, '.');
  writeControl(frame, 1, 4_999, 3_600_000_000);
  const identity = readControl(frame.toString('latin1', 1, 11));
  assert.deepEqual(identity, { line: 4_999, stampUs: 3_600_000_000 });
  assert.equal(readControl('ab00000000'), undefined);
  const space = { lines: 3, places: 5 };
  const near = [
    { line: 0, stampUs: 1 },
    { line: 0, stampUs: 2 },
    { line: 2, stampUs: 1 },
  ].flatMap((each) => [0, 1, 4].map((place) => deliveryKey(each, place, space)));
  assert.equal(new Set(near).size, 9);
  const last = { line: space.lines - 1, stampUs: stampsMax(space) - 1 };
  assert.ok(Number.isSafeInteger(deliveryKey(last, space.places - 1, space)), 'the last key is exact');
});

test('histograms of several processes add up', () => {
  const [one, other] = [new Latency(), new Latency()];
  one.record(1_000);
  other.record(2_000);
  const { count, percentiles } = Latency.sumOf([one.encoded(), other.encoded()]).summary();
  assert.equal(count, 2);
  assert.equal(percentiles['50'], 1);
  assert.equal(percentiles['100'], 2);
});

test('a profile has as many stations as asked, the share delivered by station, and groups of 10 to 50', () => {
  for (const stations of [1, 12, 50, 315, 3_000, 5_000]) {
    const profile = stationProfile(stations, 40);
    const summary = profileSummary(profile);
    assert.equal(summary.deliveredByStation, Math.floor(stations * 0.4));
    assert.ok(summary.groupMembers.min >= 10 && summary.groupMembers.max <= 50);
    const oris = profile.agencies.map(({ ori }) => ori);
    assert.equal(new Set(oris).size, oris.length, 'no ORI twice');
    assert.ok(oris.every((ori) => /^(CA|NV|OR|WA|AZ)099[12]\d{3}$/.test(ori)));
    assert.equal(topicTextsOf(profile).at(-1), '', 'the broadcast is the last of the topic texts');
    assert.equal(new Set(senderPicks(stations)).size, stations, 'every station sends');
  }
  assert.equal(profileSummary(stationProfile(3_000, 40)).ofThemByApplication, 60);
});

test('the mix over stations has the destinations, refusals and sizes of the fixed one', () => {
  const profile = stationProfile(315, 40);
  const mix = new StationMix(profile);
  let [destinations, refused, bytes] = [0, 0, 0];
  const keys = new Set<number>();
  let keysMade = 0;
  for (let at = 0; at < mixLength * 50; at += 1) {
    const written = mix.write(at, at % 315, at);
    const [, to = ''] = /^\x02[A-Z]+\.[A-Z0-9]{9}\.(.*)\.\*/.exec(written.frame.toString('latin1')) ?? [];
    const texts = to.split('.');
    assert.equal(new Set(texts).size, texts.length, 'no destination twice');
    destinations += texts.length;
    bytes += written.frame.length;
    if (written.keys.length === 0) refused += 1;
    for (const key of written.keys) keys.add(key);
    keysMade += written.keys.length;
  }
  const messages = mixLength * 50;
  assert.equal(destinations / messages, 1.5);
  assert.equal(refused / messages, 0.05);
  assert.equal(bytes / messages, 400);
  assert.equal(keys.size, keysMade, 'no delivery has the key of another');
});

test('a frame to a station is read wherever the network cuts it', () => {
  const text = [
    'AM.CA0991001',
    '23:59 11/21/2026 00007',
    '00:00 11/22/2026 00042 GBN01.GBN02',
    '*00B0000001',
    'POSSIBLE DUPLICATE',
    'TXT',
    'INVENTED',
  ].join('\r\n');
  const bytes = Buffer.from(`\x06\x02${text}\x03\x06`, 'latin1');
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const ear = new Ear();
    const heard = [...ear.hear(bytes.subarray(0, cut)), ...ear.hear(bytes.subarray(cut))];
    assert.deepEqual(heard, ['ack', { text }, 'ack']);
  }
  assert.deepEqual(readHead(text), {
    key: 'AM',
    ori: 'CA0991001',
    sentCount: '00042',
    destination: 'GBN01.GBN02',
    identity: { line: 11, stampUs: 1 },
    isMarked: true,
  });
});

test('a notice that a delivery came to nothing is told from a refusal, whatever the sender wrote', () => {
  const text = (status: string, original: string) =>
    ['ER.CAGWY0000', '*00B0000001', 'TXT', status, 'ORIGINAL MESSAGE', original].join('\r\n');
  assert.ok(isNotice(text('.73. NOT DELIVERED IN TIME', 'INVENTED')));
  assert.ok(isNotice(text('.74. COULD NOT BE DELIVERED', 'INVENTED')));
  assert.ok(!isNotice(text('.20. INVALID DATA', '.74. COULD NOT BE DELIVERED')));
});

test('the mix is what design 8 fixes', () => {
  const { frameBytesAverage, keys, destinationsAverage, refusedShare } = mixSummary();
  assert.equal(frameBytesAverage, 400);
  assert.equal(keys.length, 8);
  assert.equal(destinationsAverage, 1.5);
  assert.equal(refusedShare, 0.05);
  assert.equal(mixOf('CA0991001').length, mixLength);
});
