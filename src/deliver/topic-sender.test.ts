import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { type BusAccess, readAccess } from '../bus/access.ts';
import { BusClient } from '../bus/bus-client.ts';
import { webSocketThrough } from '../bus/transport.ts';
import { until } from '../queue/slot-under-test.ts';
import { openLossyWay } from '../simulate/faults/lossy-way.ts';
import {
  connectionString,
  parseEmulatorConfig,
  type ServiceBus,
  startServiceBus,
} from '../simulate/service-bus/service-bus.ts';
import { keptTlsPair } from '../simulate/service-bus/tls-certificate.ts';
import { classifyBusFault, TopicBus, type TopicSender } from './deliver.ts';

const [topic, other] = ['point-to-point', 'broadcast'];
const config = parseEmulatorConfig({
  UserConfig: {
    Namespaces: [
      { Name: 'one', Topics: [topic, other].map((Name) => ({ Name, Subscriptions: [{ Name: 'all' }] })) },
    ],
  },
});
const timeoutMs = 1000;
const defaults = { timeoutMs, batchBytesMax: 240 * 1024, linkIdleMs: 240_000, sendsMax: 256 };
let standIn: ServiceBus;
const opened: BusClient[] = [];

const folder = mkdtempSync(join(tmpdir(), 'tenfour-sender-'));
const trusted = getCACertificates('default');

before(async () => {
  const tls = await keptTlsPair(join(folder, 'tls'), Date.now());
  setDefaultCACertificates([...trusted, tls.cert]);
  standIn = await startServiceBus({ port: 0, config, tls });
});
after(async () => {
  for (const client of opened) await client.close();
  await standIn.stop();
  setDefaultCACertificates(trusted);
  rmSync(folder, { recursive: true });
});

const byString = (text: string): BusAccess => ({ kind: 'connection-string', connectionString: text });

/** A courier's bus, and what it tells of its links. */
const open = (
  port: number,
  change: Partial<typeof defaults> = {},
  client = new BusClient(byString(connectionString(port)), { identifier: 'tenfour-test', timeoutMs }),
) => {
  opened.push(client);
  const told: string[] = [];
  const bus = new TopicBus(
    client,
    { ...defaults, ...change },
    {
      link: (name, why) => told.push(`${name} ${why}`),
      mute: (name) => told.push(`${name} mute`),
      renewal: (name, outcome) => told.push(`${name} ${outcome}`),
    },
  );
  return { bus, client, told };
};

let ids = 0;
const send = (sender: TopicSender): Promise<void> =>
  sender.send([
    sender.ready({
      messageId: `t-${String((ids += 1))}`,
      subject: 'AM',
      contentType: 'application/jose',
      properties: {},
      body: Buffer.from('x'),
    }),
  ]);

const failure = async (attempt: Promise<void>) => {
  const error: unknown = await attempt.then(
    () => assert.fail('was sent'),
    (reason: unknown) => reason,
  );
  return classifyBusFault(error);
};

const fault = async (query: string): Promise<void> => {
  const url = `http://127.0.0.1:${String(standIn.controlPort)}/fault?${query}`;
  assert.equal((await fetch(url, { method: 'POST' })).status, 200);
};

/** Over TCP, and inside WebSockets, whose sockets the SDK keeps elsewhere. */
const clientOver: Readonly<Record<string, (port: number) => Promise<BusClient>>> = {
  TCP: (port) =>
    Promise.resolve(
      new BusClient(byString(connectionString(port)), { identifier: 'tenfour-test', timeoutMs }),
    ),
  WebSockets: async (port) =>
    new BusClient(
      byString(`Endpoint=sb://localhost:${String(port)};SharedAccessKeyName=any;SharedAccessKey=c2FtcGxl`),
      { identifier: 'tenfour-test', timeoutMs, webSocket: await webSocketThrough('') },
    ),
};

for (const [kind, clientTo] of Object.entries(clientOver)) {
  test(`a ${kind} connection that lost its way is dropped at the first timeout, and the next send makes another`, async (t) => {
    const way = await openLossyWay(standIn.port);
    t.after(() => way.close());
    const { bus, told } = open(0, {}, await clientTo(way.port));
    const sender = bus.topic(topic);
    await send(sender);
    way.loseNow();
    assert.equal((await failure(send(sender))).class, 'link');
    // Within its timeout, so it did not wait for the dead one.
    await send(sender);
    assert.deepEqual([told, way.made()], [[`${topic} first`, `${topic} mute`, `${topic} failed`], 2]);
  });
}

test('a link that gets no answers on a connection that lives is made anew by itself; others keep theirs', async (t) => {
  const way = await openLossyWay(standIn.port);
  t.after(() => way.close());
  const { bus, told } = open(way.port);
  const [silent, well] = [bus.topic(topic), bus.topic(other)];
  await send(silent);
  await send(well);
  await fault('silent=1');
  const under = { way: true };
  const failed = failure(send(silent)).finally(() => {
    under.way = false;
  });
  let sent = 0;
  // The first waits until the silence is taken, as it is on the same connection behind it.
  await sleep(200);
  while (under.way) {
    await send(well);
    sent += 1;
    await sleep(20);
  }
  assert.equal((await failed).class, 'link');
  await send(silent);
  assert.ok(sent > 3, String(sent));
  assert.deepEqual([told, way.made()], [[`${topic} first`, `${other} first`, `${topic} failed`], 1]);
});

test('a link nobody used for long is opened anew before it is trusted, and one in use is not', async () => {
  const { bus, told } = open(standIn.port, { linkIdleMs: 300 });
  const sender = bus.topic(topic);
  await send(sender);
  await send(sender);
  assert.deepEqual(told, [`${topic} first`]);
  await sleep(350);
  await send(sender);
  assert.deepEqual(told, [`${topic} first`, `${topic} idle`]);
});

test('a link the bus detached meanwhile is opened anew, and what fails then was not out', async () => {
  const { bus, client, told } = open(standIn.port);
  const sender = bus.topic(topic);
  type Inside = { _connectionContext: { senders: Readonly<Record<string, { isOpen(): boolean }>> } };
  const { senders } = (client.sdk as unknown as Inside)._connectionContext;
  const detached = async (): Promise<void> => {
    await fault('detach');
    await until('a detach', () => Object.values(senders).every((one) => !one.isOpen()));
  };
  await send(sender);
  await detached();
  await fault('authFail=1');
  assert.equal((await failure(send(sender))).class, 'entity');
  assert.equal(sender.wasOut, false);
  await send(sender);
  assert.deepEqual(told, [`${topic} first`, `${topic} failed`]);
  await detached();
  await send(sender);
  assert.deepEqual(told.at(-1), `${topic} detached`);
});

/** As over a long way: each chunk comes this much later. */
const openLongWay = async (toPort: number, ms: number) => {
  const sockets = new Set<Socket>();
  const later = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.on('error', () => undefined);
    from.on('data', (chunk: Buffer) => setTimeout(() => to.write(chunk), ms));
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  };
  const server = createServer((near) => {
    const far = connect(toPort, '127.0.0.1');
    later(near, far);
    later(far, near);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
};

test('a topic whose link is gone does not cut the connection that another is about to open', async (t) => {
  const way = await openLongWay(standIn.port, 50);
  t.after(() => {
    way.close();
  });
  const { bus, client, told } = open(way.port, { timeoutMs: 5000 });
  const [one, two] = [bus.topic(topic), bus.topic(other)];
  await Promise.all([send(one), send(two)]);
  assert.ok(client.remains.drop());
  const first = send(one);
  // It is dialling by now.
  await sleep(60);
  await Promise.all([first, send(two)]);
  assert.deepEqual(told.slice(2), [`${topic} detached`, `${other} detached`]);
});

test('a client that got no link in time twice in a row is replaced, for whoever uses it', async (t) => {
  const way = await openLossyWay(standIn.port);
  t.after(() => way.close());
  const { bus, client, told } = open(way.port, { timeoutMs: 500 });
  const sender = bus.topic(topic);
  await send(sender);
  // What the SDK waits for after a connection ended, and what never came.
  type Inside = { _connectionContext: { readyToOpenLink(): Promise<void> } };
  const stuck = client.sdk;
  (stuck as unknown as Inside)._connectionContext.readyToOpenLink = () => new Promise(() => undefined);
  way.dropNow();
  for (let tries = 0; client.sdk === stuck; tries += 1) {
    assert.ok(tries < 4, 'it is replaced');
    assert.equal((await failure(send(sender))).class, 'link');
  }
  await send(sender);
  assert.ok(told.includes(`${topic} mute`), told.join());
});

test('a batch waits for a place among those out in the whole process', async () => {
  const { bus } = open(standIn.port, { sendsMax: 1, timeoutMs: 400 });
  const [first, second] = [bus.topic(topic), bus.topic(other)];
  await send(first);
  await send(second);
  await fault('silent=1');
  const ended: string[] = [];
  const blocked = failure(send(first)).then(() => ended.push('first'));
  const waiting = send(second).then(() => ended.push('second'));
  await Promise.all([blocked, waiting]);
  assert.deepEqual(ended, ['first', 'second']);
});

test('a connection string that changed is read when the bus refuses the old one, and the next send uses it', async () => {
  const source = {
    file: join(folder, 'bus-connection'),
    namespace: '',
    identity: 'default',
    clientId: '',
    cloud: 'commercial',
  } as const;
  writeFileSync(source.file, connectionString(standIn.port));
  const client = new BusClient(await readAccess(source), {
    identifier: 'tenfour-test',
    timeoutMs,
    reread: () => readAccess(source),
  });
  const { bus, told } = open(0, {}, client);
  const sender = bus.topic(topic);
  const refused = async () => {
    await fault('authFail=1');
    assert.equal((await failure(send(sender))).busCode, 'UnauthorizedAccess');
  };
  await refused();
  assert.deepEqual(told, [], 'the same secret is no news');
  writeFileSync(source.file, '');
  await refused();
  const old = client.sdk;
  writeFileSync(source.file, `${connectionString(standIn.port)};`);
  await refused();
  assert.notEqual(client.sdk, old);
  await send(sender);
  assert.deepEqual(told, [`${topic} unreadable`, `${topic} renewed`, `${topic} access`]);
});
