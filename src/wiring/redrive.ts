import type { Config } from '../config/config.ts';
import { redisUrl } from '../config/redis-url.ts';
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
const ROLE = 'redrive';

export type RedriveResult = {
  readonly redriven: number;
  /** Letters that cannot be read, or whose lane's name is none: they stay. */
  readonly left: number;
};

/** Puts dead letters back on their lanes (design 5.7), in a chain of its own; each batch is one step, so it may be cut off anywhere. */
export class Redrive {
  readonly #queue: Queue;
  readonly #lanes: OwnedLanes<LaneRecord>;
  readonly #writer: Writer;
  readonly #letters: DeadLetters;
  readonly #by: string;

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
    return { redriven, left };
  }

  async #batch(letters: readonly DeadLetter[]): Promise<number> {
    const entries = new LaneEntryList();
    const records: LaneRecord[] = [];
    const able: DeadLetter[] = [];
    for (const letter of letters) {
      const renewed = renew(letter, this.#by, Date.now());
      if (renewed === undefined) continue;
      able.push(letter);
      entries.add(renewed.lane, letter.priorityClass, { bytes: renewed.entry, ttlMs: 0 });
      records.push({ record: renewed.record });
    }
    if (able.length === 0) return 0;
    if (await this.#letters.redrive(this.#lanes, able, entries.all, records)) return able.length;
    // One of them is gone: singly, so that it holds up nobody else.
    if (able.length === 1) return 0;
    let done = 0;
    for (const letter of able) done += await this.#batch([letter]);
    return done;
  }

  async close(): Promise<void> {
    await closeChain(this.#writer, this.#lanes);
    this.#queue.close();
  }
}

/** The same delivery, a generation on: the bus lets it through, and the receiver can tell (design 6.2). */
const renew = (letter: DeadLetter, by: string, nowMs: number) => {
  const { lane, priorityClass } = letter;
  if (!isLane(lane)) return undefined;
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
    return undefined;
  }
};

const isLane = (name: string): name is LaneName =>
  topicNames.some((topic) => topic === name) || isStationLane(name);
