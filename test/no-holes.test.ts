/** enqueued = sent, as the courier sees it on `all`; and what would be nobody's on the bus is refused at the gateway. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceBusClient } from '@azure/service-bus';
import type { SampledRecord } from '../src/audit/records.ts';
import { loadDirectory } from '../src/directory/directory.ts';
import { codes } from '../src/message/codes.ts';
import { CadLine } from '../src/simulate/cad/cad-line.ts';
import { Site } from '../src/simulate/site/site.ts';
import { writeAppliedTopology } from '../src/topology/applied-file.ts';
import { deriveTopology } from '../src/topology/topology.ts';
import { readRecords } from './failure/audit-records.ts';
import { metric } from './failure/role-metrics.ts';
import { shortTimes } from './failure/trial.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-no-holes-'));
const topic = 'point-to-point';
/** What a courier that was killed had in its hands comes again after that. */
const LOCK_SECONDS = 1;
let site: Site;
let bus: ServiceBusClient;
let dispatch: CadLine;

/** What was applied: all of the example but one group, and broadcasts are not counted. */
const applied = (): string => {
  const topology = deriveTopology(
    loadDirectory(join(import.meta.dirname, '../examples/county-099/directory')),
  );
  const topics = topology.topics.map((one) => ({
    ...one,
    subscriptions: one.subscriptions
      .filter(({ name }) => name !== 'group-gbn03' && !(one.name === 'broadcast' && name === 'all'))
      .map((each) => ({ ...each, settings: { ...each.settings, lockSeconds: LOCK_SECONDS } })),
  }));
  const path = join(folder, 'applied.json');
  const appliedAt = '2026-06-15T14:00:00.000Z';
  writeAppliedTopology(path, { appliedAt, namespace: 'localhost', topology: { ...topology, topics } });
  return path;
};

/** The example's bus, its locks as short as what was applied says. */
const busConfig = (): string => {
  const text = readFileSync(join(import.meta.dirname, '../examples/county-099/bus.json'), 'utf8');
  const path = join(folder, 'bus.json');
  writeFileSync(
    path,
    text.replaceAll(/"LockDuration": "[^"]*"/g, `"LockDuration": "PT${String(LOCK_SECONDS)}S"`),
  );
  return path;
};

before(async () => {
  mkdirSync(folder, { recursive: true });
  const settings = {
    ...shortTimes,
    // Programs that are started a dozen times begin in half the time.
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
    TENFOUR_TOPOLOGY: applied(),
    TENFOUR_SAMPLE: 'on',
    TENFOUR_SAMPLE_MS: '200',
    TENFOUR_SAMPLE_GRACE_MS: '500',
    TENFOUR_SAMPLE_RECORD_MS: '400',
    TENFOUR_COLLECT_WAIT_MS: '50',
  };
  site = await Site.start({ folder: join(folder, 'site'), busConfig: busConfig(), settings });
  bus = new ServiceBusClient(site.busConnectionString);
  dispatch = await CadLine.connect(site.linePorts.get('ca-dispatch') ?? 0, 'link');
});
after(async () => {
  dispatch.close();
  await bus.close();
  await site.stop();
  rmSync(folder, { recursive: true });
});

const until = async (what: string, isSo: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + 30_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within 30 s`);
    await sleep(20);
  }
};
const send = async (count: number): Promise<void> => {
  const frames = Array.from({ length: count }, () => '\x02AM.CA0990100.NV0990300.TXT\r\nTEXT\x03');
  const told = await dispatch.send(Buffer.from(frames.join('')), count);
  assert.ok(told.every(({ kind }) => kind === 'accepted'));
};
/** -1 while a courier that was just started does not answer yet. */
const sampled = (outcome: string): Promise<number> =>
  metric(site.courier, `tenfour_bus_sampled_total{lane="${topic}",outcome="${outcome}"}`).catch(() => -1);
const records = async (): Promise<readonly SampledRecord[]> =>
  (await readRecords(site)).filter((one) => one.e === 'sampled');

test('everything that was sent is seen on the topic, also across a courier that is killed', async () => {
  await send(10);
  // Of what was there when it began to look a courier says nothing, so that is to be over.
  await until('it has begun', async () => (await records()).some(({ lane }) => lane === topic));
  await send(20);
  await until('thirty are seen', async () => (await sampled('seen')) === 30);
  await site.courier.kill9();
  await send(20);
  await site.courier.start();
  await until('the rest is seen by the next one', async () => (await sampled('seen')) >= 20);
  await until('a number is on the record up to the last', async () =>
    (await records()).some(({ lane, classes }) => lane === topic && classes.some(({ to }) => to === 50)),
  );
  for (const outcome of ['missing', 'duplicate', 'unwatched'])
    assert.equal(await sampled(outcome), 0, outcome);
  const classes = (await records()).flatMap((one) => one.classes);
  assert.equal(
    classes.reduce((sum, { seen }) => sum + seen, 0),
    50,
  );
  assert.ok(classes.every(({ missing, more }) => missing.length + more === 0));
  const log = readFileSync(site.courier.logPath, 'utf8');
  assert.match(
    log,
    /"event":"sample.no-all".*"lane":"broadcast"|"lane":"broadcast".*"event":"sample.no-all"/,
  );
});

test('a number that never came, and one that came twice, are counted, logged and on the record', async () => {
  const sender = bus.createSender(topic);
  const like = (laneSeq: number) => ({
    body: Buffer.from('x'),
    applicationProperties: { format: 1, class: 4, laneSeq, possibleDuplicate: false, destination: 'NOBODY' },
  });
  await sender.sendMessages([like(50), like(53)]);
  await sender.close();
  await until('one is a duplicate', async () => (await sampled('duplicate')) === 1);
  await until('two are missing', async () => (await sampled('missing')) === 2);
  await until('that is on the record', async () =>
    (await records()).some(({ classes }) => classes.some(({ missing }) => missing.length > 0)),
  );
  const found = (await records()).flatMap((one) => one.classes).find(({ missing }) => missing.length > 0);
  assert.deepEqual(found?.missing, [[51, 52]]);
  assert.match(readFileSync(site.courier.logPath, 'utf8'), /"event":"sample.missing"/);
});

test('what has no subscription on the bus is refused whole, and the rest goes on', async () => {
  const [refused] = await dispatch.send(Buffer.from('\x02AML.CA0990100.GBN01.GBN03.TXT\r\nTEXT\x03'));
  assert.equal(refused?.kind, 'refused');
  const status = codes.ROUTE_DESTINATION_NO_SUBSCRIPTION.status;
  assert.ok(refused.text.includes(`${status} - DESTINATION AT BYTE 20`), refused.text);
  const [accepted] = await dispatch.send(Buffer.from('\x02AML.CA0990100.GBN01.TXT\r\nTEXT\x03'));
  assert.equal(accepted?.kind, 'accepted');
  assert.match(readFileSync(site.gateway.logPath, 'utf8'), /"event":"topology.applied".*"isSame":false/);
});
