import { randomUUID } from 'node:crypto';
import { DefaultAzureCredential } from '@azure/identity';
import {
  type OperationOptions,
  type ServiceBusAdministrationClient,
  ServiceBusClient,
} from '@azure/service-bus';
import { adminClient } from '../../src/bus/admin-client.ts';
import { Fault } from '../../src/message/codes.ts';
import type { BusUnderTest, Capability } from './capabilities.ts';
import { accessTo } from './bus-under-test.ts';
import { MadeEntities, wantedEntities } from './made-entities.ts';

export type Asked = {
  /** A connection string, or a full host name for DefaultAzureCredential. */
  readonly address: string;
  /** Where administration is on another port, as with the official emulator; else the same as `address`. */
  readonly administration: string | undefined;
  readonly controlUrl: string | undefined;
};

export type Probed = {
  readonly bus: BusUnderTest;
  /** Entities that could not be made, with the reason. */
  readonly refused: ReadonlyMap<string, string>;
};

/** For a bus over a network; one that is not there at all fails much earlier. */
const probeTimeoutMs = 20_000;
const farFuture = new Date(Date.UTC(2090, 0, 1));

/**
 * Finds out what a bus can do, by trying. With administration, and without a control door, the entities are made under a prefix;
 * `onMade` is told of them first, so that they can be removed however the run ends. Throws what the SDK throws where the bus cannot be
 * reached, and when `ending` is aborted while they are made.
 */
export async function probe(
  asked: Asked,
  onMade: (made: MadeEntities) => void,
  ending: AbortSignal,
): Promise<Probed> {
  const lacks: Capability[] = ['own process'];
  if (asked.controlUrl === undefined) lacks.push('control door');
  const wanted = await wantedEntities();
  const admin = administrationOf(asked);
  const canAdminister =
    admin !== undefined && (await works(admin.listQueues(within()).byPage({ maxPageSize: 1 }).next()));
  if (!canAdminister) lacks.push('administration');
  let refused: ReadonlyMap<string, string> = new Map();
  let prefix = '';
  if (canAdminister && asked.controlUrl === undefined) {
    prefix = `tenfour-contract-${randomUUID().slice(0, 8)}-`;
    const made = new MadeEntities(admin, prefix, ending);
    onMade(made);
    refused = await made.make(wanted);
    ending.throwIfAborted();
  }
  const client = clientOf(asked.address);
  try {
    const names = [...wanted.Queues, ...wanted.Topics].map(({ Name }) => Name);
    const there = await Promise.all(names.map((name) => isThere(client, prefix + name)));
    const entitiesMissing = names.filter((_, at) => there[at]?.isThere !== true);
    const can = new Trials(client, prefix);
    if (!(await can.acceptSession('sessions'))) lacks.push('sessions');
    if (!(await can.schedule('schedule'))) lacks.push('scheduling');
    if (!(await can.swallowRepeats('duplicates'))) lacks.push('duplicate detection');
    if (!(await can.listRules('faults'))) lacks.push('rules at run time');
    const sizes = there.flatMap(({ messageBytesMax }) => messageBytesMax ?? []);
    const messageBytesMax = sizes.length === 0 ? 0 : Math.min(...sizes);
    const { address, administration, controlUrl } = asked;
    return {
      bus: { address, prefix, controlUrl, administration, lacks, entitiesMissing, messageBytesMax },
      refused,
    };
  } finally {
    await client.close();
  }
}

/** Undefined where the string has no key to ask with, such as one with a signature made by somebody else. */
function administrationOf({ administration, address }: Asked): ServiceBusAdministrationClient | undefined {
  try {
    return adminClient(accessTo(administration ?? address));
  } catch (error) {
    if (error instanceof Fault && error.code === 'CONFIG_INVALID') return undefined;
    throw error;
  }
}

function clientOf(address: string): ServiceBusClient {
  const options = { retryOptions: { maxRetries: 0, timeoutInMs: probeTimeoutMs } };
  return address.includes('=')
    ? new ServiceBusClient(address, options)
    : new ServiceBusClient(address, new DefaultAzureCredential(), options);
}

const within = (): OperationOptions => ({ abortSignal: AbortSignal.timeout(probeTimeoutMs) });

const works = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

/** Throws when the bus itself cannot be reached; a missing entity is an answer. */
async function isThere(client: ServiceBusClient, name: string) {
  const sender = client.createSender(name);
  try {
    return { isThere: true, messageBytesMax: (await sender.createMessageBatch(within())).maxSizeInBytes };
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'MessagingEntityNotFound') throw error;
    return { isThere: false, messageBytesMax: undefined };
  } finally {
    await sender.close();
  }
}

/** Each tries one thing on one entity and leaves nothing behind. */
class Trials {
  readonly #client: ServiceBusClient;
  readonly #prefix: string;

  constructor(client: ServiceBusClient, prefix: string) {
    this.#client = client;
    this.#prefix = prefix;
  }

  acceptSession(queue: string): Promise<boolean> {
    const session = this.#client.acceptSession(this.#prefix + queue, `probe-${randomUUID()}`, within());
    return works(session.then((receiver) => receiver.close()));
  }

  schedule(queue: string): Promise<boolean> {
    const sender = this.#client.createSender(this.#prefix + queue);
    const sequence = sender.scheduleMessages({ body: 'probe' }, farFuture, within());
    return works(sequence.then((numbers) => sender.cancelScheduledMessages(numbers, within())));
  }

  async swallowRepeats(topic: string): Promise<boolean> {
    try {
      const repeated = { body: 'probe', messageId: randomUUID() };
      await this.#client.createSender(this.#prefix + topic).sendMessages([repeated, repeated], within());
      const receiver = this.#client.createReceiver(this.#prefix + topic, 'one', {
        receiveMode: 'receiveAndDelete',
      });
      const came = await receiver.receiveMessages(100, { maxWaitTimeInMs: 2_000 });
      return came.filter(({ messageId }) => messageId === repeated.messageId).length === 1;
    } catch {
      return false;
    }
  }

  listRules(topic: string): Promise<boolean> {
    const rules = this.#client.createRuleManager(this.#prefix + topic, 'one');
    return works(rules.listRules(within()).byPage().next());
  }
}
