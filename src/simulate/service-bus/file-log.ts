import { closeSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { StandInError } from './stand-in-error.ts';
import type { BusLog, EntityChange, Logged } from './bus-log.ts';
import { ChangeOverlay } from './change-overlay.ts';
import type { Entities } from './entities.ts';
import { type LogRecord, logHead, RecordWriter } from './log-record.ts';
import { namesMax, namesOf, noName, type Restored, restore, snapshot } from './log-restore.ts';
import type { Scheduled } from './schedule.ts';
import type { StoredMessage } from './stored-message.ts';

/** A log smaller than this is never rewritten. */
const compactFromBytes = 64 * 1024 * 1024;
/** Names given since the last rewrite after which it is rewritten: they run out at 65,535. */
const namesFromNew = 5_000;
const flushFromBytes = 1024 * 1024;

export type LogStats = Restored & { readonly bytes: number; readonly compactions: number };

/**
 * Append-only log of a data directory. What the entities tell in one turn of the event loop goes out in one
 * write(2), then whoever waits is told. That survives a kill of the process, not a power cut: nothing is fsynced.
 * A write that fails is thrown out of the event loop on purpose: an unwritten message must never be confirmed.
 */
export class FileLog implements BusLog {
  readonly #path: string;
  readonly #writer = new RecordWriter();
  readonly #waiters: (() => void)[] = [];
  /** What the entities of the file became. */
  readonly #overlay = new ChangeOverlay();
  /** By path; what is made at run time gets a number when it is first told of. */
  #names = new Map<string, number>();
  #entities: Entities | undefined;
  #fd = -1;
  #bytes = 0;
  #liveBytes = 0;
  #liveNames = 0;
  #compactions = 0;
  #isFlushDue = false;
  #restored: Restored = { messages: 0, orphaned: 0, tornBytes: 0 };

  constructor(dataDir: string) {
    this.#path = join(dataDir, 'bus.log');
    mkdirSync(dataDir, { recursive: true });
  }

  get stats(): LogStats {
    return { ...this.#restored, bytes: this.#bytes, compactions: this.#compactions };
  }

  /** Fills the entities from the log and starts a fresh one with what is alive. */
  open(entities: Entities): void {
    this.#overlay.startFrom(new Set(entities.paths()));
    const old = openIfThere(this.#path);
    if (old !== undefined) {
      this.#restored = restore(old, entities, (change) => {
        this.#overlay.note(change);
      });
      closeSync(old);
    }
    this.#entities = entities;
    this.#rewrite(entities);
  }

  close(): void {
    if (this.#fd < 0) return;
    this.#flush();
    closeSync(this.#fd);
    this.#fd = -1;
  }

  stored(topic: Logged | undefined, message: StoredMessage, queues: readonly Logged[]): void {
    this.#add({
      kind: 'stored',
      topic: topic === undefined ? noName : this.#id(topic),
      message,
      queues: queues.map((queue) => this.#id(queue)),
    });
  }

  numbered(topic: Logged, sequence: number): void {
    this.#add({ kind: 'sequence', topic: this.#id(topic), sequence });
  }

  removed(queue: Logged, sequence: number): void {
    this.#add({ kind: 'removed', queue: this.#id(queue), sequence });
  }

  counted(queue: Logged, sequence: number, deliveryCount: number): void {
    this.#add({ kind: 'counted', queue: this.#id(queue), sequence, deliveryCount });
  }

  deferred(queue: Logged, sequence: number): void {
    this.#add({ kind: 'deferred', queue: this.#id(queue), sequence });
  }

  scheduled(topic: Logged, scheduled: Scheduled): void {
    this.#add({ kind: 'scheduled', topic: this.#id(topic), scheduled });
  }

  unscheduled(topic: Logged, sequence: number): void {
    this.#add({ kind: 'unscheduled', topic: this.#id(topic), sequence });
  }

  sessionState(queue: Logged, sessionId: string, state: Buffer | undefined): void {
    this.#add({ kind: 'state', queue: this.#id(queue), sessionId, state });
  }

  entity(change: EntityChange): void {
    this.#overlay.note(change);
    this.#add({ kind: 'entity', change });
  }

  whenWritten(then: () => void): void {
    this.#waiters.push(then);
    this.#flushLater();
  }

  flush(): void {
    if (this.#fd >= 0 && this.#writer.length > 0) this.#flush();
  }

  /** Before `open` is done the entities are being filled from the old log: what they tell is already in it. */
  #add(record: LogRecord): void {
    if (this.#fd < 0) return;
    this.#writer.add(record);
    this.#flushLater();
  }

  #id(entity: Logged): number {
    const known = this.#names.get(entity.path);
    if (known !== undefined || this.#fd < 0) return known ?? 0;
    const id = this.#names.size;
    if (id >= namesMax)
      throw new StandInError('STAND_IN_LOG', 'more entities than a log can number (65,535)');
    this.#add({ kind: 'name', id, path: entity.path });
    this.#names.set(entity.path, id);
    return id;
  }

  #flushLater(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      if (this.#fd >= 0) this.#flush();
    });
  }

  #flush(): void {
    this.#bytes += writeWhole(this.#fd, this.#writer.take());
    // Waiters hand messages out, which adds records and may add waiters: those belong to the next turn.
    for (const then of this.#waiters.splice(0)) then();
    // Names of what was deleted are used up until the log is rewritten with those that are left.
    const isLong = this.#bytes >= Math.max(compactFromBytes, 4 * this.#liveBytes);
    const isFullOfNames = this.#names.size >= this.#liveNames + namesFromNew;
    if (this.#entities === undefined || !(isLong || isFullOfNames) || this.#waiters.length > 0) return;
    this.#compactions++;
    this.#rewrite(this.#entities);
  }

  /** The old file stays whole until the new one takes its name. Records not yet written are in the snapshot. */
  #rewrite(entities: Entities): void {
    const next = `${this.#path}.next`;
    const fd = openSync(next, 'w');
    const writer = new RecordWriter();
    let bytes = writeWhole(fd, logHead);
    const flush = (): void => {
      if (writer.length >= flushFromBytes) bytes += writeWhole(fd, writer.take());
    };
    this.#names = namesOf(entities);
    snapshot(entities, this.#names, this.#overlay, writer, flush);
    bytes += writeWhole(fd, writer.take());
    renameSync(next, this.#path);
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#writer.take();
    this.#fd = fd;
    this.#bytes = bytes;
    this.#liveBytes = bytes;
    this.#liveNames = this.#names.size;
  }
}

function writeWhole(fd: number, bytes: Buffer): number {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  return bytes.length;
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new StandInError('STAND_IN_LOG', 'the log in the data directory cannot be read', { cause });
  }
}
