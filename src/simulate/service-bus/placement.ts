import { filterFailed } from './dead-letter-reasons.ts';
import type { Memory } from './memory.ts';
import type { Queue } from './queue.ts';
import { copiesFor, failuresOf, MessageProperties } from './rule.ts';
import { heldBytes, type StoredMessage } from './stored-message.ts';
import type { Subscription } from './subscription.ts';
import { withApplicationProperties } from './wire-message.ts';

export type Placed = { readonly message: StoredMessage; readonly queues: readonly Queue[] };

/** Where messages go: the one queue of a queue, or a topic's subscriptions. */
type Places = {
  readonly queue: Queue | undefined;
  readonly subscriptions: ReadonlyMap<string, Subscription>;
};

/**
 * Finds the places of the messages of one transfer and takes room in each before anything is made for it: a message, or
 * a copy that a rule's action changes. When there is no room somewhere, all of it is given back.
 */
export class Placement {
  readonly placed: Placed[] = [];
  /** The last sequence number given. */
  last: number;
  readonly #places: Places;
  readonly #memory: Memory | undefined;
  readonly #taken: { readonly queue: Queue; readonly message: StoredMessage }[] = [];
  #full: string | undefined;

  /** `memory`: absent for messages that the process holds already. */
  constructor(places: Places, last: number, memory?: Memory) {
    this.#places = places;
    this.#memory = memory;
    this.last = last;
  }

  /**
   * Places one message, which goes to all who take it as it is, and a copy for each rule that changes it; each has a
   * number of its own. Gives the path of the first entity that has no room.
   */
  place(unnumbered: Omit<StoredMessage, 'sequence'>): string | undefined {
    const message = { ...unnumbered, sequence: ++this.last };
    const queues: Queue[] = [];
    this.placed.push({ message, queues });
    if (this.#places.queue !== undefined) {
      if (this.#take(this.#places.queue, message)) queues.push(this.#places.queue);
      return this.#full;
    }
    const properties = new MessageProperties(message.bare, message.enqueuedAtMs);
    for (const subscription of this.#places.subscriptions.values()) {
      this.#placeIn(subscription, message, properties, queues);
      if (this.#full !== undefined) return this.#full;
    }
    return undefined;
  }

  /** Gives back the room of everything placed. */
  giveBack(): void {
    for (const { queue, message } of this.#taken) queue.release(message);
  }

  #placeIn(
    { queue, rules, settings }: Subscription,
    message: StoredMessage,
    properties: MessageProperties,
    queues: Queue[],
  ): void {
    const failures = settings.DeadLetteringOnFilterEvaluationExceptions ? failuresOf(rules.values()) : 0;
    const { isTaken } = copiesFor(rules.values(), properties, (change) => this.#copy(queue, message, change));
    if (isTaken && this.#take(queue, message)) queues.push(queue);
    if (!settings.DeadLetteringOnFilterEvaluationExceptions || queue.deadLetters === undefined) return;
    if (failuresOf(rules.values()) > failures) this.#bury(queue, queue.deadLetters, message);
  }

  /** Room for the message as it is comes first, then the copy, then the room it really needs. */
  #copy(queue: Queue, message: StoredMessage, change: () => Buffer | undefined): Buffer | undefined {
    if (this.#full !== undefined || !this.#take(queue, message)) return undefined;
    const bare = change();
    this.#taken.pop();
    queue.release(message);
    if (bare === undefined) return undefined;
    const copy = { ...message, sequence: ++this.last, bare };
    if (this.#take(queue, copy)) this.placed.push({ message: copy, queues: [queue] });
    return bare;
  }

  #bury(queue: Queue, deadLetters: Queue, message: StoredMessage): void {
    if (this.#full !== undefined) return;
    const bare = withApplicationProperties(message.bare, filterFailed);
    const dead = { ...message, sequence: ++this.last, bare, expiresAtMs: 0, deadLetterSource: queue.path };
    if (this.#take(deadLetters, dead)) this.placed.push({ message: dead, queues: [deadLetters] });
  }

  #take(queue: Queue, message: StoredMessage): boolean {
    if (this.#memory?.hasRoom(heldBytes(message)) === false || !queue.reserve(message)) {
      this.#full ??= queue.path;
      return false;
    }
    this.#taken.push({ queue, message });
    return true;
  }
}

/** Hands messages to their queues, and out of these to whoever waits. */
export function release(placed: readonly Placed[]): void {
  const touched = new Set<Queue>();
  for (const { message, queues } of placed) {
    for (const queue of queues) {
      queue.add({ message, deliveryCount: 0 });
      touched.add(queue);
    }
  }
  for (const queue of touched) queue.pump();
}
