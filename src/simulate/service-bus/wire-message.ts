import { randomUUID } from 'node:crypto';
import { StandInError } from './stand-in-error.ts';
import {
  afterValue,
  binaryAt,
  type Compound,
  compoundAt,
  encodeSection,
  encodePrimitive,
  encodeText,
  type Primitive,
  primitiveAt,
  sectionAt,
  timestampAt,
} from './amqp-bytes.ts';

const HEADER = 0x70;
const DELIVERY_ANNOTATIONS = 0x71;
const MESSAGE_ANNOTATIONS = 0x72;
const PROPERTIES = 0x73;
const APPLICATION_PROPERTIES = 0x74;
const DATA = 0x75;

/** Places in the properties list (AMQP part 3.2.4). */
const EXPIRY_TIME = 8;
const GROUP_ID = 10;
/** The service's limit for a session's id. */
export const sessionIdLengthMax = 128;
const scheduledKey = 'x-opt-scheduled-enqueue-time';

/** The transfer format of a batch: one data section a message, each a message encoded whole. */
export const BATCH_FORMAT = 0x80013700;

/** A batch this small in bytes cannot hold more; the service sets no number. */
const batchMessagesMax = 10_000;

/** Items of one list or map of a message; half as many properties. */
const itemsMax = 10_000;

/** The service's limit for all properties of a message. */
const propertiesBytesMax = 64 * 1024;

/** Shared, so that a message without annotations makes none. */
const noBytes = Buffer.alloc(0);

/** One message as published: header and annotations taken apart, the bare message kept byte for byte. */
export type WireMessage = {
  /** The shorter of the header's time to live and the properties' expiry time; 0: none given. */
  readonly ttlMs: number;
  /** 0: at once. */
  readonly scheduledAtMs: number;
  /** Encoded key-value items of the message annotations, without their map head. */
  readonly annotations: Buffer;
  readonly annotationCount: number;
  readonly bare: Buffer;
  readonly messageId: string;
};

/**
 * Takes one published message apart. The parts are copies: a slice would hold its whole 64 KiB network read in
 * memory for as long as the message waits.
 */
export function readMessage(bytes: Buffer): WireMessage {
  let at = 0;
  let ttlMs = 0;
  let annotations = noBytes;
  let annotationCount = 0;
  let scheduledAtMs = 0;
  let code = 0;
  while (at < bytes.length) {
    const section = sectionAt(bytes, at);
    code = section.code;
    if (code === HEADER) ttlMs = headerTtlMs(bytes, section.value);
    else if (code === MESSAGE_ANNOTATIONS) {
      const map = compoundAt(bytes, section.value);
      checkItems(bytes, map);
      annotations = Buffer.from(bytes.subarray(map.first, map.end));
      annotationCount = map.count;
      scheduledAtMs = scheduledAt(annotations);
    } else if (code !== DELIVERY_ANNOTATIONS) break;
    at = afterValue(bytes, at);
  }
  if (at >= bytes.length) throw new StandInError('STAND_IN_MESSAGE', 'the message has no body');
  ttlMs = shorterLife(ttlMs, checkBare(bytes, at));
  const bare = Buffer.allocUnsafe(bytes.length - at);
  bytes.copy(bare, 0, at);
  const messageId = code === PROPERTIES ? messageIdOf(bare) : undefined;
  if (messageId !== undefined) return { ttlMs, scheduledAtMs, annotations, annotationCount, bare, messageId };
  // The SDK's lock renewal is keyed by message id and throws in `close()` without one: give it one.
  const assigned = randomUUID().replaceAll('-', '');
  return {
    ttlMs,
    scheduledAtMs,
    annotations,
    annotationCount,
    bare: withMessageId(bare, assigned),
    messageId: assigned,
  };
}

/** The session a bare message names; undefined without one or with too long a one. The empty text is a session's name too. */
export function sessionIdOf(bare: Buffer): string | undefined {
  const { properties } = findSections(bare);
  if (properties === undefined) return undefined;
  const list = compoundAt(bare, properties);
  if (list.count <= GROUP_ID) return undefined;
  let at = list.first;
  for (let item = 0; item < GROUP_ID; item++) at = afterValue(bare, at);
  const id = primitiveAt(bare, at);
  return typeof id === 'string' && id.length <= sessionIdLengthMax ? id : undefined;
}

/** The messages of a batch. The envelope repeats the first message's properties: only its data sections count. */
export function splitBatch(bytes: Buffer): readonly Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length; at = afterValue(bytes, at)) {
    const { code, value } = sectionAt(bytes, at);
    if (code !== DATA) continue;
    if (messages.push(binaryAt(bytes, value)) > batchMessagesMax) {
      throw new StandInError(
        'STAND_IN_MESSAGE',
        `the batch holds more than ${String(batchMessagesMax)} messages`,
      );
    }
  }
  return messages;
}

/** Content of the first data section of an encoded message; empty when the body is of another kind. */
export function bodyOf(bytes: Buffer): Buffer {
  for (let at = 0; at < bytes.length; at = afterValue(bytes, at)) {
    const { code, value } = sectionAt(bytes, at);
    if (code === DATA) return binaryAt(bytes, value);
  }
  return bytes.subarray(0, 0);
}

/** Where the properties and application properties sections of a bare message start and end. */
export function findSections(bare: Buffer): {
  readonly properties?: number;
  readonly application?: number;
  readonly propertiesEnd: number;
  readonly applicationEnd: number;
} {
  let at = 0;
  const first = sectionAt(bare, at);
  const properties = first.code === PROPERTIES ? first.value : undefined;
  if (properties !== undefined) at = afterValue(bare, at);
  const propertiesEnd = at;
  const second = at < bare.length ? sectionAt(bare, at) : undefined;
  const application = second?.code === APPLICATION_PROPERTIES ? second.value : undefined;
  if (application !== undefined) at = afterValue(bare, at);
  return {
    ...(properties === undefined ? {} : { properties }),
    ...(application === undefined ? {} : { application }),
    propertiesEnd,
    applicationEnd: at,
  };
}

/** False when with these properties added the message would pass the service's limit for its properties. */
export function isWithinPropertiesMax(bare: Buffer, added: ReadonlyMap<string, Primitive>): boolean {
  if (added.size === 0) return true;
  let bytes = findSections(bare).applicationEnd;
  for (const [key, value] of added) bytes += 16 + key.length + (typeof value === 'string' ? value.length : 0);
  return bytes <= propertiesBytesMax;
}

/** The same message with these application properties added or replaced; all other bytes stay as they are. */
export function withApplicationProperties(bare: Buffer, added: ReadonlyMap<string, Primitive>): Buffer {
  const { application, propertiesEnd, applicationEnd } = findSections(bare);
  const items: Buffer[] = [];
  let count = 0;
  if (application !== undefined) {
    const map = compoundAt(bare, application);
    for (let at = map.first; at < map.end; ) {
      const value = afterValue(bare, at);
      const next = afterValue(bare, value);
      const key = primitiveAt(bare, at);
      if (typeof key !== 'string' || !added.has(key)) {
        items.push(bare.subarray(at, next));
        count += 2;
      }
      at = next;
    }
  }
  for (const [key, value] of added) {
    items.push(encodeText(key), encodePrimitive(value));
    count += 2;
  }
  const section = encodeSection(APPLICATION_PROPERTIES, 0xd1, count, items);
  return Buffer.concat([bare.subarray(0, propertiesEnd), section, bare.subarray(applicationEnd)]);
}

/**
 * Walks everything rules and dead-lettering read later, so that neither can meet broken bytes. Returns the life the
 * properties give the message by their expiry and creation times; 0 for none.
 */
function checkBare(bytes: Buffer, start: number): number {
  let lifeMs = 0;
  for (let at = start; at < bytes.length; at = afterValue(bytes, at)) {
    const { code, value } = sectionAt(bytes, at);
    if (code !== PROPERTIES && code !== APPLICATION_PROPERTIES) continue;
    const items = compoundAt(bytes, value);
    checkItems(bytes, items);
    if (code === PROPERTIES && items.count > EXPIRY_TIME) lifeMs = lifeOf(bytes, items);
  }
  return lifeMs;
}

/** From creation to expiry: the sender's own clock measured both, so it need not agree with ours. */
function lifeOf(bytes: Buffer, { first, count }: Compound): number {
  let at = first;
  for (let item = 0; item < EXPIRY_TIME; item++) at = afterValue(bytes, at);
  const expiresAtMs = timestampAt(bytes, at);
  const createdAtMs = count > EXPIRY_TIME + 1 ? timestampAt(bytes, afterValue(bytes, at)) : undefined;
  if (expiresAtMs === undefined || createdAtMs === undefined) return 0;
  return Math.max(1, expiresAtMs - createdAtMs);
}

function shorterLife(oneMs: number, otherMs: number): number {
  return oneMs === 0 || (otherMs !== 0 && otherMs < oneMs) ? otherMs : oneMs;
}

function scheduledAt(annotations: Buffer): number {
  if (!annotations.includes(scheduledKey)) return 0;
  for (let at = 0; at < annotations.length; ) {
    const value = afterValue(annotations, at);
    if (primitiveAt(annotations, at) === scheduledKey)
      return Math.max(0, timestampAt(annotations, value) ?? 0);
    at = afterValue(annotations, value);
  }
  return 0;
}

function checkItems(bytes: Buffer, { count, first, end }: Compound): void {
  let at = first;
  for (let item = 0; item < count && at < end; item++) at = afterValue(bytes, at);
  if (at !== end || count > itemsMax)
    throw new StandInError('STAND_IN_MESSAGE', 'a list or map miscounts its items');
}

function headerTtlMs(bytes: Buffer, value: number): number {
  const list = compoundAt(bytes, value);
  if (list.count < 3) return 0;
  const ttl = primitiveAt(bytes, afterValue(bytes, afterValue(bytes, list.first)));
  return typeof ttl === 'number' ? ttl : 0;
}

function messageIdOf(bare: Buffer): string | undefined {
  const list = compoundAt(bare, sectionAt(bare, 0).value);
  if (list.count === 0 || bare[list.first] === 0x40) return undefined;
  const id = primitiveAt(bare, list.first);
  if (id === undefined) return bare.toString('hex', list.first, afterValue(bare, list.first)); // uuid or binary
  return String(id);
}

function withMessageId(bare: Buffer, id: string): Buffer {
  const { properties, propertiesEnd } = findSections(bare);
  if (properties === undefined)
    return Buffer.concat([encodeSection(PROPERTIES, 0xd0, 1, [encodeText(id)]), bare]);
  const list = compoundAt(bare, properties);
  const others = list.count === 0 ? list.end : afterValue(bare, list.first);
  const items = [encodeText(id), bare.subarray(others, list.end)];
  const section = encodeSection(PROPERTIES, 0xd0, Math.max(1, list.count), items);
  return Buffer.concat([section, bare.subarray(propertiesEnd)]);
}
