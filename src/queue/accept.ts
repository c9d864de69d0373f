import { setImmediate as afterPoll, setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../message/codes.ts';
import { acceptCall } from './accept-call.ts';
import type { AcceptBatch, AcceptLimits, AcceptReceipt, Obstacles, Resend, WriterName } from './batch.ts';
import { type HotConnection, isOutOfMemory } from './hot-connection.ts';
import type { SlotKeys } from './keys.ts';
import type { ScriptCall } from './script-call.ts';

export type AcceptWork<T> = {
  /**
   * Builds the call for these items. Called again for the same items when something stood in the way: what needs a full lane must then be
   * a refusal, what was sent before a repetition. Nothing of an earlier build was stored.
   */
  prepare(items: readonly T[], obstacles: Obstacles): AcceptBatch;
  /** The batch is durable. Advances the chain and answers the senders. */
  settled(items: readonly T[], batch: AcceptBatch, receipt: AcceptReceipt): void;
  /** Redis cannot take anything now (memory, audit lag): known not stored, tried again with back-off. */
  blocked(why: 'AUDIT_LAG' | 'OUT_OF_MEMORY'): void;
  /** The server lost calls it had confirmed; `count` of them were stored again from memory. */
  rolledBack(count: number): void;
};

/** What is kept of a call: its bytes, and where its page stands in the chain. */
type Call = {
  readonly encoded: ScriptCall;
  readonly page: { readonly n: number; readonly prev: string };
  atMs: number;
};

const KEPT_MS = 2000;
const KEPT_BYTES_MAX = 64 * 1024 * 1024;
const BLOCKED_FIRST_MS = 20;
const BLOCKED_MAX_MS = 1000;

/**
 * The accept loop of one writer (design 5.1-5.3): one call in flight, batches that grow by themselves while it is out, no timer.
 * An unknown outcome is never answered; the same bytes are sent until Redis tells. `offer` never waits: who offers keeps within
 * `waiting` and `waitingBytes`.
 */
export class AcceptLoop<T> {
  readonly #connection: HotConnection;
  readonly #keys: SlotKeys;
  readonly #writer: WriterName;
  readonly #limits: AcceptLimits;
  readonly #work: AcceptWork<T>;
  #pending: { item: T; bytes: number }[] = [];
  #pendingBytes = 0;
  #inFlight = 0;
  #inFlightBytes = 0;
  #running: Promise<void> | undefined;
  #kept: Call[] = [];
  #keptBytes = 0;
  #failed: Error | undefined;

  constructor(
    connection: HotConnection,
    keys: SlotKeys,
    writer: WriterName,
    limits: AcceptLimits,
    work: AcceptWork<T>,
  ) {
    this.#connection = connection;
    this.#keys = keys;
    this.#writer = writer;
    this.#limits = limits;
    this.#work = work;
  }

  /** Messages offered and not yet settled. */
  get waiting(): number {
    return this.#pending.length + this.#inFlight;
  }

  get waitingBytes(): number {
    return this.#pendingBytes + this.#inFlightBytes;
  }

  /** The fault that stopped the loop, if one did. The process must then end: its chain cannot go on. */
  get failed(): Error | undefined {
    return this.#failed;
  }

  offer(item: T, bytes: number): void {
    this.#pending.push({ item, bytes });
    this.#pendingBytes += bytes;
    this.#running ??= this.#drain();
  }

  /** Resolves when everything offered so far is settled, or the loop has failed. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    if (this.#failed !== undefined) throw this.#failed;
  }

  async #drain(): Promise<void> {
    // After the poll phase: frames read from all sockets in this turn travel in one call.
    await afterPoll();
    try {
      while (this.#pending.length > 0 && this.#failed === undefined) await this.#one(this.#takeBatch());
    } catch (error) {
      this.#failed =
        error instanceof Error ? error : new Fault('SCRIPT_REFUSED', 'unknown failure', { cause: error });
    } finally {
      // In the same turn as the last look at what is pending: an offer after it finds nobody running and starts anew.
      this.#running = undefined;
    }
  }

  #takeBatch(): readonly T[] {
    let count = 0;
    let bytes = 0;
    for (const { bytes: itemBytes } of this.#pending) {
      if (count >= this.#limits.batchMessagesMax) break;
      if (count > 0 && bytes + itemBytes > this.#limits.batchBytesMax) break;
      count += 1;
      bytes += itemBytes;
    }
    const taken = this.#pending.splice(0, count);
    this.#pendingBytes -= bytes;
    this.#inFlight = count;
    this.#inFlightBytes = bytes;
    return taken.map(({ item }) => item);
  }

  async #one(items: readonly T[]): Promise<void> {
    const fullLanes = new Set<string>();
    const resends = new Map<string, Resend>();
    const obstacles = { fullLanes, resends };
    let batch = this.#work.prepare(items, obstacles);
    let call = this.#call(batch);
    let blockedMs = BLOCKED_FIRST_MS;
    for (;;) {
      const reply = await this.#send(call);
      switch (reply[0]) {
        case 'OK':
        case 'STORED': {
          this.#keep(call);
          this.#inFlight = 0;
          this.#inFlightBytes = 0;
          this.#work.settled(items, batch, readReceipt(reply[1] ?? ''));
          return;
        }
        case 'LANE_FULL':
        case 'KNOWN': {
          const before = fullLanes.size + resends.size;
          if (reply[0] === 'LANE_FULL') for (const lane of reply.slice(1)) fullLanes.add(lane);
          else readKnown(reply, resends);
          if (fullLanes.size + resends.size === before)
            throw new Fault('SCRIPT_REFUSED', 'a batch came back for a reason it had been built for');
          batch = this.#work.prepare(items, obstacles);
          call = this.#call(batch);
          break;
        }
        case 'AUDIT_LAG':
        case 'OUT_OF_MEMORY': {
          this.#work.blocked(reply[0]);
          await sleep(blockedMs);
          blockedMs = Math.min(blockedMs * 2, BLOCKED_MAX_MS);
          break;
        }
        case 'GAP': {
          await this.#replay(Number(reply[1]), reply[2] ?? '', call);
          break;
        }
        default:
          throw new Fault('SCRIPT_REFUSED', `accept script said ${reply.join(' ')}`);
      }
    }
  }

  async #send(call: Call): Promise<string[]> {
    call.atMs = performance.now();
    try {
      return (await this.#connection.send(call.encoded)).map(String);
    } catch (error) {
      if (isOutOfMemory(error)) return ['OUT_OF_MEMORY'];
      throw error;
    }
  }

  #call(batch: AcceptBatch): Call {
    const { n, prev } = batch.page;
    // The caller's clock only names the span; ages are judged by Redis' clock.
    const span = Math.floor(Date.now() / Math.max(1, this.#limits.resendWindowMs));
    const encoded = acceptCall(batch, this.#keys, this.#writer, this.#limits, span);
    return { encoded, page: { n, prev }, atMs: 0 };
  }

  /** Calls of the last two seconds stay, for a server that comes back without them (design 5.3). */
  #keep(call: Call): void {
    this.#kept.push(call);
    this.#keptBytes += call.encoded.bytes.length;
    const oldest = performance.now() - KEPT_MS;
    let drop = 0;
    for (const kept of this.#kept) {
      if (kept.atMs >= oldest && this.#keptBytes <= KEPT_BYTES_MAX) break;
      this.#keptBytes -= kept.encoded.bytes.length;
      drop += 1;
    }
    this.#kept.splice(0, drop);
  }

  async #replay(storedN: number, storedHead: string, current: Call): Promise<void> {
    const from = this.#kept.findIndex(({ page }) => page.n === storedN + 1 && page.prev === storedHead);
    const calls = from < 0 ? [] : this.#kept.slice(from);
    if (calls.length === 0 || calls.at(-1)?.page.n !== current.page.n - 1) {
      throw new Fault(
        'GAP',
        `chain is at page ${String(current.page.n - 1)}, the server at ${String(storedN)}; kept calls do not reach`,
      );
    }
    for (const call of calls) {
      if (!(await this.#replayOne(call))) return;
    }
    this.#work.rolledBack(calls.length);
  }

  /**
   * These messages were acknowledged: whatever stands in the way now (a recorder that has not been seen since the restored state, a
   * lane fuller than it was) is waited for. False when the server is behind once more; the next call of the loop finds out how far.
   */
  async #replayOne(call: Call): Promise<boolean> {
    let waitMs = BLOCKED_FIRST_MS;
    for (;;) {
      const reply = await this.#send(call);
      switch (reply[0]) {
        case 'OK':
        case 'STORED':
          return true;
        case 'GAP':
          return false;
        case 'AUDIT_LAG':
        case 'OUT_OF_MEMORY':
          this.#work.blocked(reply[0]);
          break;
        case 'LANE_FULL':
          break;
        default:
          throw new Fault('STATE_ROLLED_BACK', `replay of page ${String(call.page.n)}: ${reply.join(' ')}`);
      }
      await sleep(waitMs);
      waitMs = Math.min(waitMs * 2, BLOCKED_MAX_MS);
    }
  }
}

const readReceipt = (text: string): AcceptReceipt => {
  const [atMs = 0, usedMemory = 0, maxMemory = 0, notRemembered = 0] = text.split(' ').map(Number);
  return { atMs, usedMemory, maxMemory, notRemembered };
};

const readKnown = (reply: readonly string[], into: Map<string, Resend>): void => {
  for (let at = 1; at + 2 < reply.length; at += 3) {
    into.set(reply[at] ?? '', { isSameBody: reply[at + 1] === '1', messageId: reply[at + 2] ?? '' });
  }
};
