import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { isServiceBusError, ServiceBusClient } from '@azure/service-bus';
import rhea, { type Connection, type Sender } from 'rhea';
import type { AccessPolicy } from '../../src/simulate/service-bus/access-policies.ts';
import {
  connectionString,
  parseEmulatorConfig,
  type ServiceBus,
  startServiceBus,
} from '../../src/simulate/service-bus/service-bus.ts';

const timeout = 60_000;
const config = parseEmulatorConfig({
  UserConfig: {
    Namespaces: [
      {
        Name: 'ns',
        Queues: [{ Name: 'q' }, { Name: 'other' }],
        Topics: [{ Name: 't', Subscriptions: [{ Name: 's' }] }],
      },
    ],
  },
});
const owner: AccessPolicy = { name: 'root', key: 'the key of all', rights: ['Manage'] };
const sender: AccessPolicy = { name: 'sender', key: 'the key to send', rights: ['Send'] };
const listener: AccessPolicy = { name: 'listener', key: 'the key to listen', rights: ['Listen'] };
let bus: ServiceBus;

before(async () => {
  bus = await startServiceBus({ port: 0, config, policies: [owner, sender, listener] });
});
after(() => bus.stop());

const clientBy = (text: string): ServiceBusClient =>
  new ServiceBusClient(text, { retryOptions: { maxRetries: 0, timeoutInMs: 5_000 } });
const as = (policy: Pick<AccessPolicy, 'name' | 'key'>): ServiceBusClient =>
  clientBy(connectionString(bus.port, policy));

function token(path: string, { name, key }: AccessPolicy, expiresAtS: number): string {
  const sr = encodeURIComponent(`sb://127.0.0.1:${String(bus.port)}/${path}`);
  const se = String(expiresAtS);
  const sig = createHmac('sha256', key).update(`${sr}\n${se}`).digest('base64');
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${se}&skn=${name}`;
}
const soonS = (seconds: number): number => Math.ceil(Date.now() / 1_000) + seconds;

/** True of the error the SDK makes of a 401 or of `amqp:unauthorized-access`, when it says so. */
const isUnauthorized = (says: RegExp) => (error: unknown) =>
  isServiceBusError(error) && error.code === 'UnauthorizedAccess' && says.test(error.message);

test('who has the right key sends and receives, manages rules and schedules with the right to do so', {
  timeout,
}, async () => {
  const [all, sends, listens] = [as(owner), as(sender), as(listener)];
  await all.createSender('q').sendMessages({ body: 1 });
  await sends.createSender('q').sendMessages({ body: 2 });
  await sends.createSender('q').scheduleMessages({ body: 3 }, new Date(Date.now() + 3_600_000));
  const receiver = listens.createReceiver('q');
  assert.equal((await receiver.peekMessages(3)).length, 3);
  const [message] = await receiver.receiveMessages(1);
  assert.ok(message);
  await receiver.completeMessage(message);
  await listens.createRuleManager('t', 's').createRule('mine', { correlationId: 'me' });
  await assert.rejects(
    sends.createRuleManager('t', 's').deleteRule('mine'),
    isUnauthorized(/'Listen' claim/),
  );
  await Promise.all([all.close(), sends.close(), listens.close()]);
});

test('a wrong key, a name nobody has and a token for another entity are refused at the token', {
  timeout,
}, async () => {
  const wrongKey = as({ ...owner, key: 'a guess' });
  const wrongName = as({ ...owner, name: 'nobody' });
  const other = clientBy(
    `Endpoint=sb://127.0.0.1:${String(bus.port)};SharedAccessSignature=${token('other', owner, soonS(60))};UseDevelopmentEmulator=true`,
  );
  for (const client of [wrongKey, wrongName])
    await assert.rejects(
      client.createSender('q').sendMessages({ body: 1 }),
      isUnauthorized(/InvalidSignature/),
    );
  await assert.rejects(other.createSender('q').sendMessages({ body: 1 }), isUnauthorized(/InvalidAudience/));
  await other.createSender('other').sendMessages({ body: 1 });
  await Promise.all([wrongKey.close(), wrongName.close(), other.close()]);
});

test('who may only send cannot receive or peek, who may only listen cannot send or schedule', {
  timeout,
}, async () => {
  const [sends, listens] = [as(sender), as(listener)];
  const receiver = sends.createReceiver('q');
  await assert.rejects(receiver.receiveMessages(1), isUnauthorized(/'Listen' claim/));
  await assert.rejects(receiver.peekMessages(1), isUnauthorized(/'Listen' claim/));
  const publisher = listens.createSender('q');
  await assert.rejects(publisher.sendMessages({ body: 1 }), isUnauthorized(/'Send' claim/));
  const later = new Date(Date.now() + 60_000);
  await assert.rejects(publisher.scheduleMessages({ body: 1 }, later), isUnauthorized(/'Send' claim/));
  await Promise.all([sends.close(), listens.close()]);
});

test('a token of Entra ID is refused with policies, and taken where the stand-in is told to', {
  timeout,
}, async () => {
  const credential = {
    getToken: () => Promise.resolve({ token: 'a.b.c', expiresOnTimestamp: Date.now() + 3_600_000 }),
  };
  // The SDK dials TLS for a credential: the answer of `$cbs` is asked for by hand.
  const jwt = (await credential.getToken()).token;
  const lenient = await startServiceBus({ port: 0, config, policies: [owner], takesJwt: true });
  for (const [port, status] of [
    [bus.port, 401],
    [lenient.port, 202],
  ] as const) {
    const peer = new RawPeer(port);
    assert.equal(await peer.putToken('q', jwt), status);
    await peer.close();
  }
  await lenient.stop();
});

test('a link without any token is refused', { timeout }, async () => {
  const peer = new RawPeer(bus.port);
  const link = peer.connection.open_sender('q');
  const error = await ended(link);
  assert.equal(error?.condition, 'amqp:unauthorized-access');
  await peer.close();
});

test('a link whose token ran out is detached, one whose token was renewed in time goes on', {
  timeout,
}, async () => {
  const peer = new RawPeer(bus.port);
  assert.equal(await peer.putToken('q', token('q', owner, soonS(2))), 202);
  assert.equal(await peer.putToken('other', token('other', owner, soonS(2))), 202);
  const [left, renewed] = [peer.connection.open_sender('q'), peer.connection.open_sender('other')];
  const isOver = ended(left);
  await once(renewed, 'sendable');
  assert.equal(await peer.putToken('other', token('other', owner, soonS(3_600))), 202);
  const error = await isOver;
  assert.equal(error?.condition, 'amqp:unauthorized-access');
  assert.match(error.description ?? '', /^ExpiredToken: /);
  const accepted = once(renewed, 'accepted');
  renewed.send({ body: 'still here' });
  await accepted;
  assert.equal(await peer.putToken('q', token('q', owner, soonS(-60))), 401);
  await peer.close();
});

type Ended = { readonly condition?: string; readonly description?: string };

async function ended(link: Sender): Promise<Ended | undefined> {
  await once(link, 'sender_close');
  return link.error as Ended | undefined;
}

/** An AMQP peer that says when it puts which token. */
class RawPeer {
  readonly connection: Connection;
  readonly #port: number;
  readonly #waiting: ((status: number) => void)[] = [];
  readonly #asks: Sender;

  constructor(port: number) {
    this.#port = port;
    const container = rhea.create_container();
    for (const event of ['disconnected', 'sender_error', 'connection_error'])
      container.on(event, () => undefined);
    this.connection = container.connect({ host: '127.0.0.1', port, username: 'raw', reconnect: false });
    this.connection.on(
      'message',
      ({ message }: { message: { application_properties: Record<string, number> } }) => {
        this.#waiting.shift()?.(message.application_properties['status-code'] ?? 0);
      },
    );
    this.connection.open_receiver({ source: '$cbs', name: 'answers' });
    this.#asks = this.connection.open_sender('$cbs');
  }

  async putToken(path: string, text: string): Promise<number> {
    const answered = new Promise<number>((resolve) => this.#waiting.push(resolve));
    if (!this.#asks.sendable()) await once(this.#asks, 'sendable');
    const name = `sb://127.0.0.1:${String(this.#port)}/${path}`;
    this.#asks.send({
      message_id: 'ask',
      reply_to: 'answers',
      application_properties: { operation: 'put-token', name, type: 'servicebus.windows.net:sastoken' },
      body: text,
    });
    return answered;
  }

  async close(): Promise<void> {
    const closed = once(this.connection, 'connection_close');
    this.connection.close();
    await closed;
  }
}
