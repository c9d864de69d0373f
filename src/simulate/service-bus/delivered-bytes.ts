import { encodeText, writeUint64 } from './amqp-bytes.ts';
import type { MessageState, StoredMessage } from './stored-message.ts';

const symbol = (text: string): Buffer => Buffer.concat([Buffer.from([0xa3, text.length]), Buffer.from(text)]);
const longAfter = (key: string, constructor: number): Buffer =>
  Buffer.concat([symbol(key), Buffer.from([constructor, 0, 0, 0, 0, 0, 0, 0, 0])]);

/** Header as list8: durable, priority (null), ttl uint, first-acquirer (null), delivery-count uint. */
const header = Buffer.from([
  0x00, 0x53, 0x70, 0xc0, 14, 5, 0x41, 0x40, 0x70, 0, 0, 0, 0, 0x40, 0x70, 0, 0, 0, 0,
]);
const ttlMax = 0xffff_ffff;
const TTL_AT = 9;
const DELIVERY_COUNT_AT = 15;

/** Message annotations as map32; the lock time comes last because presettled deliveries leave it out. */
const annotationHead = Buffer.from([0x00, 0x53, 0x72, 0xd1, 0, 0, 0, 0, 0, 0, 0, 0]);
const sequence = longAfter('x-opt-sequence-number', 0x81);
const enqueued = longAfter('x-opt-enqueued-time', 0x83);
const locked = longAfter('x-opt-locked-until', 0x83);
const prefix = Buffer.concat([header, annotationHead, sequence, enqueued, locked]);
const MAP_SIZE_AT = header.length + 4;
const MAP_COUNT_AT = header.length + 8;
const SEQUENCE_AT = header.length + annotationHead.length + sequence.length - 8;
const ENQUEUED_AT = SEQUENCE_AT + enqueued.length;
const LOCKED_AT = ENQUEUED_AT + locked.length;
const sourceKey = symbol('x-opt-deadletter-source');
const stateKey = symbol('x-opt-message-state');

/**
 * A stored message as it goes on the wire: header and annotations before the bare message, which is copied, not
 * encoded again. `lockedUntilMs` 0 leaves the lock annotation out; `expiresAtMs` may be Infinity.
 */
export function encodeDelivered(
  message: StoredMessage,
  deliveryCount: number,
  lockedUntilMs: number,
  expiresAtMs: number,
  state: MessageState = 0,
): Buffer {
  const prefixLength = lockedUntilMs === 0 ? prefix.length - locked.length : prefix.length;
  const extra = message.deadLetterSource === '' && state === 0 ? noExtra : extraOf(message, state);
  const annotationsAt = prefixLength + extra.bytes.length;
  const bareAt = annotationsAt + message.annotations.length;
  const bytes = Buffer.allocUnsafe(bareAt + message.bare.length);
  prefix.copy(bytes, 0, 0, prefixLength);
  bytes.writeUInt32BE(Math.min(ttlMax, Math.max(0, expiresAtMs - message.enqueuedAtMs)), TTL_AT);
  bytes.writeUInt32BE(deliveryCount, DELIVERY_COUNT_AT);
  bytes.writeUInt32BE(bareAt - MAP_COUNT_AT, MAP_SIZE_AT);
  const pairs = (lockedUntilMs === 0 ? 2 : 3) + extra.pairs;
  bytes.writeUInt32BE(2 * pairs + message.annotationCount, MAP_COUNT_AT);
  writeUint64(bytes, message.sequence, SEQUENCE_AT);
  writeUint64(bytes, message.enqueuedAtMs, ENQUEUED_AT);
  if (lockedUntilMs !== 0) writeUint64(bytes, lockedUntilMs, LOCKED_AT);
  extra.bytes.copy(bytes, prefixLength);
  message.annotations.copy(bytes, annotationsAt);
  message.bare.copy(bytes, bareAt);
  return bytes;
}

type Extra = { readonly bytes: Buffer; readonly pairs: number };

const noExtra: Extra = { bytes: Buffer.alloc(0), pairs: 0 };

/** Annotations few messages carry. */
function extraOf({ deadLetterSource }: StoredMessage, state: MessageState): Extra {
  const source = deadLetterSource === '' ? [] : [sourceKey, encodeText(deadLetterSource)];
  const stated = state === 0 ? [] : [stateKey, Buffer.from([0x54, state])];
  return { bytes: Buffer.concat([...source, ...stated]), pairs: (source.length + stated.length) / 2 };
}
