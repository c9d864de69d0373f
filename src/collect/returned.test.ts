import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BusLetter, readReturned } from './returned.ts';
import { returnCode } from './return-reason.ts';

const ours = {
  messageId: 'gabc-1-0.2',
  deadLetterReason: 'TTLExpiredException',
  sequenceNumber: 7,
  body: Buffer.from('a.b.c.d.e'),
  applicationProperties: {
    format: 1,
    messageKey: 'AML',
    class: 1,
    originOri: 'CA0990100',
    destination: '',
    dialect: 'nlets-legacy',
    laneSeq: 12,
    generation: 2,
    possibleDuplicate: false,
    isTest: false,
    traceparent: '',
    agency: 'ca-dispatch',
    station: 'ca-cad',
    receivedAt: 1_700_000_000_000,
    receivedCount: 7,
    directory: 'v1',
    resentOf: 'gabc-1-0.1',
    g_GBN01: true,
    g_NV: true,
    g_OR: false,
  },
};
const letter = (change: object): BusLetter => ({ ...ours, ...change }) as unknown as BusLetter;
const properties = (change: object): object => ({
  applicationProperties: { ...ours.applicationProperties, ...change },
});

test('a delivery is read back as it was sent, but for what was never on the bus', () => {
  const read = readReturned(letter({}));
  assert.ok(read.kind === 'ours');
  const { delivery, sealed, ...rest } = read;
  assert.deepEqual(rest, { kind: 'ours', code: 'COLLECT_EXPIRED', mid: 'gabc-1-0.2', seq: 12 });
  assert.equal(sealed?.toString(), 'a.b.c.d.e');
  assert.deepEqual(delivery, {
    deliveryId: 'gabc-1-0',
    generation: 2,
    messageId: 'gabc-1',
    messageKey: 'AML',
    priorityClass: 1,
    originatingOri: 'CA0990100',
    destination: '',
    groups: ['GBN01', 'NV'],
    recipients: [],
    agency: 'ca-dispatch',
    station: 'ca-cad',
    dialect: 'nlets-legacy',
    receivedAtMs: 1_700_000_000_000,
    receivedCount: 7,
    directoryVersion: 'v1',
    isTest: false,
    traceparent: '',
    user: '',
    terminal: '',
    incident: '',
    resentOf: 'gabc-1-0.1',
    isNotice: false,
  });
});

test('what is not as we write it is foreign, whatever it holds', () => {
  const foreign = [
    letter({ messageId: 'gabc-1-0' }),
    letter({ messageId: undefined }),
    letter({ messageId: 'gabc-1-0.3' }),
    letter({ applicationProperties: undefined }),
    letter(properties({ format: 2 })),
    letter(properties({ class: 9 })),
    letter(properties({ laneSeq: 0 })),
    letter(properties({ station: '' })),
    letter(properties({ originOri: 'CA0990100\r\nSECOND LINE' })),
    letter(properties({ destination: 'X'.repeat(129) })),
    letter(properties({ receivedAt: '1' })),
  ];
  for (const [at, one] of foreign.entries()) assert.equal(readReturned(one).kind, 'foreign', String(at));
});

test('a body that is not bytes is no body', () => {
  const read = readReturned(letter({ body: { text: 'x' } }));
  assert.ok(read.kind === 'ours');
  assert.equal(read.sealed, undefined);
});

test('the service’s own reasons are told apart, and every other text is a receiver’s', () => {
  const reasons = [
    ['TTLExpiredException', 'COLLECT_EXPIRED'],
    ['MaxDeliveryCountExceeded', 'COLLECT_TRIES'],
    ['HeaderSizeExceeded', 'COLLECT_OTHER'],
    ['CLIENT_HANDLER_REJECTED', 'COLLECT_REJECTED'],
    ['anything at all', 'COLLECT_REJECTED'],
    [undefined, 'COLLECT_REJECTED'],
  ] as const;
  for (const [reason, code] of reasons) assert.equal(returnCode(reason), code);
});
