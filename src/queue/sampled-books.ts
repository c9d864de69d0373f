import type { Redis } from 'ioredis';
import type { TopicName } from '../message/delivery.ts';
import type { SlotKeys } from './keys.ts';
import { fenced } from './lane-leases.ts';
import type { OwnedLanes } from './lanes.ts';
import { openingLua } from './opening-lua.ts';

/**
 * Stores a topic's book in one step with the page that says what was taken out of it, as long as the lane is the caller's.
 *
 * KEYS  1-9 as in the settle script   10 the book   11 the lane's meta
 * ARGV  1-5, 7 as in the settle script; 6, 8 and 9 unused   10 the lane's token   11 the book's text
 * Replies: OK   STALE: the lane has another owner   GAP, n, head   SHAPE, what
 */
const sampleScript = `#!lua flags=allow-oom
${openingLua}
if #ARGV ~= 11 or #KEYS ~= 11 or not allWhole(1, 1) or ARGV[4] == '' then return {'SHAPE', 'arguments'} end
local outcome, no = checkPage(true)
if not outcome then return no end
if outcome == 'STORED' then return {'OK'} end
if redis.call('HGET', KEYS[11], 'token') ~= ARGV[10] then return {'STALE'} end
redis.call('STRLEN', KEYS[10])
redis.call('SET', KEYS[10], ARGV[11])
writePage()
return {'OK'}
`;

/** KEYS  1 the book   2 the lane's meta   ARGV  1 the lane's token   2 the book's text   Replies: 1, or 0: it has another owner */
const saveScript = `#!lua flags=allow-oom
if redis.call('HGET', KEYS[2], 'token') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`;

/** A topic whose lane is the caller's: `token` is what it was claimed with. */
export type BookOwner = { readonly topic: TopicName; readonly token: number };

/**
 * How far each topic's messages were seen to arrive, as text that this room does not read. Only the lane's owner writes: what another one
 * put into an older text would be lost. Writing throws FENCED for who is it no longer.
 */
export class SampledBooks {
  readonly #redis: Redis;
  readonly #keys: SlotKeys;

  constructor(redis: Redis, keys: SlotKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async read(topic: TopicName): Promise<string | undefined> {
    return (await this.#redis.get(this.#keys.sampled(topic))) ?? undefined;
  }

  /** For who does not sample: a book that was not kept up would find holes that are none. */
  async forget(topic: TopicName): Promise<void> {
    await this.#redis.del(this.#keys.sampled(topic));
  }

  async save({ topic, token }: BookOwner, book: string): Promise<void> {
    const isSaved = await this.#redis.eval(saveScript, 2, ...this.#keysOf(topic), token, book);
    if (isSaved !== 1) throw fenced(topic);
  }

  /** Saves it with records of what was taken out of it: both or neither. */
  async record<R>(
    lanes: OwnedLanes<R>,
    { topic, token }: BookOwner,
    book: string,
    records: readonly R[],
  ): Promise<void> {
    const said = await lanes.write(sampleScript, records, { keys: this.#keysOf(topic), args: [token, book] });
    if (said !== 'OK') throw fenced(topic);
  }

  #keysOf(topic: TopicName): readonly [string, string] {
    return [this.#keys.sampled(topic), this.#keys.laneMeta(topic)];
  }
}
