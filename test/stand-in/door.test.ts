import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as tlsConnect } from 'node:tls';
import { ServiceBusClient } from '@azure/service-bus';
import WebSocket from 'ws';
import {
  connectionString,
  parseEmulatorConfig,
  type ServiceBus,
  startServiceBus,
} from '../../src/simulate/service-bus/service-bus.ts';
import { keptTlsPair, loadTlsPair } from '../../src/simulate/service-bus/tls-certificate.ts';
import { amqpHead, openFrame } from './raw-frames.ts';

const timeout = 60_000;
const config = parseEmulatorConfig({
  UserConfig: { Namespaces: [{ Name: 'ns', Queues: [{ Name: 'q' }], Topics: [] }] },
});
const folder = mkdtempSync(join(tmpdir(), 'stand-in-door-'));
const tls = await keptTlsPair(join(folder, 'tls'), Date.now());
let bus: ServiceBus;

before(async () => {
  bus = await startServiceBus({ port: 0, config, tls, handshakeMs: 300, idle: { heartbeatMs: 200 } });
});
after(async () => {
  await bus.stop();
  rmSync(folder, { recursive: true });
});

/** Says something and waits until it is cut off; what it was told until then. */
async function toTheEnd(socket: Socket, ...said: (Buffer | string)[]): Promise<string> {
  let told = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    told += text;
  });
  socket.on('error', () => undefined);
  for (const words of said) socket.write(words);
  // Not `once`: being reset is one of the ways to be cut off.
  await new Promise((resolve) => socket.on('close', resolve));
  return told;
}
const dial = (port = bus.port): Socket => connect(port, '127.0.0.1');

test('the unmodified SDK comes in over TLS, over WebSockets and as a namespace of another cloud', {
  timeout,
}, async () => {
  const peer = fork(join(import.meta.dirname, 'secure-peer.ts'), [String(bus.port)], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: tls.certPath },
  });
  const [cameThrough] = (await Promise.race([once(peer, 'message'), once(peer, 'exit')])) as [unknown];
  assert.deepEqual(cameThrough, ['TLS', 'WebSockets', 'another cloud', 'HTTPS']);
});

test('the same port speaks plain AMQP and plain HTTP', { timeout }, async () => {
  const client = new ServiceBusClient(connectionString(bus.port), { retryOptions: { maxRetries: 0 } });
  await client.createSender('q').sendMessages({ body: 'plain' });
  const taken = await client.createReceiver('q', { receiveMode: 'receiveAndDelete' }).receiveMessages(1);
  await client.close();
  assert.equal(taken[0]?.body, 'plain');
  const answer = await fetch(`http://127.0.0.1:${String(bus.port)}/$namespaceinfo`);
  assert.ok(answer.headers.has('date'));
  await answer.body?.cancel();
});

test('who stays silent, stops half-way or trickles is cut off at the deadline', { timeout }, async () => {
  const halfTls = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);
  const trickling = dial();
  const dripping = setInterval(() => trickling.write('x-a: b\r\n'), 30).unref();
  const told = await Promise.all([
    toTheEnd(dial()),
    toTheEnd(dial(), 'AMQ'),
    toTheEnd(dial(), halfTls),
    toTheEnd(tlsConnect({ port: bus.port, host: '127.0.0.1', ca: tls.cert })),
    toTheEnd(trickling, 'GET / HTTP/1.1\r\n'),
  ]);
  clearInterval(dripping);
  assert.deepEqual(told, ['', '', '', '', '']);
  // Its own header comes back, and then nothing more for one that never opens.
  assert.match(await toTheEnd(dial(), amqpHead), /^AMQP/);
});

test('rubbish, a header that is too large and a WebSocket for something else are refused', {
  timeout,
}, async () => {
  assert.equal(await toTheEnd(dial(), 'XYZ\r\n\r\n'), '');
  assert.equal(await toTheEnd(dial(), 'AMPQ'), '');
  const large = `GET / HTTP/1.1\r\nhost: a\r\nx-large: ${'x'.repeat(20_000)}\r\n\r\n`;
  assert.doesNotMatch(await toTheEnd(dial(), large), /200/);
  const upgrade = 'GET /elsewhere HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
  assert.match(await toTheEnd(dial(), upgrade), /^HTTP\/1.1 400/);
  const socket = new WebSocket(`wss://localhost:${String(bus.port)}/$servicebus/websocket`, ['other'], {
    ca: tls.cert,
  });
  const [error] = (await once(socket, 'error')) as [Error];
  assert.match(error.message, /400/);
});

test('a WebSocket that is cut without a word is gone with its links', { timeout }, async () => {
  const address = `wss://localhost:${String(bus.port)}/$servicebus/websocket`;
  const socket = new WebSocket(address, ['AMQPWSB10'], { ca: tls.cert });
  await once(socket, 'open');
  const before = bus.stats().connections;
  const heard = once(socket, 'message');
  socket.send(Buffer.concat([amqpHead, openFrame('cut')]));
  await heard;
  assert.equal(bus.stats().connections, before);
  socket.terminate();
  for (let tries = 0; tries < 500 && bus.stats().connections === before; tries++) await sleep(20);
  assert.equal(bus.stats().connections, before - 1);
});

test('a peer that opens and then says nothing is dropped after twice the time it was told', {
  timeout,
}, async () => {
  const from = performance.now();
  const told = await toTheEnd(dial(), amqpHead, openFrame('silent'));
  assert.match(told, /max idle time exceeded/);
  assert.ok(performance.now() - from >= 400, 'not before');
});

test('without a certificate a TLS peer is closed at once and the rest is as ever', { timeout }, async () => {
  const plain = await startServiceBus({ port: 0, config });
  await toTheEnd(dial(plain.port), Buffer.from([0x16, 0x03, 0x01, 0x00]));
  await plain.stop();
});

test('the certificate that was made is kept, its key is for its owner alone, and what is no pair is refused', async () => {
  const again = await keptTlsPair(join(folder, 'tls'), Date.now());
  assert.deepEqual([again.cert, again.key], [tls.cert, tls.key]);
  assert.equal(statSync(join(folder, 'tls', 'key.pem')).mode & 0o777, 0o600);
  const other = await keptTlsPair(join(folder, 'other'), Date.now());
  writeFileSync(join(folder, 'tls', 'key.pem'), other.key);
  await assert.rejects(keptTlsPair(join(folder, 'tls'), Date.now()), { code: 'CONFIG_INVALID' });
  await assert.rejects(keptTlsPair(join(folder, 'other'), Date.UTC(2100, 1)), { code: 'CONFIG_INVALID' });
  await assert.rejects(loadTlsPair('none.pem', 'none.pem'), { code: 'CONFIG_INVALID' });
});
