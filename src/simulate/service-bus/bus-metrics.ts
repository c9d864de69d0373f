import { Counter, Gauge, Registry } from 'prom-client';
import type { AmqpDoor } from './amqp-door.ts';
import type { BusCounts } from './bus-counts.ts';
import type { Entities } from './entities.ts';
import type { Faults } from './faults/faults.ts';
import type { Memory } from './memory.ts';

export type Measured = {
  readonly entities: Entities;
  readonly door: Pick<AmqpDoor, 'connections' | 'links'>;
  readonly counts: BusCounts;
  readonly memory: Memory;
  readonly faults: Faults;
};

const prefix = 'service_bus_stand_in_';

/**
 * The text of `GET /metrics`. Everything is read off the parts when somebody asks, so counting costs a message
 * nothing. Labels are names of entities and fixed words; never an id, never anything out of a message.
 */
export function busMetrics({ entities, door, counts, memory, faults }: Measured): () => Promise<string> {
  const registry = new Registry();
  const gauge = (name: string, help: string, labels: string[] = []) =>
    new Gauge({ name: prefix + name, help, labelNames: labels, registers: [registry] });
  const counter = (name: string, help: string, labels: string[]) =>
    new Counter({ name: prefix + name, help, labelNames: labels, registers: [registry] });

  const connections = gauge('connections', 'open AMQP connections');
  const links = gauge('links', 'open links, without those of requests', ['role']);
  const bytes = gauge('bytes_held', 'bytes of messages and half-received transfers in the whole process');
  const messages = gauge('messages', 'messages a queue or subscription holds now', ['entity', 'state']);
  const scheduled = gauge('scheduled_messages', 'messages not enqueued yet', ['entity']);
  const accepted = counter('accepted_total', 'messages taken from senders', ['entity']);
  const duplicates = counter('duplicates_total', 'messages swallowed for their repeated id', ['entity']);
  const delivered = counter('delivered_total', 'deliveries to receivers', ['entity']);
  const settled = counter('settled_total', 'settlements by outcome', ['entity', 'outcome']);
  const deadLetters = counter('dead_letters_total', 'messages buried', ['entity']);
  const refused = counter('refused_total', 'sends, links and connections refused, by condition', [
    'condition',
  ]);
  const struck = counter('faults_injected_total', 'faults done on purpose, by kind', ['fault']);
  const tokens = counter('token_checks_total', 'tokens by what became of them', ['outcome']);

  return async () => {
    registry.resetMetrics();
    connections.set(door.connections());
    for (const [role, count] of Object.entries(door.links())) links.set({ role }, count);
    bytes.set(memory.bytes);
    for (const topic of entities.topics.values()) {
      const entity = topic.path;
      accepted.inc({ entity }, topic.accepted);
      duplicates.inc({ entity }, topic.swallowed);
      scheduled.set({ entity }, topic.schedule.length);
    }
    for (const [entity, queue] of entities.queues()) {
      const { active, locked, deferred, sent, delivered: out } = queue.stats;
      for (const [state, count] of Object.entries({ active, locked, deferred }))
        messages.set({ entity, state }, count);
      delivered.inc({ entity }, out);
      for (const [outcome, count] of Object.entries(queue.settled)) settled.inc({ entity, outcome }, count);
      // Whatever comes to a dead-letter queue was buried.
      if (queue.deadLetters === undefined) deadLetters.inc({ entity }, sent);
    }
    for (const [condition, count] of counts.refusals) refused.inc({ condition }, count);
    for (const [fault, count] of faults.struck) struck.inc({ fault }, count);
    for (const [outcome, count] of counts.tokenChecks) tokens.inc({ outcome }, count);
    return registry.metrics();
  };
}
