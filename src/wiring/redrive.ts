import type { Config } from '../config/config.ts';
import { redisUrl } from '../config/redis-url.ts';
import type { FaultCode } from '../message/codes.ts';
import { isStationLane, type LaneName, topicNames } from '../message/delivery.ts';
import {
  type DeadLetter,
  DeadLetters,
  decodeEntry,
  encodeEntry,
  LaneEntryList,
  type OwnedLanes,
  Queue,
  ServerClock,
} from '../queue/queue.ts';
import { KeysFolder } from './keys-folder.ts';
import { closeChain, type LaneRecord, openLanes } from './lane-record.ts';
import { Writer } from './writer.ts';

/** Letters that are put back in one step. */
const BATCH = 64;
const REMEMBERED_MAX = 100_000;
const ROLE = 'redrive';

export type RedriveResult = {
  readonly redriven: number;
  /** Letters that cannot be put back: they stay. */
  readonly left: number;
  /** Why, by code, where that is known; absent when it is of none. */
  readonly refused?: Readonly<Record<string, number>>;
};

/** Puts dead letters back on their lanes (design 5.7), in a chain of its own; each batch is one step, so it may be cut off anywhere. */
export class Redrive {
  readonly #queue: Queue;
  readonly #lanes: OwnedLanes<LaneRecord>;
  readonly #writer: Writer;
  readonly #letters: DeadLetters;
  readonly #by: string;
  readonly #refused = new Map<string, number>();
  /** What goes back to a topic goes to all its subscriptions: copies that died on several of them go back once. By MessageId. */
  readonly #back = new Set<string>();

  private constructor(queue: Queue, lanes: OwnedLanes<LaneRecord>, writer: Writer, by: string) {
    this.#queue = queue;
    this.#lanes = lanes;
    this.#writer = writer;
    this.#letters = new DeadLetters(queue.side, queue.keys);
    this.#by = by;
  }

  /** `by`: who asked for it, for the record. */
  static async open(config: Config, version: string, by: string): Promise<Redrive> {
    const signer = new KeysFolder(config.KEYS).signer();
    const nothing = (): void => undefined;
    const queue = await Queue.open({
      url: redisUrl(config),
      slot: config.SLOT,
      durability: config.DURABILITY,
      attemptTimeoutMs: config.ATTEMPT_TIMEOUT_MS,
      onDown: nothing,
      onUp: nothing,
    });
    try {
      const writer = await Writer.open(queue, ROLE, config.INSTANCE, version, signer, config.HEAD_MS);
      const lanes = openLanes(config, queue, writer, new ServerClock(nothing));
      await lanes.append([{ record: writer.opening }]);
      return new Redrive(queue, lanes, writer, by);
    } catch (error) {
      queue.close();
      throw error;
    }
  }

  /** Letters in batches, as they come; those that another redrive takes meanwhile are not counted. */
  async run(letters: AsyncIterable<DeadLetter>): Promise<RedriveResult> {
    let redriven = 0;
    let left = 0;
    let batch: DeadLetter[] = [];
    const flush = async (): Promise<void> => {
      const done = await this.#batch(batch);
      redriven += done;
      left += batch.length - done;
      batch = [];
    };
    for await (const letter of letters) {
      batch.push(letter);
      if (batch.length === BATCH) await flush();
    }
    if (batch.length > 0) await flush();
    return {
      redriven,
      left,
      ...(this.#refused.size === 0 ? {} : { refused: Object.fromEntries(this.#refused) }),
    };
  }

  async #batch(letters: readonly DeadLetter[]): Promise<number> {
    const entries = new LaneEntryList();
    const records: LaneRecord[] = [];
    const able: DeadLetter[] = [];
    const copies = new Set<string>();
    const gone: string[] = [];
    let merged = 0;
    for (const letter of letters) {
      const renewed = renew(letter, this.#by, Date.now());
      if (typeof renewed === 'string') {
        this.#refused.set(renewed, (this.#refused.get(renewed) ?? 0) + 1);
        continue;
      }
      if (letter.subscription !== '' && this.#back.has(renewed.record.mid)) {
        gone.push(letter.id);
        continue;
      }
      able.push(letter);
      if (letter.subscription !== '' && copies.has(renewed.record.mid)) {
        merged += 1;
        continue;
      }
      copies.add(renewed.record.mid);
      entries.add(renewed.lane, letter.priorityClass, { bytes: renewed.entry, ttlMs: 0 });
      records.push({ record: renewed.record });
    }
    const removed = await this.#letters.remove(gone);
    if (able.length === 0) return removed;
    if (await this.#letters.redrive(this.#lanes, able, entries.all, records, merged)) {
      this.#remember(copies);
      return removed + able.length;
    }
    // One of them is gone: singly, so that it holds up nobody else.
    if (able.length === 1) return removed;
    let done = removed;
    for (const letter of able) done += await this.#batch([letter]);
    return done;
  }

  /** What is forgotten goes back again with the same MessageId: the bus drops it, or its receivers are told by `resentOf`. */
  #remember(mids: ReadonlySet<string>): void {
    for (const mid of mids) this.#back.add(mid);
    for (const mid of this.#back) {
      if (this.#back.size <= REMEMBERED_MAX) break;
      this.#back.delete(mid);
    }
  }

  async close(): Promise<void> {
    await closeChain(this.#writer, this.#lanes);
    this.#queue.close();
  }
}

/**
 * The same delivery, a generation on: the bus lets it through, and the receiver can tell (design 6.2). Or the code of why it cannot go: its
 * body is not there, or is one that no key here opens.
 */
const renew = (letter: DeadLetter, by: string, nowMs: number) => {
  const { lane, priorityClass, body } = letter;
  if (body !== 'sealed') return 'COLLECT_BODY_SEALED' satisfies FaultCode;
  if (!isLane(lane)) return 'SCRIPT_REFUSED' satisfies FaultCode;
  try {
    const { delivery, sealed } = decodeEntry(letter.entry);
    const { deliveryId } = delivery;
    const mid = `${deliveryId}.${String(delivery.generation)}`;
    const generation = delivery.generation + 1;
    const entry = encodeEntry({ ...delivery, generation, resentOf: mid }, sealed);
    const record = {
      e: 'redrive' as const,
      d: deliveryId,
      lane,
      cls: priorityClass,
      generation,
      mid,
      by,
      t: nowMs,
    };
    return { lane, entry, record };
  } catch {
    return 'SCRIPT_REFUSED' satisfies FaultCode;
  }
};

const isLane = (name: string): name is LaneName =>
  topicNames.some((topic) => topic === name) || isStationLane(name);
