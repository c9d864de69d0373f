import type { Redis } from 'ioredis';
import type { PriorityClass, TopicName } from '../message/delivery.ts';
import type { BodyState } from './dead-letters.ts';
import type { SlotKeys } from './keys.ts';
import { type LaneEntries, pushLanes } from './lane-entries.ts';
import type { OwnedLanes } from './lanes.ts';
import { returnScript } from './return-script.ts';
import type { ScriptArgument } from './script-call.ts';

/**
 * A delivery that came back from a topic, ready to be a dead letter. `entry` undefined: somebody else's message, of which only a record
 * stays.
 */
export type ReturnedLetter = {
  /** Names it for ever: what the bus calls it. Where it died is added here. */
  readonly mid: string;
  readonly priorityClass: PriorityClass;
  readonly seq: number;
  readonly code: string;
  readonly body: BodyState;
  readonly entry: Buffer | undefined;
  /** Its sender is told now. */
  readonly hasNotice: boolean;
};

export type ReturnedLimits = { readonly spanMs: number; readonly spanMax: number };

/** What is known of one that came back: it was taken in, its sender was told. */
export type Known = { readonly isKept: boolean; readonly isTold: boolean };

/** Takes in what came back from the bus, each once (docs/decisions/0014). */
export class ReturnedLetters {
  readonly #redis: Redis;
  readonly #keys: SlotKeys;
  readonly #limits: ReturnedLimits;

  constructor(redis: Redis, keys: SlotKeys, limits: ReturnedLimits) {
    this.#redis = redis;
    this.#keys = keys;
    this.#limits = limits;
  }

  /** In the order of `mids`. One round trip. */
  async known(subscription: string, mids: readonly string[], nowMs: number): Promise<readonly Known[]> {
    const fields = mids.flatMap((mid) => [placeOf(mid, subscription), mid]);
    // Whoever took them in may have had a clock that is ahead of ours.
    const later = this.#keys.returned(Math.floor(nowMs / this.#limits.spanMs) + 1);
    const keys = [later, ...this.#spans(nowMs)];
    const rows = await Promise.all(keys.map((key) => this.#redis.hmget(key, ...fields)));
    const has = (at: number): boolean => rows.some((row) => typeof row[at] === 'string');
    return mids.map((_, at) => ({ isKept: has(2 * at), isTold: has(2 * at + 1) }));
  }

  /**
   * Letters that died on one subscription, in one step with their records and notices. STALE: one of them is known meanwhile.
   * DEAD_FULL: there is no room for them; they may stay where they are.
   */
  take<R>(
    lanes: OwnedLanes<R>,
    from: { readonly topic: TopicName; readonly subscription: string },
    letters: readonly ReturnedLetter[],
    told: { readonly records: readonly R[]; readonly notices: readonly LaneEntries[] },
    nowMs: number,
  ): Promise<'OK' | 'STALE' | 'DEAD_FULL'> {
    const { topic, subscription } = from;
    const { spanMs, spanMax } = this.#limits;
    const call: { keys: string[]; args: ScriptArgument[] } = { keys: [], args: [] };
    for (const { mid, hasNotice, priorityClass, seq, code, body, entry } of letters)
      call.args.push(
        placeOf(mid, subscription),
        hasNotice ? mid : '',
        priorityClass,
        seq,
        code,
        body,
        entry ?? '',
      );
    const count = pushLanes(told.notices, this.#keys, [], call);
    const keys = [this.#keys.dead, ...this.#spans(nowMs), this.#keys.laneMeta(topic), ...call.keys];
    const args = [letters.length, count, spanMax, spanMs, topic, subscription, ...call.args];
    return lanes.write(returnScript, told.records, { keys, args });
  }

  /** This span's and the one before: what is older is forgotten. */
  #spans(nowMs: number): readonly [string, string] {
    const span = Math.floor(nowMs / this.#limits.spanMs);
    return [this.#keys.returned(span), this.#keys.returned(span - 1)];
  }
}

const placeOf = (mid: string, subscription: string): string => `${mid} ${subscription}`;
