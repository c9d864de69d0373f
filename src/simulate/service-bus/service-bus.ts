import { type AccessPolicy, TokenCheck } from './access-policies.ts';
import { adminDoor } from './admin/admin-door.ts';
import { type AmqpDoor, openAmqpDoor } from './amqp-door.ts';
import { BusCounts } from './bus-counts.ts';
import { busMetrics } from './bus-metrics.ts';
import { noLog } from './bus-log.ts';
import { openControl } from './control.ts';
import { type EmulatorConfig, loadEmulatorConfig, parseEmulatorConfig } from './emulator-config.ts';
import { Entities } from './entities.ts';
import { FileLog, type LogStats } from './file-log.ts';
import type { FaultOrder, ScriptedFault } from './faults/fault-orders.ts';
import { runFaultScript } from './faults/fault-script.ts';
import { Faults, type FaultStats } from './faults/faults.ts';
import { Throttle } from './faults/throttle.ts';
import { lockFolder } from './folder-lock.ts';
import { defaultIdleLimits, type IdleLimits } from './idleness.ts';
import { Memory } from './memory.ts';
import type { Queue } from './queue.ts';
import { failuresOf } from './rule.ts';
import type { TlsPair } from './tls-certificate.ts';

export { loadFaultScript, parseFaultScript } from './faults/fault-script.ts';
export type { FaultOrder, ScriptedFault } from './faults/fault-orders.ts';
export { type EmulatorConfig, loadEmulatorConfig, parseEmulatorConfig };

export type ServiceBusOptions = {
  /** Absent: 127.0.0.1. Anything wider is for a container: the control door asks nobody for a password. */
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
  /** What the whole process may hold: messages, once for each queue or subscription they are in, and half-received transfers. */
  readonly memoryBytesMax?: number;
  /** Absent: the port speaks no TLS, and so no WebSockets as the SDK dials them. */
  readonly tls?: TlsPair;
  /** Who may do what. Absent: any token is taken, and whoever has none may do everything too. */
  readonly policies?: readonly AccessPolicy[];
  /** With policies: takes tokens of Entra ID unverified, with all rights. */
  readonly takesJwt?: boolean;
  readonly idle?: Partial<IdleLimits>;
  /** What a peer may take from connecting until it has opened AMQP or made its first HTTP request. */
  readonly handshakeMs?: number;
  /** Messages sent and requests taken in a second before the namespace answers that it is busy; absent: no such limit. */
  readonly operationsPerSecondMax?: number;
  /** Faults to happen by the clock, counted from the start. */
  readonly faultScript?: readonly ScriptedFault[];
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
  /** Lets something go wrong, now or with operations to come; false when too many switches are set. */
  fault(order: FaultOrder): boolean;
  faults(): FaultStats;
  /** Takes every switch back. */
  clearFaults(): void;
  stop(): Promise<void>;
};

/** The service's own limit for a message: 256 KB on Standard, 1 MB on Premium. */
const defaultMessageBytesMax = 1024 * 1024;
const defaultSubscriptionMessagesMax = 1_000_000;
const defaultSubscriptionBytesMax = 512 * 1024 * 1024;
/** Unsettled deliveries of one session. */
const windowMax = 65_536;
const sweepMs = 100;
const defaultMemoryBytesMax = 2 * 1024 * 1024 * 1024;
const defaultHandshakeMs = 10_000;
/** How often links are looked at, at most and at least. */
const lookMsMax = 1_000;
const lookMsMin = 20;

/**
 * Starts the Service Bus dialect broker for development and tests. It talks to the unmodified SDK as far as this
 * project's road needs; it is not Azure Service Bus, nor its emulator (README.md says what differs).
 */
export async function startServiceBus(options: ServiceBusOptions): Promise<ServiceBus> {
  const ends: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    return await startParts(options, ends, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

/** `ends`: how each part is stopped, in the order they were started. */
async function startParts(
  options: ServiceBusOptions,
  ends: (() => Promise<void> | void)[],
  stop: () => Promise<void>,
): Promise<ServiceBus> {
  const { host = '127.0.0.1', messageBytesMax = defaultMessageBytesMax, dataDir } = options;
  if (dataDir !== undefined) ends.push(lockFolder(dataDir));
  const fileLog = dataDir === undefined ? undefined : new FileLog(dataDir);
  const log = fileLog ?? noLog;
  const memory = new Memory(options.memoryBytesMax ?? defaultMemoryBytesMax, () => heldBy(entities));
  const limits = {
    messagesMax: options.subscriptionMessagesMax ?? defaultSubscriptionMessagesMax,
    bytesMax: options.subscriptionBytesMax ?? defaultSubscriptionBytesMax,
    memory,
  };
  const entities: Entities = new Entities(options.config, limits, log);
  fileLog?.open(entities);
  ends.push(() => fileLog?.close());
  const { operationsPerSecondMax: perSecond } = options;
  const faults = new Faults(perSecond === undefined ? undefined : new Throttle(perSecond));
  const tokens = new TokenCheck(options.policies, options.takesJwt);
  const counts = new BusCounts();
  const idle = { ...defaultIdleLimits, ...options.idle };
  const door = await openAmqpDoor(
    {
      host,
      port: options.port,
      tls: options.tls,
      onRequest: adminDoor({ entities, tokens }),
      handshakeMs: options.handshakeMs ?? defaultHandshakeMs,
    },
    { entities, log, faults, tokens, memory, counts, idle, messageBytesMax, windowMax },
  );
  ends.push(() => door.close());
  const stats = (): BusStats => statsOf(entities, door.connections(), fileLog?.stats);
  const metrics = busMetrics({ entities, door, counts, memory, faults });
  const control = await openControl(host, options.controlPort ?? 0, { stats, faults, metrics });
  ends.push(() => control.close());
  ends.push(sweeping(entities, memory, door, idle));
  ends.push(() => {
    faults.stop();
  });
  ends.push(runFaultScript(options.faultScript ?? [], faults));
  return {
    port: door.port,
    controlPort: control.port,
    stats,
    fault: (order) => faults.order(order),
    faults: () => faults.stats(),
    clearFaults: () => {
      faults.clear();
    },
    stop,
  };
}

/** Looks after everything that ends by time; returns what stops it. */
function sweeping(entities: Entities, memory: Memory, door: AmqpDoor, idle: IdleLimits): () => void {
  const lookMs = Math.max(lookMsMin, Math.min(lookMsMax, idle.linkMs / 4, idle.connectionMs / 4));
  const timers = [
    setInterval(() => {
      entities.sweep(Date.now());
      memory.measure();
    }, sweepMs),
    setInterval(() => {
      door.sweep(Date.now());
    }, lookMs),
  ];
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}

/** Bytes in all queues, subscriptions and schedules. */
function heldBy(entities: Entities): number {
  let bytes = 0;
  for (const { queue, schedule } of entities.topics.values()) bytes += schedule.bytes + (queue?.bytes ?? 0);
  for (const { subscription } of entities.subscriptions()) bytes += subscription.queue.bytes;
  return bytes;
}

/** What the SDK dials to reach a stand-in on this machine; without policies the key is never checked. */
export function connectionString(port: number, policy?: Pick<AccessPolicy, 'name' | 'key'>): string {
  const { name, key } = policy ?? { name: 'stand-in', key: 'unchecked' };
  const endpoint = `Endpoint=sb://127.0.0.1:${String(port)}`;
  return `${endpoint};SharedAccessKeyName=${name};SharedAccessKey=${key};UseDevelopmentEmulator=true;`;
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
