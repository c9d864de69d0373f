import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { until } from '../queue/slot-under-test.ts';
import { openLossyWay } from '../simulate/faults/lossy-way.ts';
import {
  connectionString,
  parseEmulatorConfig,
  type ServiceBus,
  startServiceBus,
} from '../simulate/service-bus/service-bus.ts';
import { keptTlsPair } from '../simulate/service-bus/tls-certificate.ts';
import { type AccessSource, type BusAccess, readAccess } from './access.ts';
import { adminClient } from './admin-client.ts';
import { classifyBusFault } from './bus-faults.ts';
import { BusClient, type BusClientOptions } from './bus-client.ts';
import { webSocketThrough } from './transport.ts';

const topic = 'point-to-point';
const config = parseEmulatorConfig({
  UserConfig: { Namespaces: [{ Name: 'one', Topics: [{ Name: topic, Subscriptions: [{ Name: 'all' }] }] }] },
});
const key = 'c2FtcGxlLWtleS1vZi1hLXRlc3Q=';
const governmentName = 'county-099.servicebus.usgovcloudapi.net';
const folder = mkdtempSync(join(tmpdir(), 'tenfour-bus-client-'));
const trusted = getCACertificates('default');
const opened: BusClient[] = [];
let standIn: ServiceBus;
/** As the service is: TLS only in use, tokens checked. */
let guarded: ServiceBus;
let ours: readonly string[] = [];

before(async () => {
  const pair = await keptTlsPair(join(folder, 'tls'), Date.now());
  // What NODE_EXTRA_CA_CERTS does at the start of a process.
  ours = [...trusted, pair.cert];
  setDefaultCACertificates(ours);
  standIn = await startServiceBus({ port: 0, config });
  guarded = await startServiceBus({
    port: 0,
    config,
    tls: pair,
    policies: [{ name: 'courier', key, rights: ['Send'] }],
    takesJwt: true,
  });
});
after(async () => {
  for (const client of opened) await client.close();
  await guarded.stop();
  await standIn.stop();
  setDefaultCACertificates(trusted);
  rmSync(folder, { recursive: true });
});

const byString = (text: string): BusAccess => ({ kind: 'connection-string', connectionString: text });
const open = (access: BusAccess, change: Partial<BusClientOptions> = {}): BusClient => {
  const client = new BusClient(access, { identifier: 'tenfour-test', timeoutMs: 5000, ...change });
  opened.push(client);
  return client;
};
const send = ({ sdk }: BusClient): Promise<void> => sdk.createSender(topic).sendMessages({ body: 'x' });
const accepted = (bus: ServiceBus): number => bus.stats().topics[topic]?.accepted ?? 0;
const overTls = (rest: string): BusAccess =>
  byString(`Endpoint=sb://localhost:${String(guarded.port)};${rest}`);
const byKey = (): BusAccess => overTls(`SharedAccessKeyName=courier;SharedAccessKey=${key}`);
const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const listening = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });

test('a connection string with a key is enough, over TLS, with tokens checked; a wrong key is not', async () => {
  const before = accepted(guarded);
  await send(open(byKey()));
  assert.equal(accepted(guarded), before + 1);
  const wrong = open(overTls('SharedAccessKeyName=courier;SharedAccessKey=b3RoZXI='));
  await assert.rejects(send(wrong), { code: 'UnauthorizedAccess' });
});

/** A process of its own that sends once, closes when told, and says so. Answers how to tell it, and what it said by its end. */
const startCloser = async (port: number) => {
  const program = `
    import { BusClient } from ${JSON.stringify(join(import.meta.dirname, 'bus-client.ts'))};
    const access = { kind: 'connection-string', connectionString: ${JSON.stringify(connectionString(port))} };
    const client = new BusClient(access, { identifier: 'tenfour-test', timeoutMs: 5000 });
    await client.sdk.createSender('${topic}').sendMessages({ body: 'x' });
    process.once('message', () => {
      process.disconnect();
      client.close().then(() => console.log('closed'));
    });
    process.send('sent');
  `;
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code) => {
      resolve(`${said.trim()} ${String(code)}`);
    });
  });
  await new Promise((resolve) => child.once('message', resolve));
  return { tell: () => child.send('close'), ended, kill: () => child.kill('SIGKILL') };
};

test('close ends, with nothing left that keeps the process, when the connection is lost in that instant or before', async (t) => {
  // The SDK's own close() waits a minute in the one case, and for ever in the other.
  const losing = async (loss: 'dropNow' | 'loseNow'): Promise<void> => {
    const way = await openLossyWay(standIn.port);
    const closer = await startCloser(way.port);
    t.after(async () => {
      closer.kill();
      await way.close();
    });
    if (loss === 'loseNow') way.loseNow();
    closer.tell();
    if (loss === 'dropNow') way.dropNow();
    assert.equal(await closer.ended, 'closed 0', loss);
  };
  const startedAt = performance.now();
  await Promise.all([losing('dropNow'), losing('loseNow')]);
  assert.ok(performance.now() - startedAt < 40_000);
});

test('what asks for a token when the connection is lost hears of it at once, and not after a minute', async (t) => {
  const way = await openLossyWay(standIn.port);
  t.after(() => way.close());
  const client = open(byString(connectionString(way.port)));
  // Again on the connection that the SDK makes in the place of the first.
  for (let drops = 0; drops < 2; drops += 1) {
    standIn.fault({ fault: 'ignore-token' });
    const before = standIn.faults().struck['ignore-token'];
    const opening = client.sdk.createSender(topic).createMessageBatch();
    await until('the question', () => standIn.faults().struck['ignore-token'] !== before);
    const startedAt = performance.now();
    way.dropNow();
    await assert.rejects(opening, (error) => classifyBusFault(error).class === 'link');
    assert.ok(performance.now() - startedAt < 20_000);
  }
  await send(client);
});

/** A proxy as stands at the edge of a county's network: CONNECT only. */
const startProxy = async () => {
  const asked: string[] = [];
  const server = createHttpServer();
  server.on('connect', (request, near, head) => {
    asked.push(request.url ?? '');
    const far = connect(Number(request.url?.split(':').at(-1)), '127.0.0.1', () => {
      near.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      far.write(head);
      near.pipe(far).pipe(near);
    });
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  await listening(server);
  return { port: portOf(server), asked, close: () => server.close() };
};

test('AMQP goes inside WebSockets, by itself and through a proxy, and the client closes', async (t) => {
  const proxy = await startProxy();
  t.after(() => proxy.close());
  const before = accepted(guarded);
  for (const address of ['', `http://127.0.0.1:${String(proxy.port)}`]) {
    const client = open(byKey(), { webSocket: await webSocketThrough(address) });
    await send(client);
    await client.close();
  }
  assert.equal(accepted(guarded), before + 2);
  assert.deepEqual(proxy.asked, [`localhost:${String(guarded.port)}`]);
});

const knownId = '00000000-0000-0000-0000-000000000099';
const unknownId = '00000000-0000-0000-0000-000000000077';

/**
 * The token end point of a machine in Azure (App Service's kind). What it gives is no real token. One for all tests: the library asks
 * the environment once in a process.
 */
const startTokens = async () => {
  const asked: { readonly resource: string; readonly client: string; readonly header: string }[] = [];
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const server = createHttpServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost');
    asked.push({
      resource: searchParams.get('resource') ?? '',
      client: searchParams.get('client_id') ?? '',
      header: String(request.headers['x-identity-header']),
    });
    response.setHeader('content-type', 'application/json');
    if (searchParams.get('client_id') === unknownId) {
      response.statusCode = 400;
      response.end('{"error":"invalid_request","error_description":"no such identity"}');
      return;
    }
    const expiresOn = Math.floor(Date.now() / 1000) + 3600;
    const token = `${part({ alg: 'none' })}.${part({ exp: expiresOn })}.x`;
    response.end(
      JSON.stringify({
        access_token: token,
        expires_on: String(expiresOn),
        resource: searchParams.get('resource'),
        token_type: 'Bearer',
      }),
    );
  });
  await listening(server);
  return { port: portOf(server), asked, close: () => server.close() };
};

const identitySource = (change: Partial<AccessSource>): AccessSource => ({
  file: '',
  namespace: governmentName,
  identity: 'managed',
  clientId: '',
  cloud: 'government',
  ...change,
});

test('a managed identity fetches its token and sends, at a private end point; one that gets none is a fault of the entity', async (t) => {
  const tokens = await startTokens();
  t.after(() => tokens.close());
  const given = {
    IDENTITY_ENDPOINT: `http://127.0.0.1:${String(tokens.port)}/token`,
    IDENTITY_HEADER: 'sample-header',
  };
  Object.assign(process.env, given);
  t.after(() => {
    for (const name of Object.keys(given)) Reflect.deleteProperty(process.env, name);
  });
  const endpoint = `sb://localhost:${String(guarded.port)}`;
  const before = accepted(guarded);
  for (const change of [{}, { clientId: knownId }]) {
    const client = open(await readAccess(identitySource(change)), { endpoint });
    await send(client);
  }
  assert.equal(accepted(guarded), before + 2);
  assert.deepEqual(
    tokens.asked.map(({ client, header }) => [client, header]),
    [
      ['', 'sample-header'],
      [knownId, 'sample-header'],
    ],
  );
  for (const { resource } of tokens.asked) assert.match(resource, /^https:\/\/servicebus\.azure\.net\/?/);
  const unknown = open(await readAccess(identitySource({ clientId: unknownId })), { endpoint });
  await assert.rejects(send(unknown), (error) => {
    assert.equal(classifyBusFault(error).class, 'entity');
    return true;
  });
});

test('a workload identity asks the authority of its cloud; without the pod’s own token it refuses to start', async (t) => {
  await assert.rejects(readAccess(identitySource({ identity: 'workload' })), { code: 'CONFIG_INVALID' });
  const tokenFile = join(folder, 'pod-token');
  writeFileSync(tokenFile, 'sample');
  const given = {
    AZURE_TENANT_ID: '00000000-0000-0000-0000-000000000001',
    AZURE_CLIENT_ID: '00000000-0000-0000-0000-000000000002',
    AZURE_FEDERATED_TOKEN_FILE: tokenFile,
    // Nothing leaves this machine: what the credential dials goes to a proxy of this test.
    HTTPS_PROXY: '',
  };
  const proxy = await startProxy();
  given.HTTPS_PROXY = `http://127.0.0.1:${String(proxy.port)}`;
  Object.assign(process.env, given);
  t.after(() => {
    for (const name of Object.keys(given)) Reflect.deleteProperty(process.env, name);
    proxy.close();
  });
  const access = await readAccess(identitySource({ identity: 'workload' }));
  assert.ok(access.kind === 'identity');
  await assert.rejects(access.credential.getToken('https://servicebus.azure.net/.default'));
  assert.ok(proxy.asked.length > 0);
  assert.deepEqual([...new Set(proxy.asked)], ['login.microsoftonline.us:443']);
});

test('a file that cannot be read, or holds no connection string, refuses to start and is not quoted', async () => {
  const file = join(folder, 'bus-connection');
  const source = identitySource({ namespace: '', file });
  await assert.rejects(readAccess(source), { code: 'CONFIG_INVALID' });
  writeFileSync(file, 'SharedAccessKey=sample-secret');
  await assert.rejects(readAccess(source), (error: Error) => {
    assert.ok(!error.message.includes('sample-secret'));
    return true;
  });
  writeFileSync(file, ` ${connectionString(standIn.port)}\n`);
  assert.deepEqual(await readAccess(source), byString(connectionString(standIn.port)));
});

test('administration goes by HTTP where the connection string names a stand-in, by HTTPS elsewhere, and needs a key', async (t) => {
  const asked: string[] = [];
  const server = createHttpServer((request, response) => {
    asked.push(`${String(request.method)} ${String(request.url?.split('?')[0])}`);
    response.statusCode = 404;
    response.end();
  });
  await listening(server);
  t.after(() => server.close());
  const plain = adminClient(byString(connectionString(portOf(server))));
  assert.equal(await plain.topicExists('nowhere'), false);
  assert.deepEqual(asked, ['GET /nowhere']);
  const secure = connectionString(portOf(server)).replace('UseDevelopmentEmulator=true;', '');
  await assert.rejects(
    adminClient(byString(secure)).getTopic('nowhere', { abortSignal: AbortSignal.timeout(500) }),
  );
  assert.deepEqual(asked, ['GET /nowhere'], 'nothing in the clear');
  assert.throws(
    () => adminClient(byString('Endpoint=sb://x;SharedAccessSignature=SharedAccessSignature sr=x')),
    {
      code: 'CONFIG_INVALID',
    },
  );
});

test('a renewed client is another one; the old one ends after its sends, and both are closed together', async () => {
  let text = connectionString(standIn.port);
  const client = open(byString(text), { timeoutMs: 60_000, reread: () => Promise.resolve(byString(text)) });
  const old = client.sdk;
  const sender = old.createSender(topic);
  await sender.sendMessages({ body: 'x' });
  assert.equal(await client.renew(), 'unchanged');
  text = text.replace('stand-in', 'another');
  assert.deepEqual(await Promise.all([client.renew(), client.renew()]), ['renewed', 'renewed']);
  assert.notEqual(client.sdk, old);
  await sender.sendMessages({ body: 'out with the old one' });
  await send(client);
  await client.close();
  await assert.rejects(sender.sendMessages({ body: 'x' }));
});

test('the certificate of a bus nobody vouches for is not taken', async (t) => {
  setDefaultCACertificates(trusted);
  t.after(() => {
    setDefaultCACertificates(ours);
  });
  const client = open(byKey(), { timeoutMs: 1500 });
  await assert.rejects(send(client));
});
