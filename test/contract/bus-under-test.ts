import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import {
  type ServiceBusClientOptions,
  ServiceBusClient,
  type ServiceBusReceivedMessage,
} from '@azure/service-bus';
import { connectionString } from '../../src/simulate/service-bus/service-bus.ts';

const given = process.env['SERVICE_BUS_CONNECTION_STRING'];

/** Why a test that needs the stand-in's process or control door is left out; false when it is there. */
export const notOnStandIn: string | false =
  given === undefined ? false : 'needs the stand-in: SERVICE_BUS_CONNECTION_STRING names another bus';

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
    const [ports] = (await once(child, 'message')) as [{ port: number; controlPort: number }];
    return new StandInProcess(child, ports.port, ports.controlPort);
  }

  async fault(query: string): Promise<void> {
    const answer = await fetch(`${this.#control}/fault?${query}`, { method: 'POST' });
    if (!answer.ok) throw new Error(`the control door answered ${String(answer.status)}`);
  }

  async stats(): Promise<unknown> {
    return (await fetch(`${this.#control}/stats`)).json();
  }

  async kill(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  get #control(): string {
    return `http://127.0.0.1:${String(this.#controlPort)}`;
  }
}

/** The bus of one test file: the one named in the environment, or a stand-in of its own. */
export async function openBus(): Promise<{
  readonly address: string;
  readonly standIn: StandInProcess | undefined;
}> {
  if (given !== undefined) return { address: given, standIn: undefined };
  const standIn = await StandInProcess.start();
  return { address: connectionString(standIn.port), standIn };
}

/** The unmodified SDK, told to give up early. */
export function clientFor(address: string, maxRetries = 0): ServiceBusClient {
  const options: ServiceBusClientOptions = {
    retryOptions: { maxRetries, retryDelayInMs: 100, timeoutInMs: 4_000 },
  };
  return new ServiceBusClient(address, options);
}

/** How long nothing must come before a subscription counts as empty; a bus over a network needs longer. */
const idleMs = given === undefined ? 150 : 2_000;

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
      maxWaitTimeInMs: count === 0 ? idleMs : 2_000,
    });
    taken.push(...messages);
    if (messages.length === 0 || taken.length === count) break;
  }
  await receiver.close();
  return taken;
}
