import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Delivery, PriorityClass } from '../message/delivery.ts';
import { decodeEntry, encodeEntry } from './entry.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const texts = fc.array(text, { maxLength: 5 });
const deliveries: fc.Arbitrary<Delivery> = fc.record(
  {
    deliveryId: text,
    generation: fc.nat(),
    messageId: text,
    messageKey: text,
    priorityClass: fc.constantFrom<PriorityClass>(0, 1, 2, 3, 4, 5, 6),
    originatingOri: text,
    destination: text,
    groups: texts,
    recipients: texts,
    agency: text,
    dialect: text,
    receivedAtMs: fc.nat(),
    directoryVersion: text,
    isTest: fc.boolean(),
    traceparent: text,
    user: text,
    terminal: text,
    incident: text,
    resentOf: text,
    station: text,
    receivedCount: fc.nat(),
    isNotice: fc.boolean(),
  },
  { noNullPrototype: true },
);

const sample: Delivery = {
  deliveryId: 'gabc-1-0',
  generation: 1,
  messageId: 'gabc-1',
  messageKey: 'AM',
  priorityClass: 4,
  originatingOri: 'CA0990100',
  destination: 'NV0990300',
  groups: [],
  recipients: ['nv-sheriff'],
  agency: 'ca-dispatch',
  dialect: 'nlets-legacy',
  receivedAtMs: 1_700_000_000_000,
  directoryVersion: 'v1',
  isTest: false,
  traceparent: '',
  user: '',
  terminal: '',
  incident: '',
  resentOf: '',
  station: 'zz01',
  receivedCount: 42,
  isNotice: false,
};

test('an entry gives back the delivery and the sealed body, or that the body is shared, whatever they hold', () => {
  fc.assert(
    fc.property(deliveries, fc.uint8Array({ maxLength: 300 }), (delivery, body) => {
      const sealed = Buffer.from(body);
      assert.deepEqual(decodeEntry(encodeEntry(delivery, sealed)), { delivery, sealed });
      assert.deepEqual(decodeEntry(encodeEntry(delivery, undefined)), { delivery, sealed: undefined });
    }),
    { numRuns: 300 },
  );
});

test('formats 2 and 3 are these bytes: entries written by an older version must stay readable', () => {
  const header =
    '["gabc-1-0",1,"gabc-1","AM",4,"CA0990100","NV0990300",[],["nv-sheriff"],"ca-dispatch","nlets-legacy",' +
    '1700000000000,"v1",0,"","","","","","zz01",42,0]';
  const entry = (format: number, body: string): Buffer =>
    Buffer.concat([Buffer.from([format, 0, header.length]), Buffer.from(header), Buffer.from(body)]);
  assert.deepEqual(encodeEntry(sample, Buffer.from('sealed')), entry(2, 'sealed'));
  assert.deepEqual(encodeEntry(sample, undefined), entry(3, ''));
});

test('an entry of another format, or cut short, is a fault', () => {
  const entry = encodeEntry(sample, Buffer.from('sealed'));
  for (const format of [0, 1, 4]) {
    const other = Buffer.from([format, ...entry.subarray(1)]);
    assert.throws(() => decodeEntry(other), { code: 'SCRIPT_REFUSED' });
  }
  for (const length of [0, 1, 2, 50]) {
    assert.throws(() => decodeEntry(entry.subarray(0, length)), { code: 'SCRIPT_REFUSED' });
  }
});

test('a header that its two length bytes cannot count is a fault, not a cut', () => {
  const groups = Array.from({ length: 7000 }, (_, n) => `GROUP${String(n)}`);
  assert.throws(() => encodeEntry({ ...sample, groups }, Buffer.alloc(0)), { code: 'SCRIPT_REFUSED' });
});
