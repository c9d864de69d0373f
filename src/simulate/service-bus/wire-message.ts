import { randomUUID } from 'node:crypto';
import { Fault } from '../../message/codes.ts';
import {
  afterValue,
  binaryAt,
  type Compound,
  compoundAt,
  encodeSection,
  encodeText,
  primitiveAt,
  sectionAt,
} from './amqp-bytes.ts';

const HEADER = 0x70;
const DELIVERY_ANNOTATIONS = 0x71;
const MESSAGE_ANNOTATIONS = 0x72;
const PROPERTIES = 0x73;
const APPLICATION_PROPERTIES = 0x74;
const DATA = 0x75;

/** The transfer format of a batch: one data section a message, each a message encoded whole. */
export const BATCH_FORMAT = 0x80013700;

/** A batch this small in bytes cannot hold more; the service sets no number. */
const batchMessagesMax = 10_000;

/** Items of one list or map of a message; half as many properties. */
const itemsMax = 10_000;

/** One message as published: header and annotations taken apart, the bare message kept byte for byte. */
export type WireMessage = {
  /** 0: none given. */
  readonly ttlMs: number;
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
  let annotations = Buffer.alloc(0);
  let annotationCount = 0;
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
    } else if (code !== DELIVERY_ANNOTATIONS) break;
    at = afterValue(bytes, at);
  }
  if (at >= bytes.length) throw new Fault('STAND_IN_MESSAGE', 'the message has no body');
  if (annotations.includes('x-opt-scheduled-enqueue-time')) {
    throw new Fault('STAND_IN_MESSAGE', 'scheduled messages are not played by the stand-in');
  }
  checkBare(bytes, at);
  const rest = bytes.subarray(at);
  const messageId = code === PROPERTIES ? messageIdOf(rest) : undefined;
  if (messageId !== undefined)
    return { ttlMs, annotations, annotationCount, bare: Buffer.from(rest), messageId };
  // The SDK's lock renewal is keyed by message id and throws in `close()` without one: give it one.
  const assigned = randomUUID().replaceAll('-', '');
  return { ttlMs, annotations, annotationCount, bare: withMessageId(rest, assigned), messageId: assigned };
}

/** The messages of a batch. The envelope repeats the first message's properties: only its data sections count. */
export function splitBatch(bytes: Buffer): readonly Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length; at = afterValue(bytes, at)) {
    const { code, value } = sectionAt(bytes, at);
    if (code !== DATA) continue;
    if (messages.push(binaryAt(bytes, value)) > batchMessagesMax) {
      throw new Fault('STAND_IN_MESSAGE', `the batch holds more than ${String(batchMessagesMax)} messages`);
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

/** The same message with these application properties added or replaced; all other bytes stay as they are. */
export function withApplicationProperties(bare: Buffer, added: ReadonlyMap<string, string>): Buffer {
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
    items.push(encodeText(key), encodeText(value));
    count += 2;
  }
  const section = encodeSection(APPLICATION_PROPERTIES, 0xd1, count, items);
  return Buffer.concat([bare.subarray(0, propertiesEnd), section, bare.subarray(applicationEnd)]);
}

/** Walks everything rules and dead-lettering read later, so that neither can meet broken bytes. */
function checkBare(bytes: Buffer, start: number): void {
  for (let at = start; at < bytes.length; at = afterValue(bytes, at)) {
    const { code, value } = sectionAt(bytes, at);
    if (code === PROPERTIES || code === APPLICATION_PROPERTIES) checkItems(bytes, compoundAt(bytes, value));
  }
}

function checkItems(bytes: Buffer, { count, first, end }: Compound): void {
  let at = first;
  for (let item = 0; item < count && at < end; item++) at = afterValue(bytes, at);
  if (at !== end || count > itemsMax)
    throw new Fault('STAND_IN_MESSAGE', 'a list or map miscounts its items');
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
