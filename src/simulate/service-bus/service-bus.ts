import { openAmqpDoor } from './amqp-door.ts';
import { noLog } from './bus-log.ts';
import { openControl } from './control.ts';
import { type EmulatorConfig, loadEmulatorConfig, parseEmulatorConfig } from './emulator-config.ts';
import { Entities } from './entities.ts';
import { FileLog, type LogStats } from './file-log.ts';
import { noFaults } from './injected-faults.ts';
import type { Queue } from './queue.ts';
import { failuresOf } from './rule.ts';

export { type EmulatorConfig, loadEmulatorConfig, parseEmulatorConfig };

export type ServiceBusOptions = {
  /** Absent: 127.0.0.1. Anything wider is for a container: nobody is asked for a password. */
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
  /** Absent or 0: any free port. */
  readonly controlPort?: number;
  readonly config: EmulatorConfig;
  /** Absent: memory only. */
  readonly dataDir?: string;
  readonly messageBytesMax?: number;
  /** What one queue or subscription may hold, dead letters included, and apart from it what one entity may schedule. */
  readonly subscriptionMessagesMax?: number;
  readonly subscriptionBytesMax?: number;
};

export type ReceivingStats = {
  readonly active: number;
  readonly locked: number;
  readonly deferred: number;
  readonly dead: number;
  /** Messages that came to the queue or subscription, and deliveries out of it, since the start. */
  readonly sent: number;
  readonly delivered: number;
};

/** `ruleFailures`: messages a SQL filter or action could not be computed for. */
export type SubscriptionStats = ReceivingStats & { readonly ruleFailures: number };

export type TopicStats = {
  readonly accepted: number;
  readonly duplicates: number;
  readonly duplicatesForgotten: number;
  readonly scheduled: number;
};

export type BusStats = {
  readonly connections: number;
  readonly topics: Readonly<Record<string, TopicStats>>;
  /** By `topic/subscription`. */
  readonly subscriptions: Readonly<Record<string, SubscriptionStats>>;
  readonly queues: Readonly<Record<string, TopicStats & ReceivingStats>>;
  /** With a data directory only. */
  readonly log?: LogStats;
};

export type ServiceBus = {
  readonly port: number;
  readonly controlPort: number;
  stats(): BusStats;
  stop(): Promise<void>;
};

/** The service's own limit for a message: 256 KB on Standard, 1 MB on Premium. */
const defaultMessageBytesMax = 1024 * 1024;
const defaultSubscriptionMessagesMax = 1_000_000;
const defaultSubscriptionBytesMax = 512 * 1024 * 1024;
/** Unsettled deliveries of one session. */
const windowMax = 65_536;
const sweepMs = 100;

/**
 * Starts the Service Bus dialect broker for development and tests. It talks to the unmodified SDK as far as this
 * project's road needs; it is not Azure Service Bus, nor its emulator (docs/stand-in.md says what differs).
 */
export async function startServiceBus(options: ServiceBusOptions): Promise<ServiceBus> {
  const host = options.host ?? '127.0.0.1';
  const limits = {
    messagesMax: options.subscriptionMessagesMax ?? defaultSubscriptionMessagesMax,
    bytesMax: options.subscriptionBytesMax ?? defaultSubscriptionBytesMax,
  };
  const fileLog = options.dataDir === undefined ? undefined : new FileLog(options.dataDir);
  const log = fileLog ?? noLog;
  const entities = new Entities(options.config, limits, log);
  fileLog?.open(entities);
  const faults = noFaults();
  const messageBytesMax = options.messageBytesMax ?? defaultMessageBytesMax;
  const door = await openAmqpDoor(host, options.port, { entities, log, faults, messageBytesMax, windowMax });
  const stats = (): BusStats => statsOf(entities, door.connections(), fileLog?.stats);
  const control = await openControl(host, options.controlPort ?? 0, stats, faults, door);
  const sweeping = setInterval(() => {
    entities.sweep(Date.now());
  }, sweepMs);
  return {
    port: door.port,
    controlPort: control.port,
    stats,
    stop: async () => {
      clearInterval(sweeping);
      await Promise.all([door.close(), control.close()]);
      fileLog?.close();
    },
  };
}

/** What the SDK dials to reach a stand-in on this machine; the key is never checked. */
export function connectionString(port: number): string {
  const endpoint = `Endpoint=sb://127.0.0.1:${String(port)}`;
  return `${endpoint};SharedAccessKeyName=stand-in;SharedAccessKey=unchecked;UseDevelopmentEmulator=true;`;
}

function statsOf(entities: Entities, connections: number, log: LogStats | undefined): BusStats {
  const subscriptions: Record<string, SubscriptionStats> = {};
  for (const { topic, subscription } of entities.subscriptions()) {
    const { name, queue, rules } = subscription;
    const ruleFailures = failuresOf(rules.values());
    subscriptions[`${topic.path}/${name}`] = { ...receivingStats(queue), ruleFailures };
  }
  const topics: Record<string, TopicStats> = {};
  const queues: Record<string, TopicStats & ReceivingStats> = {};
  for (const { path, queue, accepted, swallowed, duplicates, schedule } of entities.topics.values()) {
    const duplicatesForgotten = duplicates?.forgottenEarly ?? 0;
    const stats = { accepted, duplicates: swallowed, duplicatesForgotten, scheduled: schedule.length };
    if (queue === undefined) topics[path] = stats;
    else queues[path] = { ...stats, ...receivingStats(queue) };
  }
  return { connections, topics, subscriptions, queues, ...(log === undefined ? {} : { log }) };
}

function receivingStats(queue: Queue): ReceivingStats {
  const dead = queue.deadLetters?.stats ?? { active: 0, locked: 0, deferred: 0 };
  return { ...queue.stats, dead: dead.active + dead.locked + dead.deferred };
}
