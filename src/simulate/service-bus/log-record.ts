import { readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { StandInError } from './stand-in-error.ts';
import type { EntityChange } from './bus-log.ts';
import type { Scheduled } from './schedule.ts';
import type { StoredMessage } from './stored-message.ts';

/** `TFBUS` and the format version: the first bytes of every log. */
export const logHead = Buffer.from('TFBUS\x01');

/** What the log tells, by numbers given in `name` records of the same file. */
export type LogRecord =
  | { readonly kind: 'name'; readonly id: number; readonly path: string }
  | {
      readonly kind: 'stored';
      readonly topic: number;
      readonly message: StoredMessage;
      readonly queues: readonly number[];
    }
  | { readonly kind: 'removed'; readonly queue: number; readonly sequence: number }
  | {
      readonly kind: 'counted';
      readonly queue: number;
      readonly sequence: number;
      readonly deliveryCount: number;
    }
  | { readonly kind: 'seen'; readonly topic: number; readonly messageId: string; readonly seenAtMs: number }
  | { readonly kind: 'sequence'; readonly topic: number; readonly sequence: number }
  | { readonly kind: 'deferred'; readonly queue: number; readonly sequence: number }
  | { readonly kind: 'scheduled'; readonly topic: number; readonly scheduled: Scheduled }
  | { readonly kind: 'unscheduled'; readonly topic: number; readonly sequence: number }
  | {
      readonly kind: 'state';
      readonly queue: number;
      readonly sessionId: string;
      readonly state: Buffer | undefined;
    }
  | { readonly kind: 'entity'; readonly change: EntityChange };

/** By their number in the file: new kinds go at the end. */
const kinds = [
  'name',
  'stored',
  'removed',
  'counted',
  'seen',
  'sequence',
  'deferred',
  'scheduled',
  'unscheduled',
  'state',
  'entity',
] as const;

/** Kinds of an entity change by their number in the file. */
const changes = ['created', 'changed', 'deleted'] as const satisfies EntityChange['kind'][];

/** Before each record: its length and a CRC-32 of it, both 4 bytes. */
const HEAD = 8;
const keptBytes = 1024 * 1024;

/** Collects records as bytes, one growing buffer for many; handed over and used again after each write. */
export class RecordWriter {
  #bytes = Buffer.allocUnsafe(keptBytes);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  /** The records so far; valid until the next `add`. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#at);
    this.#at = 0;
    if (this.#bytes.length > keptBytes) this.#bytes = Buffer.allocUnsafe(keptBytes);
    return taken;
  }

  add(record: LogRecord): void {
    const start = this.#at;
    this.#makeRoom(HEAD + 64);
    this.#at += HEAD;
    this.#byte(kinds.indexOf(record.kind));
    this.#content(record);
    const content = this.#bytes.subarray(start + HEAD, this.#at);
    this.#bytes.writeUInt32BE(content.length, start);
    this.#bytes.writeUInt32BE(crc32(content), start + 4);
  }

  #content(record: LogRecord): void {
    switch (record.kind) {
      case 'name':
        this.#short(record.id);
        this.#text(record.path);
        return;
      case 'stored':
        this.#short(record.topic);
        this.#messageHead(record.message);
        this.#short(record.queues.length);
        for (const queue of record.queues) this.#short(queue);
        this.#block(record.message.bare);
        return;
      case 'scheduled':
        this.#short(record.topic);
        this.#long(record.scheduled.dueAtMs);
        this.#long(record.scheduled.ttlMs);
        this.#messageHead(record.scheduled.message);
        this.#block(record.scheduled.message.bare);
        return;
      case 'state':
        this.#short(record.queue);
        this.#text(record.sessionId);
        this.#byte(record.state === undefined ? 0 : 1);
        this.#block(record.state ?? Buffer.alloc(0));
        return;
      case 'removed':
      case 'deferred':
        this.#short(record.queue);
        this.#long(record.sequence);
        return;
      case 'counted':
        this.#short(record.queue);
        this.#long(record.sequence);
        this.#short(Math.min(record.deliveryCount, 0xffff));
        return;
      case 'seen':
        this.#short(record.topic);
        this.#text(record.messageId);
        this.#long(record.seenAtMs);
        return;
      case 'entity':
        this.#byte(changes.indexOf(record.change.kind));
        this.#text(record.change.path);
        this.#text(record.change.definition);
        return;
      case 'sequence':
      case 'unscheduled':
        this.#short(record.topic);
        this.#long(record.sequence);
    }
  }

  /** A message without its bare part. */
  #messageHead(message: StoredMessage): void {
    this.#long(message.sequence);
    this.#long(message.enqueuedAtMs);
    this.#long(message.expiresAtMs);
    this.#text(message.messageId);
    this.#text(message.deadLetterSource);
    this.#short(message.annotationCount);
    this.#block(message.annotations);
  }

  #byte(value: number): void {
    this.#makeRoom(1);
    this.#at = this.#bytes.writeUInt8(value, this.#at);
  }

  #short(value: number): void {
    this.#makeRoom(2);
    this.#at = this.#bytes.writeUInt16BE(value, this.#at);
  }

  /** 48 bits: sequence numbers and milliseconds fit for some thousand years. */
  #long(value: number): void {
    this.#makeRoom(6);
    this.#at = this.#bytes.writeUIntBE(value, this.#at, 6);
  }

  #text(text: string): void {
    this.#block(Buffer.from(text));
  }

  #block(block: Buffer): void {
    this.#makeRoom(4 + block.length);
    this.#at = this.#bytes.writeUInt32BE(block.length, this.#at);
    this.#at += block.copy(this.#bytes, this.#at);
  }

  #makeRoom(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const wider = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + bytes));
    this.#bytes.copy(wider, 0, 0, this.#at);
    this.#bytes = wider;
  }
}

/** No record is longer: a longer length is damage. Messages are limited far below. */
const recordBytesMax = 128 * 1024 * 1024;
const readBytes = 4 * 1024 * 1024;

/**
 * Reads a log's records up to its end or to the first that is cut or damaged; returns how many bytes were good, so
 * the caller sees how much of a torn tail was dropped. Reads in pieces: a log may be larger than memory allows.
 */
export function readRecords(fd: number, take: (record: LogRecord) => void): number {
  let held = readMore(fd, Buffer.alloc(0));
  if (!held.subarray(0, logHead.length).equals(logHead)) {
    throw new StandInError('STAND_IN_LOG', 'the log in the data directory is of another format');
  }
  let good = logHead.length;
  let at = logHead.length;
  for (;;) {
    const end = recordEnd(held, at);
    if (end > at && end <= held.length) {
      const content = held.subarray(at + HEAD, end);
      if (crc32(content) !== held.readUInt32BE(at + 4)) return good;
      take(readRecord(content));
      good += end - at;
      at = end;
      continue;
    }
    if (end - at > recordBytesMax) return good;
    const rest = held.subarray(at);
    held = readMore(fd, rest);
    at = 0;
    if (held.length === rest.length) return good;
  }
}

/** Where the record at `at` ends, or `at` itself when not even its head is there. */
function recordEnd(bytes: Buffer, at: number): number {
  return at + HEAD > bytes.length ? at : at + HEAD + bytes.readUInt32BE(at);
}

function readMore(fd: number, rest: Buffer): Buffer {
  const piece = Buffer.allocUnsafe(readBytes);
  const length = readSync(fd, piece);
  return Buffer.concat([rest, piece.subarray(0, length)]);
}

function readRecord(content: Buffer): LogRecord {
  let at = 1;
  const byte = (): number => content.readUInt8(at++);
  const short = (): number => content.readUInt16BE((at += 2) - 2);
  const long = (): number => content.readUIntBE((at += 6) - 6, 6);
  const block = (): Buffer => {
    const length = content.readUInt32BE(at);
    at += 4 + length;
    return Buffer.from(content.subarray(at - length, at)); // a copy: a slice would hold its 4 MiB piece in memory
  };
  const text = (): string => block().toString();
  const messageHead = (): Omit<StoredMessage, 'bare'> => {
    const [sequence, enqueuedAtMs, expiresAtMs] = [long(), long(), long()];
    const [messageId, deadLetterSource] = [text(), text()];
    const [annotationCount, annotations] = [short(), block()];
    return {
      sequence,
      enqueuedAtMs,
      expiresAtMs,
      messageId,
      deadLetterSource,
      annotationCount,
      annotations,
    };
  };
  const kind = kinds[content[0] ?? -1];
  switch (kind) {
    case 'name':
      return { kind, id: short(), path: text() };
    case 'stored': {
      const [topic, head] = [short(), messageHead()];
      const queues = Array.from({ length: short() }, short);
      return { kind, topic, message: { ...head, bare: block() }, queues };
    }
    case 'scheduled': {
      const [topic, dueAtMs, ttlMs, head] = [short(), long(), long(), messageHead()];
      return { kind, topic, scheduled: { message: { ...head, bare: block() }, dueAtMs, ttlMs } };
    }
    case 'state': {
      const [queue, sessionId, isKept, state] = [short(), text(), byte(), block()];
      return { kind, queue, sessionId, state: isKept === 1 ? state : undefined };
    }
    case 'removed':
    case 'deferred':
      return { kind, queue: short(), sequence: long() };
    case 'counted':
      return { kind, queue: short(), sequence: long(), deliveryCount: short() };
    case 'seen':
      return { kind, topic: short(), messageId: text(), seenAtMs: long() };
    case 'entity': {
      const change = changes[byte()];
      if (change === undefined)
        throw new StandInError('STAND_IN_LOG', 'the log holds a change of an unknown kind');
      return { kind, change: { kind: change, path: text(), definition: text() } };
    }
    case 'sequence':
    case 'unscheduled':
      return { kind, topic: short(), sequence: long() };
    default:
      throw new StandInError('STAND_IN_LOG', 'the log holds a record of an unknown kind');
  }
}
