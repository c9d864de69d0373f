import type { Redis } from 'ioredis';
import type { PriorityClass } from '../message/delivery.ts';
import type { SlotKeys } from './keys.ts';
import type { LaneEntries } from './lane-entries.ts';
import { pushLanes } from './lane-entries.ts';
import { redriveScript } from './redrive-script.ts';
import type { OwnedLanes } from './lanes.ts';
import type { ScriptArgument } from './script-call.ts';

/** A delivery that could not be made, whole, as the dead stream keeps it. */
export type DeadLetter = {
  /** Its place in the dead stream. */
  readonly id: string;
  readonly lane: string;
  readonly priorityClass: PriorityClass;
  readonly seq: number;
  readonly code: string;
  readonly diedAtMs: number;
  readonly entry: Buffer;
  /** Where on the bus it died; empty when it never got there. */
  readonly subscription: string;
  readonly body: BodyState;
};

/** How a letter's body is kept: as every delivery's is; as it was on the bus, for no key here opens it; or not at all. */
export type BodyState = 'sealed' | 'jwe' | 'none';

/** Reads dead letters and puts them back on their lanes (design 5.7). */
export class DeadLetters {
  readonly #redis: Redis;
  readonly #keys: SlotKeys;

  constructor(redis: Redis, keys: SlotKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** How many there are. */
  count(): Promise<number> {
    return this.#redis.xlen(this.#keys.dead);
  }

  /** Letters after the place `afterId` (`0-0` for the first), oldest first. */
  async read(afterId: string, countMax: number): Promise<readonly DeadLetter[]> {
    const reply = (await this.#redis.callBuffer(
      'XRANGE',
      this.#keys.dead,
      `(${afterId}`,
      '+',
      'COUNT',
      countMax,
    )) as [Buffer, Buffer[]][];
    return reply.map(([id, flat]) => readLetter(id.toString('latin1'), flat));
  }

  /**
   * Moves letters back in one step with the page that says so; false when one of them is gone meanwhile. `merged`: letters that are
   * copies of one that goes back, so that they have no entry of their own.
   */
  async redrive<R>(
    lanes: OwnedLanes<R>,
    letters: readonly DeadLetter[],
    entries: readonly LaneEntries[],
    records: readonly R[],
    merged = 0,
  ): Promise<boolean> {
    const call: { keys: string[]; args: ScriptArgument[] } = { keys: [], args: [] };
    const count = pushLanes(entries, this.#keys, [], call);
    const keys = [this.#keys.dead, ...call.keys];
    const args = [letters.length, count, merged, ...letters.map(({ id }) => id), ...call.args];
    return (await lanes.write(redriveScript, records, { keys, args })) === 'OK';
  }

  /** Takes off letters that are copies of one that went back. Answers how many were there. */
  async remove(ids: readonly string[]): Promise<number> {
    return ids.length === 0 ? 0 : this.#redis.xdel(this.#keys.dead, ...ids);
  }
}

const readLetter = (id: string, flat: readonly Buffer[]): DeadLetter => {
  const fields = new Map<string, Buffer>();
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [name, value] = [flat[at], flat[at + 1]];
    if (name !== undefined && value !== undefined) fields.set(name.toString('latin1'), value);
  }
  const text = (name: string): string => fields.get(name)?.toString('latin1') ?? '';
  return {
    id,
    lane: text('lane'),
    priorityClass: Number(text('class')) as PriorityClass,
    seq: Number(text('seq')),
    code: text('code'),
    diedAtMs: Number(text('t')),
    entry: fields.get('e') ?? Buffer.alloc(0),
    subscription: text('sub'),
    body: bodyOf(text('body')),
  };
};

/** Letters that never left have no such field. */
const bodyOf = (text: string): BodyState => (text === 'jwe' || text === 'none' ? text : 'sealed');
