import { fstatSync } from 'node:fs';
import { Fault } from '../../message/codes.ts';
import type { Entities } from './entities.ts';
import { type LogRecord, type RecordWriter, readRecords } from './log-record.ts';
import type { Queue } from './queue.ts';
import type { Held, StoredMessage } from './stored-message.ts';

/** What a start found; `orphaned` messages were in queues the entity file no longer names. */
export type Restored = { readonly messages: number; readonly orphaned: number; readonly tornBytes: number };

/** Rebuilds queues, delivery counts and duplicate history from an open log. */
export function restore(fd: number, entities: Entities): Restored {
  const names = new Map<number, string>();
  const waiting = new Map<string, Map<number, Held>>();
  const goodBytes = readRecords(fd, (record) => {
    replay(record, entities, names, waiting);
  });
  const queues = entities.queues();
  let messages = 0;
  let orphaned = 0;
  for (const [path, held] of waiting) {
    const queue = queues.get(path);
    if (queue === undefined) orphaned += held.size;
    else {
      messages += held.size;
      for (const one of held.values()) queue.restore(one);
    }
  }
  return { messages, orphaned, tornBytes: fstatSync(fd).size - goodBytes };
}

function replay(
  record: LogRecord,
  entities: Entities,
  names: Map<number, string>,
  waiting: Map<string, Map<number, Held>>,
): void {
  const pathOf = (id: number): string => names.get(id) ?? '';
  const topicOf = (id: number) => entities.topics.get(pathOf(id).toLowerCase());
  switch (record.kind) {
    case 'name':
      names.set(record.id, record.path);
      return;
    case 'stored': {
      const topic = topicOf(record.topic);
      const { sequence, messageId, enqueuedAtMs } = record.message;
      if (topic !== undefined) {
        topic.lastSequence = Math.max(topic.lastSequence, sequence);
        if (topic.duplicates?.has(messageId, 0) === false) topic.duplicates.add(messageId, enqueuedAtMs);
      }
      for (const id of record.queues) {
        const held = waiting.get(pathOf(id)) ?? new Map<number, Held>();
        waiting.set(pathOf(id), held.set(sequence, { message: record.message, deliveryCount: 0 }));
      }
      return;
    }
    case 'removed':
      waiting.get(pathOf(record.queue))?.delete(record.sequence);
      return;
    case 'counted': {
      const held = waiting.get(pathOf(record.queue))?.get(record.sequence);
      if (held !== undefined) held.deliveryCount = record.deliveryCount;
      return;
    }
    case 'seen':
      topicOf(record.topic)?.duplicates?.add(record.messageId, record.seenAtMs);
      return;
    case 'sequence': {
      const topic = topicOf(record.topic);
      if (topic !== undefined) topic.lastSequence = Math.max(topic.lastSequence, record.sequence);
    }
  }
}

/** Numbers the entities for one log file: topics first, then every queue. */
export function namesOf(entities: Entities): ReadonlyMap<string, number> {
  const paths = [...[...entities.topics.values()].map(({ path }) => path), ...entities.queues().keys()];
  if (paths.length > 0xffff) throw new Fault('STAND_IN_LOG', 'more entities than a log can number (65,535)');
  return new Map(paths.map((path, id) => [path, id]));
}

/** Writes everything still alive as a fresh log; `flush` is called often, so memory stays small. */
export function snapshot(
  entities: Entities,
  names: ReadonlyMap<string, number>,
  writer: RecordWriter,
  flush: () => void,
): void {
  for (const [path, id] of names) writer.add({ kind: 'name', id, path });
  const idOf = (path: string): number => names.get(path) ?? 0;
  for (const topic of entities.topics.values()) {
    writer.add({ kind: 'sequence', topic: idOf(topic.path), sequence: topic.lastSequence });
    for (const [messageId, seenAtMs] of topic.duplicates ?? []) {
      writer.add({ kind: 'seen', topic: idOf(topic.path), messageId, seenAtMs });
      flush();
    }
  }
  for (const [message, queues] of byMessage(entities)) {
    const first = queues[0];
    if (first === undefined) continue;
    const ids = queues.map(({ queue }) => idOf(queue.path));
    // The topic's number only feeds sequence and duplicate history, both written above: any name without one will do.
    writer.add({ kind: 'stored', topic: idOf(first.queue.path), message, queues: ids });
    for (const { queue, deliveryCount } of queues) {
      if (deliveryCount === 0) continue;
      writer.add({ kind: 'counted', queue: idOf(queue.path), sequence: message.sequence, deliveryCount });
    }
    flush();
  }
}

type Place = { readonly queue: Queue; readonly deliveryCount: number };

function byMessage(entities: Entities): ReadonlyMap<StoredMessage, readonly Place[]> {
  const places = new Map<StoredMessage, Place[]>();
  for (const queue of entities.queues().values()) {
    for (const { held, isLocked } of queue.held()) {
      const place = { queue, deliveryCount: held.deliveryCount + (isLocked ? 1 : 0) };
      const known = places.get(held.message);
      if (known === undefined) places.set(held.message, [place]);
      else known.push(place);
    }
  }
  return places;
}
