import { heldBytes, messageStates, type Peeked, type StoredMessage } from './stored-message.ts';

/** A message that is not yet enqueued. Its time to live starts when it is; 0 is none. */
export type Scheduled = {
  readonly message: StoredMessage;
  readonly dueAtMs: number;
  readonly ttlMs: number;
};

/** Cancelled entries the heap may carry beyond as many as are alive. */
const slackMax = 1_000;

/** Scheduled messages of one entity: the earliest first, found by sequence number for a cancellation. */
export class Schedule {
  /** Binary heap by due time, then by sequence number. Cancelled ones stay in it until they come up. */
  #heap: Scheduled[] = [];
  /** In sequence order: numbers only rise. */
  readonly #all = new Map<number, Scheduled>();
  #bytes = 0;

  get length(): number {
    return this.#all.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Places in use, cancelled ones that have not come up included. */
  get slots(): number {
    return this.#heap.length;
  }

  clear(): void {
    this.#heap = [];
    this.#all.clear();
    this.#bytes = 0;
  }

  has(sequence: number): boolean {
    return this.#all.has(sequence);
  }

  all(): Iterable<Scheduled> {
    return this.#all.values();
  }

  add(scheduled: Scheduled): void {
    this.#all.set(scheduled.message.sequence, scheduled);
    this.#bytes += heldBytes(scheduled.message);
    this.#heap.push(scheduled);
    this.#raise(this.#heap.length - 1);
  }

  remove(sequence: number): void {
    const scheduled = this.#all.get(sequence);
    if (scheduled === undefined) return;
    this.#all.delete(sequence);
    this.#bytes -= heldBytes(scheduled.message);
    if (this.#heap.length <= 2 * this.#all.size + slackMax) return;
    // Sorted is a heap too.
    this.#heap = [...this.#all.values()].sort((a, b) => (isBefore(a, b) ? -1 : 1));
  }

  /** The message due next, if its time has come. */
  firstDue(nowMs: number): Scheduled | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (this.#all.get(first.message.sequence) === first) return first.dueAtMs <= nowMs ? first : undefined;
      this.#dropFirst();
    }
    return undefined;
  }

  /** Up to `count` wanted ones from a sequence number on, in order. */
  peek(fromSequence: number, count: number, isWanted: (peeked: Peeked) => boolean): readonly Peeked[] {
    const found: Peeked[] = [];
    for (const { message } of this.#all.values()) {
      if (found.length >= count) break;
      if (message.sequence < fromSequence) continue;
      const peeked = { message, deliveryCount: 0, state: messageStates.scheduled, expiresAtMs: Infinity };
      if (isWanted(peeked)) found.push(peeked);
    }
    return found;
  }

  #dropFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#lower(0);
  }

  #raise(at: number): void {
    for (let child = at; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!this.#swapIfBefore(child, parent)) return;
      child = parent;
    }
  }

  #lower(at: number): void {
    for (let parent = at; ; ) {
      const left = 2 * parent + 1;
      const [leftOne, rightOne] = [this.#heap[left], this.#heap[left + 1]];
      if (leftOne === undefined) return;
      const child = rightOne !== undefined && isBefore(rightOne, leftOne) ? left + 1 : left;
      if (!this.#swapIfBefore(child, parent)) return;
      parent = child;
    }
  }

  #swapIfBefore(child: number, parent: number): boolean {
    const [lower, upper] = [this.#heap[child], this.#heap[parent]];
    if (lower === undefined || upper === undefined || !isBefore(lower, upper)) return false;
    this.#heap[child] = upper;
    this.#heap[parent] = lower;
    return true;
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.dueAtMs === b.dueAtMs ? a.message.sequence < b.message.sequence : a.dueAtMs < b.dueAtMs;
}
