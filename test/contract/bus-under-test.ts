import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import {
  type ServiceBusAdministrationClient,
  type ServiceBusClientOptions,
  ServiceBusClient,
  type ServiceBusReceivedMessage,
} from '@azure/service-bus';
import { DefaultAzureCredential } from '@azure/identity';
import type { BusAccess } from '../../src/bus/access.ts';
import { adminClient } from '../../src/bus/admin-client.ts';
import { connectionString } from '../../src/simulate/service-bus/service-bus.ts';
import { busUnderTest, entity } from './capabilities.ts';

/** A stand-in in a process of its own. */
export class StandInProcess {
  readonly port: number;
  readonly #controlPort: number;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, port: number, controlPort: number) {
    this.#child = child;
    this.port = port;
    this.#controlPort = controlPort;
  }

  static async start(port = 0, dataDir?: string): Promise<StandInProcess> {
    const entry = new URL('stand-in-process.ts', import.meta.url);
    const args = dataDir === undefined ? [String(port)] : [String(port), dataDir];
    const child = fork(entry, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const gone = new AbortController();
    child.once('exit', () => {
      gone.abort(new Error('the stand-in did not start: its own words are above'));
    });
    const [ports] = (await once(child, 'message', { signal: gone.signal })) as [
      { port: number; controlPort: number },
    ];
    return new StandInProcess(child, ports.port, ports.controlPort);
  }

  fault(query: string): Promise<void> {
    return switchFault(this.#control, query);
  }

  async stats(): Promise<unknown> {
    return (await fetch(`${this.#control}/stats`)).json();
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  get #control(): string {
    return `http://127.0.0.1:${String(this.#controlPort)}`;
  }
}

async function switchFault(controlUrl: string, query: string): Promise<void> {
  const answer = await fetch(`${controlUrl}/fault?${query}`, { method: 'POST' });
  if (!answer.ok) throw new Error(`the control door answered ${String(answer.status)}`);
}

/** A stand-in, whether it is ours or was there before. */
export const isNear = busUnderTest === undefined || busUnderTest.controlUrl !== undefined;

/** A bus whose faults can be switched. */
export type FaultDoor = { fault(query: string): Promise<void> };

export type Bus = {
  /** A connection string, or a full host name. */
  readonly address: string;
  readonly faults: FaultDoor;
  /** The file's own stand-in; absent on a bus that was there before. */
  readonly standIn: StandInProcess | undefined;
  close(): Promise<void>;
};

/** The bus of one test file: the one the contract command names, or a stand-in of its own. */
export async function openBus(): Promise<Bus> {
  if (busUnderTest !== undefined) {
    const { address, controlUrl } = busUnderTest;
    const faults = { fault: (query: string) => switchFault(controlUrl ?? '', query) };
    return { address, faults, standIn: undefined, close: () => Promise.resolve() };
  }
  const standIn = await StandInProcess.start();
  const close = () => standIn.kill();
  return { address: connectionString(standIn.port), faults: standIn, standIn, close };
}

/** The administration of the bus under test. */
export function administration({ address }: Bus): ServiceBusAdministrationClient {
  return adminClient(accessTo(busUnderTest?.administration ?? address));
}

/** As src/bus wants it said; `address` as in `Bus`. */
export const accessTo = (address: string): BusAccess =>
  address.includes('=')
    ? { kind: 'connection-string', connectionString: address }
    : { kind: 'identity', namespace: address, credential: new DefaultAzureCredential() };

/** The unmodified SDK, told to give up early; `address` as in `Bus`. */
export function clientFor(
  address: string,
  maxRetries = 0,
  timeoutInMs = patience(4_000),
  more: ServiceBusClientOptions = {},
): ServiceBusClient {
  const options = { retryOptions: { maxRetries, retryDelayInMs: 100, timeoutInMs }, ...more };
  const client = address.includes('=')
    ? new ServiceBusClient(address, options)
    : new ServiceBusClient(address, new DefaultAzureCredential(), options);
  return busUnderTest?.address === address ? named(client) : client;
}

/** Every method that takes an entity's name first is given the name it has on the bus under test. */
function named(client: ServiceBusClient): ServiceBusClient {
  const methods = client as unknown as Record<string, (name: string, ...others: unknown[]) => unknown>;
  for (const method of [
    'createSender',
    'createReceiver',
    'createRuleManager',
    'acceptSession',
    'acceptNextSession',
  ]) {
    const original = methods[method]?.bind(client);
    methods[method] = (name, ...others) => original?.(entity(name), ...others);
  }
  return client;
}

/** A wait that is `ms` on a stand-in and longer on a bus over a network. */
export function patience(ms: number): number {
  return isNear ? ms : Math.max(5 * ms, 10_000);
}

/** How long nothing must come before a subscription counts as empty; a bus over a network needs longer. */
const idleMs = isNear ? 150 : 2_000;

/** Receives and deletes until `count` came or nothing more does; 0 asks for all there is. */
export async function takeAll(
  client: ServiceBusClient,
  topic: string,
  subscription: string,
  count = 0,
): Promise<readonly ServiceBusReceivedMessage[]> {
  const receiver = client.createReceiver(topic, subscription, {
    receiveMode: 'receiveAndDelete',
    skipParsingBodyAsJson: true,
  });
  const taken: ServiceBusReceivedMessage[] = [];
  for (;;) {
    const wanted = count === 0 ? 500 : count - taken.length;
    const messages = await receiver.receiveMessages(wanted, {
      maxWaitTimeInMs: count === 0 ? idleMs : patience(2_000),
    });
    taken.push(...messages);
    if (messages.length === 0 || taken.length === count) break;
  }
  await receiver.close();
  return taken;
}
