/** What dies on the bus comes back: a dead letter of ours, its sender told, and put back when its receiver is well. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceBusClient } from '@azure/service-bus';
import { Redis } from 'ioredis';
import { loadDirectory } from '../src/directory/directory.ts';
import { codes } from '../src/message/codes.ts';
import { CadLine } from '../src/simulate/cad/cad-line.ts';
import { Site } from '../src/simulate/site/site.ts';
import { emulatorConfig } from '../src/topology/emulator-config.ts';
import { deriveTopology } from '../src/topology/topology.ts';
import { CanarySearch } from './failure/canary-search.ts';
import { metricsText } from './failure/role-metrics.ts';
import { shortTimes } from './failure/trial.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-returned-'));
/** Stands for a plate: it may be found sealed only. */
const word = 'QJXKWZVB';
/** A reason a receiver wrote: free text, which may hold anything. */
const freeText = `REFUSED ZZ ${word}`;
const notices: string[] = [];
let site: Site;
let redis: Redis;
let bus: ServiceBusClient;
let dispatch: CadLine;

type Rows = Record<string, unknown>[];
type BusFile = {
  UserConfig: { Namespaces: { Topics: { Subscriptions: { Name: string; Properties: object }[] }[] }[] };
};

/** The topology of the example with queues on which messages die soon. */
const busConfig = (): string => {
  const directory = loadDirectory(join(import.meta.dirname, '../examples/county-099/directory'));
  const file = JSON.parse(emulatorConfig(deriveTopology(directory)).text) as BusFile;
  const soon: Readonly<Record<string, object>> = {
    nv0990300: { DefaultMessageTimeToLive: 'PT1S', LockDuration: 'PT1S' },
    'group-gbn01': { DefaultMessageTimeToLive: 'PT1S' },
    'group-nv': { DefaultMessageTimeToLive: 'PT1S' },
    ca0990200: { MaxDeliveryCount: 2 },
  };
  for (const { Subscriptions } of file.UserConfig.Namespaces.flatMap(({ Topics }) => Topics))
    for (const one of Subscriptions) Object.assign(one.Properties, soon[one.Name]);
  const path = join(folder, 'bus.json');
  writeFileSync(path, JSON.stringify(file));
  return path;
};

before(async () => {
  const settings = {
    ...shortTimes,
    // Programs that are started a dozen times begin in half the time.
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
    TENFOUR_COLLECT_ROUND_MS: '200',
    TENFOUR_COLLECT_WAIT_MS: '50',
    TENFOUR_COLLECT_VISITORS_MAX: '24',
  };
  site = await Site.start({ folder: join(folder, 'site'), busConfig: busConfig(), settings });
  redis = new Redis(site.redis.url);
  bus = new ServiceBusClient(site.busConnectionString);
  dispatch = await CadLine.connect(site.linePorts.get('ca-dispatch') ?? 0, 'link', {
    onDelivery: (text) => {
      if (text.includes(codes.COLLECT_RETURNED.status)) notices.push(text);
      return 'accept';
    },
  });
});
after(async () => {
  redis.disconnect();
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
const dead = (): Promise<number> => redis.xlen('{s0}:dead');
const run = async (...args: string[]): Promise<{ code: number; json: Record<string, unknown> }> => {
  const { code, stdout } = await site.tenfour(['dead', ...args, '--json']);
  return { code, json: JSON.parse(stdout) as Record<string, unknown> };
};
const letters = async (...args: string[]): Promise<Rows> =>
  (await run('ls', ...args)).json['letters'] as Rows;
const send = async (header: string): Promise<void> => {
  const [told] = await dispatch.send(Buffer.from(`\x02${header}.TXT\r\n${word}\x03`));
  assert.equal(told?.kind, 'accepted');
};
const received = async (subscription: string, what: 'abandon' | 'reject' | 'take') => {
  const receiver = bus.createReceiver('point-to-point', subscription, { skipParsingBodyAsJson: true });
  try {
    const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 10_000 });
    assert.ok(message, `${subscription} has a message`);
    if (what === 'abandon') await receiver.abandonMessage(message);
    else if (what === 'take') await receiver.completeMessage(message);
    else
      await receiver.deadLetterMessage(message, {
        deadLetterReason: freeText,
        deadLetterErrorDescription: freeText,
      });
    return message;
  } finally {
    await receiver.close();
  }
};
/** As if it had died on so many subscriptions more. */
const copyLetter = async (id: string, count: number): Promise<void> => {
  const [found] = (await redis.callBuffer('XRANGE', '{s0}:dead', id, id)) as [Buffer, Buffer[]][];
  const [, fields = []] = found ?? [];
  const sub = fields.findIndex((field, at) => at % 2 === 0 && field.toString() === 'sub');
  assert.ok(sub >= 0);
  for (let n = 0; n < count; n += 1)
    await redis.call('XADD', '{s0}:dead', '*', ...fields.with(sub + 1, Buffer.from(`group-${String(n)}`)));
};
const isBalanced = async (): Promise<Record<string, Record<string, number>>> => {
  const ledger = await site.tenfour(['ledger', '--recount', '--json']);
  assert.equal(ledger.code, 0, ledger.stdout);
  return (JSON.parse(ledger.stdout) as { lanes: Record<string, Record<string, number>> }).lanes;
};

test('an `all` that nobody reads is told when the courier starts', () => {
  const log = readFileSync(site.courier.logPath, 'utf8');
  assert.equal(log.match(/"event":"sample.unread"/g)?.length, 2);
});

test('what dies by its age, by tries or by a rejection is a dead letter with its reason, and the sender is told where', async () => {
  await send('AM.CA0990100.NV0990300.*RTEXPIRED1');
  await send('AM.CA0990100.CA0990200.*RTTRIES001');
  await received('ca0990200', 'abandon');
  await received('ca0990200', 'abandon');
  await send('AM.CA0990100.CA0990200.*RTREJECT01');
  await received('ca0990200', 'reject');
  await until('all three are back', async () => (await dead()) === 3);
  const found = (await letters()).map(({ code, subscription, body, generation }) => [
    code,
    subscription,
    body,
    generation,
  ]);
  assert.deepEqual(found.toSorted(), [
    ['COLLECT_EXPIRED', 'nv0990300', 'sealed', 1],
    ['COLLECT_REJECTED', 'ca0990200', 'sealed', 1],
    ['COLLECT_TRIES', 'ca0990200', 'sealed', 1],
  ]);
  await until('the sender is told of each', () => notices.length === 3);
  const expired = notices.find((text) => text.includes('RTEXPIRED1'));
  assert.match(expired ?? '', /\.78\. SENT BUT NOT TAKEN BY ITS RECEIVER - NV0990300/);
  assert.ok(
    notices.every((text) => text.includes(word)),
    'a notice quotes what was sent, as others do',
  );
});

test('a redrive reaches the receiver that is well again, with the body as it was sent', async () => {
  const [letter] = await letters('--code', 'COLLECT_TRIES');
  const { json } = await run('redrive', String(letter?.['id']));
  assert.deepEqual(json, { redriven: 1, left: 0 });
  const message = await received('ca0990200', 'take');
  assert.equal(message.applicationProperties?.['resentOf'], `${String(letter?.['delivery'])}.1`);
  assert.equal(message.applicationProperties['generation'], 2);
  assert.equal(message.applicationProperties['station'], 'ca-dispatch-cad');
  const traced = await site.tenfour(['trace', String(letter?.['delivery'])]);
  const hops = traced.stdout
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/)[1]);
  assert.deepEqual(hops, ['accepted', 'delivered', 'returned', 'notice', 'redriven', 'delivered']);
});

test('a broadcast that dies on two subscriptions is two letters and one notice, and goes back once', async () => {
  const [before, told] = [await dead(), notices.length];
  await send('AML.CA0990100.GBN01.NV.*RTBROAD001');
  await until('both copies are back', async () => (await dead()) === before + 2);
  const both = await letters('--lane', 'broadcast');
  assert.deepEqual(both.map(({ subscription }) => subscription).toSorted(), ['group-gbn01', 'group-nv']);
  assert.deepEqual(both[0]?.['to'], both[1]?.['to']);
  await until('the sender is told', () => notices.length === told + 1);
  // More copies than go back in one step.
  const COPIES = 70;
  await copyLetter(String(both[0]?.['id']), COPIES);
  const waiting = await redis.hget('{s0}:lane:broadcast:m', 'in');
  const { json } = await run('redrive', '--lane', 'broadcast');
  assert.deepEqual(json, { redriven: 2 + COPIES, left: 0 });
  assert.equal(await redis.hget('{s0}:lane:broadcast:m', 'in'), String(Number(waiting) + 1));
  await until('it died there again, and the sender is told', async () => {
    return (await dead()) === before + 2 && notices.length === told + 2;
  });
  const again = await letters('--lane', 'broadcast');
  assert.deepEqual(
    again.map(({ generation }) => generation),
    [2, 2],
  );
});

test('a courier that is killed when Redis has the letters and the bus does not know it makes none twice', async () => {
  const [before, told] = [await dead(), notices.length];
  const COUNT = 12;
  const control = `http://127.0.0.1:${String(site.busControlPort)}`;
  const entity = 'point-to-point/Subscriptions/nv0990300';
  const armed = await fetch(`${control}/fault`, {
    method: 'POST',
    body: JSON.stringify({ fault: 'lose-settle', entity, share: 1 }),
  });
  assert.equal(armed.status, 200, await armed.text());
  const frames = Array.from(
    { length: COUNT },
    (_, n) => `\x02AM.CA0990100.NV0990300.*RTKILL${String(n).padStart(4, '0')}.TXT\r\n${word}\x03`,
  );
  await dispatch.send(Buffer.from(frames.join('')), COUNT);
  await until('Redis has all', async () => (await dead()) === before + COUNT);
  await site.courier.kill9();
  const receiver = bus.createReceiver('point-to-point', 'nv0990300', { subQueueType: 'deadLetter' });
  assert.equal((await receiver.peekMessages(COUNT)).length, COUNT, 'the bus still has all');
  await fetch(`${control}/faults`, { method: 'DELETE' });
  await site.courier.start();
  await until('the bus has let go of them', async () => (await receiver.peekMessages(1)).length === 0);
  await receiver.close();
  await until('each sender is told', () => notices.length >= told + COUNT);
  const [lanes, verified] = await Promise.all([isBalanced(), site.tenfour(['audit', 'verify'])]);
  assert.deepEqual([await dead(), notices.length], [before + COUNT, told + COUNT]);
  assert.equal(lanes['point-to-point']?.['returned'], 3 + COUNT);
  assert.equal(lanes['point-to-point']['dead'], 0, 'the lane had delivered them');
  assert.equal(verified.code, 0);
});

test('somebody else’s message does not stop the rest: it is recorded, its body sealed in the journal, and let go', async () => {
  const before = await dead();
  const sender = bus.createSender('point-to-point');
  await sender.sendMessages([
    { body: Buffer.from(word), applicationProperties: { destination: 'NV0990300' } },
    { body: { word }, messageId: 'x-1-0.1', applicationProperties: { destination: 'NV0990300', format: 1 } },
  ]);
  await sender.close();
  await send('AM.CA0990100.NV0990300.*RTBEHIND01');
  await until('ours is back', async () => (await dead()) === before + 1);
  await until('they are counted', async () =>
    (await metricsText(site.courier)).includes(
      'tenfour_bus_returned_total{lane="point-to-point",code="COLLECT_FOREIGN"} 2',
    ),
  );
});

test('a body that no key here opens is kept as it was sealed, and a redrive says why it does not go', async () => {
  const keys = join(site.folder, 'keys', 'bus.json');
  const text = readFileSync(keys, 'utf8');
  const file = JSON.parse(text) as { keys: { owner: string; epoch: number; k: string }[] };
  await send('AM.CA0990100.CA0990200.*RTSEALED01');
  await received('ca0990200', 'abandon');
  await site.courier.stop();
  const rotated = file.keys.map((one) =>
    one.owner === 'ca-marshal' ? { ...one, epoch: 2, k: Buffer.alloc(32, 9).toString('base64url') } : one,
  );
  writeFileSync(keys, JSON.stringify({ ...file, keys: rotated }));
  await site.courier.start();
  const before = await dead();
  await received('ca0990200', 'reject');
  await until('it is back', async () => (await dead()) === before + 1);
  const [letter] = await letters('--subscription', 'ca0990200', '--limit', '10').then((all) =>
    all.filter(({ body }) => body === 'jwe'),
  );
  assert.ok(letter);
  const { code, json } = await run('redrive', String(letter['id']));
  assert.equal(code, 1);
  assert.deepEqual(json, { redriven: 0, left: 1, refused: { COLLECT_BODY_SEALED: 1 } });
  await isBalanced();
});

test('neither body nor a receiver’s free text is in logs, metrics, keys or on disk', async () => {
  const search = new CanarySearch(word);
  const { found } = search.inFolder(site.folder);
  assert.deepEqual(found, []);
  assert.ok(!(await metricsText(site.courier)).includes(word));
});
