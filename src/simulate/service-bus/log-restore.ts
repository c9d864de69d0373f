import { fstatSync } from 'node:fs';
import { StandInError } from './stand-in-error.ts';
import type { EntityChange } from './bus-log.ts';
import type { Entities } from './entities.ts';
import { type LogRecord, type RecordWriter, readRecords } from './log-record.ts';
import type { Queue } from './queue.ts';
import type { Scheduled } from './schedule.ts';
import type { Held, StoredMessage } from './stored-message.ts';

/** What a start found; `orphaned` messages were in queues the entity file no longer names. */
export type Restored = { readonly messages: number; readonly orphaned: number; readonly tornBytes: number };

/** What the log says of one queue or topic, by sequence number or session. */
type Kept = {
  readonly held: Map<number, Held>;
  readonly deferred: Set<number>;
  readonly scheduled: Map<number, Scheduled>;
  readonly states: Map<string, Buffer>;
};

/**
 * Rebuilds queues, schedules, session states, delivery counts and duplicate history from an open log. `changed` is told each change of an
 * entity, which is done again here.
 */
export function restore(fd: number, entities: Entities, changed: (change: EntityChange) => void): Restored {
  /** Paths in lower case: a file may write a name in another case than it did. */
  const names = new Map<number, string>();
  const kept = new Map<string, Kept>();
  const keptOf = (id: number): Kept => {
    const path = names.get(id) ?? '';
    const known = kept.get(path);
    if (known !== undefined) return known;
    const fresh = { held: new Map(), deferred: new Set<number>(), scheduled: new Map(), states: new Map() };
    kept.set(path, fresh);
    return fresh;
  };
  const goodBytes = readRecords(fd, (record) => {
    if (record.kind === 'name') names.set(record.id, record.path.toLowerCase());
    else if (record.kind === 'entity') {
      entities.apply(record.change);
      changed(record.change);
      if (record.change.kind !== 'changed') forgetAt(record.change.path, kept);
    } else {
      replayTopic(record, entities, names);
      replay(record, keptOf);
    }
  });
  const queues = new Map([...entities.queues()].map(([path, queue]) => [path.toLowerCase(), queue]));
  let messages = 0;
  let orphaned = 0;
  for (const [path, { held, deferred, scheduled, states }] of kept) {
    const queue = queues.get(path);
    const topic = entities.topics.get(path);
    if (queue === undefined) orphaned += held.size;
    else {
      messages += held.size;
      for (const [sequence, one] of held) queue.restore(one, deferred.has(sequence));
      for (const [id, state] of states) queue.restoreState(id, state);
    }
    if (topic === undefined) orphaned += scheduled.size;
    else {
      messages += scheduled.size;
      for (const one of scheduled.values()) topic.schedule.add(one);
    }
  }
  return { messages, orphaned, tornBytes: fstatSync(fd).size - goodBytes };
}

/** What an entity held ends with it. */
function forgetAt(path: string, kept: Map<string, Kept>): void {
  const gone = path.toLowerCase();
  for (const at of kept.keys()) {
    if (at === gone || at === `${gone}/$deadletterqueue` || at.startsWith(`${gone}/subscriptions/`))
      kept.delete(at);
  }
}

/** Sequence numbers and duplicate history. */
function replayTopic(record: LogRecord, entities: Entities, names: ReadonlyMap<number, string>): void {
  if (!('topic' in record)) return;
  const topic = entities.topics.get(names.get(record.topic) ?? '');
  if (topic === undefined) return;
  if (record.kind === 'seen') {
    topic.duplicates?.restore(record.messageId, record.seenAtMs);
    return;
  }
  if (record.kind !== 'stored' && record.kind !== 'scheduled') {
    topic.lastSequence = Math.max(topic.lastSequence, record.sequence);
    return;
  }
  const message = record.kind === 'stored' ? record.message : record.scheduled.message;
  topic.lastSequence = Math.max(topic.lastSequence, message.sequence);
  topic.duplicates?.restore(message.messageId, message.enqueuedAtMs);
}

function replay(record: LogRecord, keptOf: (id: number) => Kept): void {
  switch (record.kind) {
    case 'stored': {
      const { message } = record;
      for (const id of record.queues) {
        keptOf(id).held.set(message.sequence, { message, deliveryCount: 0 });
        keptOf(id).deferred.delete(message.sequence);
      }
      return;
    }
    case 'removed':
      keptOf(record.queue).held.delete(record.sequence);
      keptOf(record.queue).deferred.delete(record.sequence);
      return;
    case 'counted': {
      const held = keptOf(record.queue).held.get(record.sequence);
      if (held !== undefined) held.deliveryCount = record.deliveryCount;
      return;
    }
    case 'deferred':
      keptOf(record.queue).deferred.add(record.sequence);
      return;
    case 'scheduled':
      keptOf(record.topic).scheduled.set(record.scheduled.message.sequence, record.scheduled);
      return;
    case 'unscheduled':
      keptOf(record.topic).scheduled.delete(record.sequence);
      return;
    case 'state':
      if (record.state === undefined) keptOf(record.queue).states.delete(record.sessionId);
      else keptOf(record.queue).states.set(record.sessionId, record.state);
  }
}

/** Numbers are 16 bits wide. */
export const namesMax = 0xffff;
/** Stands where no entity is meant. */
export const noName = 0xffff;

/** Numbers the entities for one log file: topics first, then every queue. */
export function namesOf(entities: Entities): Map<string, number> {
  const paths = [...[...entities.topics.values()].map(({ path }) => path), ...entities.queues().keys()];
  if (paths.length > namesMax)
    throw new StandInError('STAND_IN_LOG', 'more entities than a log can number (65,535)');
  return new Map(paths.map((path, id) => [path, id]));
}

/** Writes everything still alive as a fresh log; `flush` is called often, so memory stays small. */
export function snapshot(
  entities: Entities,
  names: ReadonlyMap<string, number>,
  changes: Iterable<EntityChange>,
  writer: RecordWriter,
  flush: () => void,
): void {
  for (const change of changes) {
    writer.add({ kind: 'entity', change });
    flush();
  }
  for (const [path, id] of names) writer.add({ kind: 'name', id, path });
  const idOf = (path: string): number => names.get(path) ?? 0;
  for (const topic of entities.topics.values()) {
    writer.add({ kind: 'sequence', topic: idOf(topic.path), sequence: topic.lastSequence });
    for (const [messageId, seenAtMs] of topic.duplicates ?? []) {
      writer.add({ kind: 'seen', topic: idOf(topic.path), messageId, seenAtMs });
      flush();
    }
    for (const scheduled of topic.schedule.all()) {
      writer.add({ kind: 'scheduled', topic: idOf(topic.path), scheduled });
      flush();
    }
  }
  for (const [path, queue] of entities.queues()) {
    for (const { id: sessionId, state } of queue.sessions?.all() ?? []) {
      if (state === undefined) continue;
      writer.add({ kind: 'state', queue: idOf(path), sessionId, state });
      flush();
    }
  }
  for (const [message, places] of byMessage(entities)) {
    const ids = places.map(({ queue }) => idOf(queue.path));
    // Sequence and duplicate history are written above.
    writer.add({ kind: 'stored', topic: noName, message, queues: ids });
    for (const { queue, deliveryCount, isDeferred } of places) {
      const place = { queue: idOf(queue.path), sequence: message.sequence };
      if (deliveryCount > 0) writer.add({ kind: 'counted', ...place, deliveryCount });
      if (isDeferred) writer.add({ kind: 'deferred', ...place });
    }
    flush();
  }
}

type Place = { readonly queue: Queue; readonly deliveryCount: number; readonly isDeferred: boolean };

function byMessage(entities: Entities): ReadonlyMap<StoredMessage, readonly Place[]> {
  const places = new Map<StoredMessage, Place[]>();
  for (const queue of entities.queues().values()) {
    for (const { held, isLocked, isDeferred } of queue.held()) {
      const place = { queue, deliveryCount: held.deliveryCount + (isLocked ? 1 : 0), isDeferred };
      const known = places.get(held.message);
      if (known === undefined) places.set(held.message, [place]);
      else known.push(place);
    }
  }
  return places;
}
