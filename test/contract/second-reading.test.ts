/**
 * A second reading of AMQP 1.0 and of Service Bus on it: qpid-proton, which shares no code with rhea, and a peer written frame by
 * frame. What they send is received by the SDK and the other way round, so both readings agree on the same bytes.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { before, describe } from 'node:test';
import { promisify } from 'node:util';
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { findPython } from '../../scripts/ensure-python.ts';
import { connectionString } from '../../src/simulate/service-bus/service-bus.ts';
import { clientFor, StandInProcess } from './bus-under-test.ts';
import { busUnderTest } from './capabilities.ts';
import { test } from './case.ts';

type Scenes = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const python = findPython(['proton']);
const readingTimeoutMs = 60_000;
let scenes: Scenes = {};
let received: readonly ServiceBusReceivedMessage[] = [];

before(async () => {
  if (busUnderTest !== undefined) return;
  assert.ok(python !== undefined || process.env['CI'] === undefined, 'CI has python3-qpid-proton');
  if (python === undefined) return;
  const standIn = await StandInProcess.start();
  try {
    const client = clientFor(connectionString(standIn.port));
    await sendFromSdk(client.createSender('reading-out'));
    scenes = { ...(await read('read_bus.py', standIn.port)), ...(await read('batch_peer.py', standIn.port)) };
    const receiver = client.createReceiver('reading-in', {
      receiveMode: 'receiveAndDelete',
      skipParsingBodyAsJson: true,
    });
    received = await receiver.receiveMessages(10, { maxWaitTimeInMs: 2_000 });
    await client.close();
  } finally {
    await standIn.kill();
  }
});

const sentDate = new Date(1_790_000_000_123);

async function sendFromSdk(sender: ReturnType<ReturnType<typeof clientFor>['createSender']>): Promise<void> {
  await sender.sendMessages({
    body: Buffer.from([0, 1, 254, 255]),
    messageId: 'sdk-1',
    subject: 'AM',
    contentType: 'application/octet-stream',
    correlationId: 'c-1',
    to: 'CA0990100',
    replyTo: 'NV0990300',
    timeToLive: 600_000,
    applicationProperties: {
      number: 7,
      half: 2.5,
      yes: true,
      at: sentDate,
      text: 'CA0990100 é',
      nothing: null,
    },
  });
  await sender.sendMessages([1, 2, 3].map((n) => ({ body: Buffer.from([n]), messageId: `b-${String(n)}` })));
}

async function read(program: string, port: number): Promise<Scenes> {
  const path = join(import.meta.dirname, 'second-reading', program);
  const options = { timeout: readingTimeoutMs, env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } };
  const { stdout } = await promisify(execFile)(python ?? '', [path, String(port)], options);
  const lines = stdout.trim().split('\n');
  return Object.fromEntries(
    lines.map((line) => {
      const { scene, ...facts } = JSON.parse(line) as { scene: string; fault?: string };
      return [scene, facts];
    }),
  );
}

/** What a reading saw, without the fault that would stand there instead. */
function seen(scene: string): Readonly<Record<string, unknown>> {
  const facts = scenes[scene];
  assert.ok(facts !== undefined, `no word of ${scene}`);
  assert.equal(facts['fault'], undefined);
  return facts;
}

const byId = (id: string) => received.find(({ messageId }) => messageId === id);

/** Skipped with a word where no Python can; `before` fails where CI is set. */
const reading = (name: string, body: () => void): void => {
  test(name, { needs: ['own process'] }, (context) => {
    if (python === undefined) context.skip('lacks a Python with qpid-proton (python3-qpid-proton)');
    else body();
  });
};

describe('qpid-proton', () => {
  reading('is given an int status by $cbs for its token', () => {
    assert.deepEqual(seen('tokens'), { status: ['int32', 202], answersUs: true });
  });

  reading('sends, is refused a message over the max-message-size it was told, and goes on', () => {
    assert.deepEqual(seen('sends'), {
      largest: 256 * 1024,
      credit: true,
      state: 'ACCEPTED',
      tooLarge: 'REJECTED',
      after: 'ACCEPTED',
    });
  });

  reading('receives what the SDK sent alone with equal properties and types', () => {
    const [typed] = seen('receives')['messages'] as readonly Record<
      string,
      Record<string, [string, unknown]>
    >[];
    assert.ok(typed !== undefined);
    const annotations = Object.entries(typed['annotations'] ?? {}).map(([key, [type]]) => [key, type]);
    assert.deepEqual(Object.fromEntries(annotations), {
      'x-opt-sequence-number': 'int',
      'x-opt-enqueued-time': 'timestamp',
      'x-opt-locked-until': 'timestamp',
    });
    assert.deepEqual(
      { ...typed, annotations: undefined },
      {
        id: ['str', 'sdk-1'],
        correlationId: ['str', 'c-1'],
        subject: ['str', 'AM'],
        contentType: ['symbol', 'application/octet-stream'],
        replyTo: ['str', 'NV0990300'],
        to: ['str', 'CA0990100'],
        groupId: ['NoneType', null],
        deliveryCount: 0,
        ttl: 600,
        body: ['bytes', '0001feff'],
        inferred: true,
        properties: {
          number: ['uint', 7],
          half: ['float', 2.5],
          yes: ['bool', true],
          at: ['timestamp', sentDate.getTime()],
          text: ['str', 'CA0990100 é'],
          nothing: ['NoneType', null],
        },
        annotations: undefined,
        tagBytes: 16,
      },
    );
  });

  reading('receives what the SDK sent in a batch one by one, in order', () => {
    const messages = seen('receives')['messages'] as readonly {
      id: unknown;
      body: unknown;
      tagBytes: number;
    }[];
    assert.deepEqual(
      messages.slice(1).map(({ id, body, tagBytes }) => [id, body, tagBytes]),
      [1, 2, 3].map((n) => [['str', `b-${String(n)}`], ['bytes', `0${String(n)}`], 16]),
    );
  });

  reading('is received by the SDK with equal properties and types', () => {
    const typed = byId('typed');
    assert.deepEqual(typed?.body, Buffer.from([0, 1, 254, 255]));
    assert.deepEqual(
      [typed.subject, typed.contentType, typed.correlationId, typed.replyTo, typed.to, typed.timeToLive],
      ['AM', 'application/octet-stream', 'c-1', 'NV0990300', 'CA0990100', 600_000],
    );
    assert.equal(typed.partitionKey, 'p');
    const { timestamp, uuid, ...others } = typed.applicationProperties ?? {};
    // The SDK hands these two on as its AMQP library read them: milliseconds, and bytes by their place.
    assert.equal(timestamp, sentDate.getTime());
    const bytes = Buffer.from(Object.values(uuid ?? {}) as number[]);
    assert.equal(bytes.toString('hex'), '00112233445566778899aabbccddeeff');
    assert.deepEqual(others, {
      long: Number.MAX_SAFE_INTEGER,
      int: -7,
      double: 2.5,
      boolean: true,
      text: 'CA0990100 é',
      symbol: 'a-symbol',
      null: null,
    });
  });

  reading('settles each way with the effect that the service gives it', () => {
    const { steps, buried, aside } = seen('outcomes');
    assert.deepEqual(steps, [
      ['first', 'released', 0, 'ACCEPTED'],
      ['again', 'released', 1, 'ACCEPTED'],
      ['modified', 'failed', 0, 'ACCEPTED'],
      ['came back', 'failed', 1, 'once', 'ACCEPTED'],
      ['deferred', 'deferred', 0, 'ACCEPTED'],
      ['dead', 'dead', 'ACCEPTED'],
      ['done', 'done', 'ACCEPTED'],
    ]);
    assert.deepEqual(buried, ['dead', 'SCHEMA', 'no such field']);
    assert.deepEqual(aside, ['deferred', 200, 200, 404, 'com.microsoft:message-not-found']);
  });

  reading('renews and settles over $management with its delivery tag as lock token, and peeks', () => {
    assert.deepEqual(seen('locks'), { statuses: [200, 200, 200, 204], isLater: true, peeked: 'locked' });
  });

  reading('gets what there is for a credit it drains, and the rest of the credit back', () => {
    assert.deepEqual(seen('drains'), { came: ['one', 'two'], givenBack: 3 });
  });

  reading('receives and deletes, without a lock', () => {
    assert.deepEqual(seen('deletes'), {
      came: ['gone-1', 'gone-2'],
      settled: [true, true],
      left: 204,
      annotations: ['x-opt-enqueued-time', 'x-opt-sequence-number'],
    });
  });

  reading('accepts a session by name and the next free one, by the filter and its echo', () => {
    const { ticks, ...others } = seen('sessions');
    const filter = (id: string) => ({ 'com.microsoft:session-filter': ['str', id] });
    assert.deepEqual(others, {
      echoed: filter('a'),
      came: [
        ['a-1', 'a', 'ACCEPTED'],
        ['a-2', 'a', 'ACCEPTED'],
      ],
      heldByOther: 'com.microsoft:session-cannot-be-locked',
      given: filter('b'),
      following: 'b-1',
      withoutSession: 'amqp:not-allowed',
    });
    const [type, value] = ticks as [string, number];
    assert.equal(type, 'int');
    // .NET ticks: 100 ns each, from the year 1.
    const untilMs = value / 10_000 - 62_135_596_800_000;
    assert.ok(Math.abs(untilMs - Date.now()) < 120_000, 'the lock ends about now');
  });

  reading('is told why a link is refused', () => {
    assert.deepEqual(seen('refusals'), {
      receiving: 'amqp:not-found',
      sending: 'amqp:not-found',
      session: 'amqp:not-allowed',
    });
  });
});

describe('a peer written frame by frame', () => {
  reading('sends a batch, which the SDK receives as its messages', () => {
    assert.deepEqual(seen('batch'), { settled: true, outcome: 0x24 });
    assert.deepEqual(
      ['p-1', 'p-2', 'p-3'].map((id) => [byId(id)?.body as Buffer, byId(id)?.applicationProperties]),
      Array.from({ length: 3 }, () => [Buffer.from([0, 255]), { n: 2 ** 40 }]),
    );
  });

  reading('is answered when it drains without any credit', () => {
    assert.deepEqual(seen('drain without credit'), { credit: ['uint', 0], drain: true });
  });
});
