import { appendFileSync } from 'node:fs';
import { clientFor } from '../../client/bus-access.ts';
import { FileKeySource } from '../../client/key-source.ts';
import type { Received } from '../../client/received.ts';
import { Subscriber } from '../../client/subscriber.ts';

/** A receiver: the subscription it reads and the destination it stands for. */
export type Seat = { readonly topic: string; readonly subscription: string; readonly destination: string };

export type FleetGot = {
  readonly id: string;
  readonly deliveryId: string;
  readonly isMarked: boolean;
  readonly receivedAt: number;
};

const CONTROL = /\.\*([^.]{1,10})\.TXT/;

/**
 * Cars and desks: one subscriber a seat, on the client library that MDT developers use. It writes down what it got as
 * `<control field>/<destination>`, read from the opened body: the product's own ids play no part in the books.
 */
export class MdtFleet {
  readonly got: FleetGot[] = [];
  readonly #client: ReturnType<typeof clientFor>;
  readonly #subscribers: Subscriber[] = [];
  readonly #path: string | undefined;
  #count = 0;

  constructor(connectionString: string, keyFile: string, seats: readonly Seat[], path: string | undefined) {
    this.#path = path;
    this.#client = clientFor({ connectionString });
    const keys = new FileKeySource(keyFile);
    for (const { topic, subscription, destination } of seats) {
      this.#subscribers.push(
        new Subscriber({
          client: this.#client,
          topic,
          subscription,
          keys,
          onMessage: (message) => this.#take(message, destination),
        }),
      );
    }
  }

  /** Copies received since the start, repeats included. */
  get count(): number {
    return this.#count;
  }

  /** Keeps the newest, so that endless traffic stays bounded. */
  forget(keep: number): void {
    if (this.got.length > keep * 2) this.got.splice(0, this.got.length - keep);
  }

  start(): void {
    for (const subscriber of this.#subscribers) subscriber.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#subscribers.map((subscriber) => subscriber.stop()));
    await this.#client.close();
  }

  #take(message: Received, destination: string): Promise<void> {
    const control = CONTROL.exec(message.body.toString('latin1'))?.[1] ?? 'without-control';
    const id = `${control}/${destination}`;
    if (this.#path !== undefined) appendFileSync(this.#path, `${id}\n`);
    this.#count += 1;
    this.got.push({
      id,
      deliveryId: message.deliveryId,
      isMarked: message.possibleDuplicate,
      receivedAt: performance.now(),
    });
    return Promise.resolve();
  }
}

/** The seats of the example: who reads which subscription. */
export const exampleSeats: readonly Seat[] = [
  ...['CA0990100', 'CA0990200', 'NV0990300'].map((ori) => ({
    topic: 'point-to-point',
    subscription: ori.toLowerCase(),
    destination: ori,
  })),
  ...['AZ', 'CA', 'NV', 'OR', 'WA'].flatMap((state) => [
    { topic: 'point-to-point', subscription: `state-${state.toLowerCase()}`, destination: state },
    { topic: 'broadcast', subscription: `group-${state.toLowerCase()}`, destination: state },
  ]),
  { topic: 'broadcast', subscription: 'group-gbn01', destination: 'GBN01' },
];
