import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import rhea from 'rhea';
import { StandInError } from './stand-in-error.ts';
import { encodeDelivered } from './delivered-bytes.ts';
import { MessageProperties } from './rule.ts';
import { bodyOf, readMessage, splitBatch, withApplicationProperties } from './wire-message.ts';

const sections = rhea.message as unknown as { data_section(body: Buffer): unknown };
const encode = (fields: object, body = Buffer.from('body')): Buffer =>
  rhea.message.encode({ ...fields, body: sections.data_section(body) });

test('keeps header time to live, annotations, id and the bare message', () => {
  const bytes = encode({
    ttl: 5_000,
    message_id: 'id-1',
    message_annotations: { 'x-opt-partition-key': 'p' },
  });
  const message = readMessage(bytes);
  assert.deepEqual([message.ttlMs, message.annotationCount, message.messageId], [5_000, 2, 'id-1']);
  assert.ok(bytes.subarray(bytes.length - message.bare.length).equals(message.bare));
});

test('gives an id to a message without one and leaves the rest as it was', () => {
  for (const fields of [{}, { subject: 'AM', application_properties: { destination: 'CA0990100' } }]) {
    const { bare, messageId } = readMessage(encode(fields));
    const decoded = rhea.message.decode(bare);
    assert.equal(decoded['message_id'], messageId);
    assert.equal(decoded['subject'], 'subject' in fields ? 'AM' : undefined);
    assert.equal(bodyOf(bare).toString(), 'body');
  }
});

test('adds and replaces application properties and touches no other byte', () => {
  const { bare } = readMessage(
    encode({ message_id: 'a', application_properties: { kept: 7, DeadLetterReason: 'old' } }),
  );
  const changed = withApplicationProperties(bare, new Map([['DeadLetterReason', 'new']]));
  const decoded = rhea.message.decode(changed);
  assert.deepEqual(decoded['application_properties'], { kept: 7, DeadLetterReason: 'new' });
  assert.equal(decoded['message_id'], 'a');
  assert.equal(bodyOf(changed).toString(), 'body');
});

test('a delivered message decodes to its stored parts, with and without a lock', () => {
  const stored = {
    ...readMessage(encode({ message_id: 'a', message_annotations: { 'x-opt-partition-key': 'p' } })),
    sequence: 2 ** 40 + 1,
    enqueuedAtMs: 1_700_000_000_000,
    expiresAtMs: 1_700_000_060_000,
    deadLetterSource: `broadcast/Subscriptions/${'s'.repeat(300)}`,
  };
  for (const lockedUntilMs of [0, 1_700_000_030_000]) {
    const decoded = rhea.message.decode(encodeDelivered(stored, 4, lockedUntilMs, stored.expiresAtMs));
    const annotations = decoded['message_annotations'] as Record<string, unknown>;
    assert.deepEqual([decoded['ttl'], decoded['delivery_count']], [60_000, 4]);
    assert.equal(annotations['x-opt-deadletter-source'], stored.deadLetterSource);
    assert.equal(annotations['x-opt-partition-key'], 'p');
    assert.equal(Number(annotations['x-opt-sequence-number']), stored.sequence);
    assert.equal('x-opt-locked-until' in annotations, lockedUntilMs !== 0);
  }
});

test('damaged bytes are refused by a fault or read, never anything else', () => {
  const whole = encode({
    ttl: 1,
    message_id: 'a',
    message_annotations: { 'x-opt-partition-key': 'p' },
    application_properties: { destination: 'CA0990100', g_CA: true },
  });
  const damaged = fc
    .tuple(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length))
    .map(([at, byte, length]) => {
      const bytes = Buffer.from(whole);
      bytes[at] = byte;
      return bytes.subarray(0, length);
    });
  const anyBytes = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(damaged, anyBytes), (bytes) => {
      try {
        splitBatch(bytes);
        // What was taken at the door must not fail later, on a timer.
        const { bare } = readMessage(bytes);
        const properties = new MessageProperties(bare);
        properties.system(0);
        properties.application('destination');
        withApplicationProperties(bare, new Map([['DeadLetterReason', 'x']]));
      } catch (error) {
        assert.ok(error instanceof StandInError, String(error));
      }
    }),
    { numRuns: 5_000 },
  );
});

test('what readMessage takes can always be matched and dead-lettered', () => {
  const whole = encode({
    message_id: 'a',
    subject: 'AM',
    application_properties: { destination: 'CA0990100', n: 1 },
  });
  for (let at = 0; at < whole.length; at++) {
    for (const byte of [0x00, 0x40, 0x45, 0x7f, 0xa1, 0xc1, 0xd1, 0xff]) {
      const bytes = Buffer.from(whole);
      bytes[at] = byte;
      let bare: Buffer;
      try {
        ({ bare } = readMessage(bytes));
      } catch {
        continue;
      }
      new MessageProperties(bare).system(3);
      new MessageProperties(bare).application('destination');
      withApplicationProperties(bare, new Map([['DeadLetterReason', 'x']]));
    }
  }
});

test('nested descriptors cost no stack', () => {
  const bytes = Buffer.alloc(1_000_000);
  assert.throws(() => readMessage(bytes), StandInError);
  assert.throws(() => splitBatch(Buffer.concat([Buffer.from([0, 0x53, 0x77]), bytes])), StandInError);
});
