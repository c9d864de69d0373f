import { Redis } from 'ioredis';
import { type PriorityClass, priorityClasses } from '../message/delivery.ts';
import { type SlotKeys, slotKeys } from './keys.ts';
import { LOOK_FIELDS, lookScript } from './look-script.ts';
import { type StreamPage, streamEntries } from './page-stream.ts';

/** One lane at one instant; times are Redis' clock except `oldestAtMs`, which is that of the gateway that received the message. */
export type LaneLook = {
  readonly lane: string;
  readonly in: number;
  readonly delivered: number;
  readonly sentUnconfirmed: number;
  readonly dead: number;
  readonly expired: number;
  readonly divertedOut: number;
  /** Of class 0 to 6. */
  readonly waitingByClass: readonly number[];
  readonly waiting: number;
  /** 0 when nothing waits. */
  readonly oldestAtMs: number;
  readonly isOwned: boolean;
  /** Somebody held it at some time. */
  readonly wasOwned: boolean;
};

export type SlotSight = {
  readonly atMs: number;
  readonly lanes: readonly LaneLook[];
  /** There are more lanes than are looked at. */
  readonly isCut: boolean;
  readonly deadLetters: number;
  /** Pages, and their bytes, that are not yet on the recorder's disk. */
  readonly auditPages: number;
  readonly auditBytes: number;
  /** 0: no recorder was ever there. */
  readonly recorderSeenAtMs: number;
};

/** Lanes a script call looks at: about 300 commands inside Redis, well under a millisecond. */
const LANES_A_CALL = 32;
const LANES_MAX = 4096;
const ANSWER_MS_MAX = 2000;
const RETRY_MS_MAX = 1000;
const BLOCKING_SILENCE_MS_MAX = 3000;

/** Sees a slot again and again, for those who show it. Every call fails at once while Redis is away; the connections come back alone. */
export class SlotLook {
  readonly #keys: SlotKeys;
  readonly #redis: Redis;
  readonly #following: Redis;
  readonly #lanes: Set<string>;

  /** `lanes`: those to look at whether or not they ever held anything. */
  constructor(url: string, slot: string, lanes: readonly string[]) {
    this.#keys = slotKeys(slot);
    this.#lanes = new Set(lanes);
    this.#redis = quiet(new Redis(url, { ...fragile, commandTimeout: ANSWER_MS_MAX }));
    this.#following = quiet(new Redis(url, { ...fragile, socketTimeout: BLOCKING_SILENCE_MS_MAX }));
  }

  /** Waits up to 2 s for the first connection; without one the calls fail until it comes. */
  async connect(): Promise<void> {
    await Promise.all([this.#redis.connect(), this.#following.connect()].map((one) => one.catch(() => {})));
  }

  /** One pipeline. A lane that is new to the slot is in the sight after the next. */
  async look(): Promise<SlotSight> {
    const { audit, auditMeta, dead, lanes: known } = this.#keys;
    const names = [...this.#lanes].slice(0, LANES_MAX);
    const pipeline = this.#redis.pipeline();
    pipeline.xlen(audit).xlen(dead).hmget(auditMeta, 'bytes', 'seen').smembers(known);
    // Even without a lane there is one call: it says what time it is.
    for (let at = 0; at === 0 || at < names.length; at += LANES_A_CALL) {
      const keys = names.slice(at, at + LANES_A_CALL).flatMap((lane) => this.#keysOf(lane));
      pipeline.eval(lookScript, keys.length, ...keys);
    }
    const replies = ((await pipeline.exec()) ?? []).map(([error, reply]) => {
      if (error !== null) throw error;
      return reply;
    });
    const [auditPages, deadLetters, meta, members, ...looks] = replies;
    for (const lane of members as string[]) this.#lanes.add(lane);
    const rows = looks.flatMap((look) => (look as unknown[]).slice(1) as (string | number | null)[][]);
    const atMs = Number((looks[0] as unknown[])[0]);
    const [auditBytes, seen] = meta as (string | null)[];
    return {
      atMs,
      lanes: rows.map((row, at) => laneOf(names[at] ?? '', row, atMs)),
      isCut: this.#lanes.size > LANES_MAX,
      deadLetters: Number(deadLetters),
      auditPages: Number(auditPages),
      auditBytes: Number(auditBytes ?? 0),
      recorderSeenAtMs: Number(seen ?? 0),
    };
  }

  /** Redis' clock. */
  async nowMs(): Promise<number> {
    const [seconds, micros] = await this.#redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  }

  /**
   * Audit pages after `afterId`, waiting up to `blockMs` for the first. Their sealed bodies are let go at once; `readBytes` counts them.
   */
  async pages(
    afterId: string,
    countMax: number,
    blockMs: number,
  ): Promise<readonly (Omit<StreamPage, 'journal'> & { readonly readBytes: number })[]> {
    const count = ['COUNT', countMax, 'BLOCK', blockMs] as const;
    const reply: unknown = await this.#following.callBuffer(
      'XREAD',
      ...count,
      'STREAMS',
      this.#keys.audit,
      afterId,
    );
    return streamEntries(reply).map(([id, fields]) => ({
      id,
      page: fields[1] ?? Buffer.alloc(0),
      readBytes: fields.reduce((sum, { length }) => sum + length, 0),
    }));
  }

  /** The number of the last page of each of these writers, 0 for one that is not known (any more). */
  async lastPages(writers: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const pipeline = this.#redis.pipeline();
    for (const writer of writers) pipeline.hget(this.#keys.writer(writer), 'n');
    const replies = (await pipeline.exec()) ?? [];
    return new Map(writers.map((writer, at) => [writer, Number(replies[at]?.[1] ?? 0)]));
  }

  close(): void {
    this.#redis.disconnect();
    this.#following.disconnect();
  }

  #keysOf(lane: string): readonly string[] {
    return [this.#keys.laneMeta(lane), ...priorityClasses.map((one) => this.#keys.lane(lane, one))];
  }
}

/** Nothing is queued or sent again by the library: who looks wants to know now. */
const fragile = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: ANSWER_MS_MAX,
  retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 5), RETRY_MS_MAX),
};

// The library prints foreign error texts when nobody listens; failures reach us through the calls.
const quiet = (redis: Redis): Redis => {
  redis.on('error', () => {});
  return redis;
};

const laneOf = (lane: string, row: readonly (string | number | null)[], atMs: number): LaneLook => {
  const number = (at: number): number => Number(row[at] ?? 0);
  const lengths = LOOK_FIELDS.length + 3;
  const [owner, until, token] = row.slice(LOOK_FIELDS.length, lengths);
  const of = (one: PriorityClass): number => number(lengths + one);
  return {
    lane,
    in: number(0),
    delivered: number(1),
    sentUnconfirmed: number(2),
    dead: number(3),
    expired: number(4),
    divertedOut: number(5),
    waitingByClass: priorityClasses.map(of),
    waiting: priorityClasses.map(of).reduce((sum, one) => sum + one, 0),
    oldestAtMs: number(lengths + priorityClasses.length),
    isOwned: (owner ?? '') !== '' && Number(until ?? 0) > atMs,
    wasOwned: Number(token ?? 0) > 0,
  };
};
