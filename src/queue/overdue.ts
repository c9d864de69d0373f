import type { Redis } from 'ioredis';
import { type PriorityClass, priorityClasses } from '../message/delivery.ts';
import type { SlotKeys } from './keys.ts';
import { expireScript } from './lane-scripts.ts';
import type { LaneEntries } from './lane-entries.ts';
import type { OwnedLanes } from './lanes.ts';
import type { ScriptArgument } from './script-call.ts';
import { pushRest } from './settle-call.ts';

/** An entry whose deadline has passed while nobody was about to deliver it. */
export type OverdueEntry = {
  readonly lane: string;
  readonly priorityClass: PriorityClass;
  readonly seq: number;
  readonly entry: Buffer;
  /** An owner that is gone was given it, so it may have been delivered. */
  readonly wasHanded: boolean;
};

/** Where a class of a lane stands for a sweep: up to where it is settled, was handed out, and behind what it may be taken. */
type Standing = { readonly settled: number; readonly handed: number; readonly freeAfter: number };

type Head = {
  readonly lane: string;
  readonly priorityClass: PriorityClass;
  readonly standing: Standing;
};

const READ_MAX = 256;
const DUE_PAGE = 1024;
const DUE_PAGES_MAX = 16;
/** Lanes looked at in one round trip. */
const LANES_MAX = 64;
const STANDING_FIELDS = priorityClasses.flatMap((one) => [`s${String(one)}`, `h${String(one)}`]);

/**
 * Finds and takes off what waited too long (design 5.15). What a live owner has been given is the owner's to judge; this is for the rest:
 * of a station that is away, or far behind in a long hold.
 */
export class Overdue {
  readonly #redis: Redis;
  readonly #keys: SlotKeys;

  constructor(redis: Redis, keys: SlotKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * Entries with a deadline of their own that is past, at most 256, found through the due set. What is in an owner's hands stands there as
   * well, so the set is read on behind it, 16 pages at most. Members whose entry is gone are taken out.
   */
  async byDeadline(): Promise<readonly OverdueEntry[]> {
    const now = await this.#now();
    const standings = new Map<string, Promise<Standing>>();
    const found: OverdueEntry[] = [];
    let at = 0;
    for (let page = 0; page < DUE_PAGES_MAX && found.length < READ_MAX; page += 1) {
      const members = await this.#redis.zrangebyscore(this.#keys.due, '-inf', now, 'LIMIT', at, DUE_PAGE);
      const gone: string[] = [];
      for (const member of members) {
        if (found.length === READ_MAX) break;
        const read = await this.#read(member, standings, now);
        if (read === 'gone') gone.push(member);
        else if (read !== 'held') found.push(read);
      }
      if (gone.length > 0) await this.#redis.zrem(this.#keys.due, ...gone);
      if (members.length < DUE_PAGE) break;
      // What was taken out moves the rest up.
      at += members.length - gone.length;
    }
    return found;
  }

  /** The entry a member of the due set names, unless a live owner was given it, or it is no longer there. */
  async #read(
    member: string,
    standings: Map<string, Promise<Standing>>,
    now: number,
  ): Promise<OverdueEntry | 'held' | 'gone'> {
    const [lane = '', classText = '', seqText = ''] = member.split(' ');
    const priorityClass = Number(classText) as PriorityClass;
    const key = `${lane} ${classText}`;
    const asked = standings.get(key) ?? this.#standing(lane, priorityClass, now);
    standings.set(key, asked);
    const standing = await asked;
    if (Number(seqText) <= standing.settled) return 'gone';
    if (Number(seqText) <= standing.freeAfter) return 'held';
    const id = `${seqText}-0`;
    const [entry] = await this.#entries(lane, priorityClass, standing, id, id, 1);
    return entry ?? 'gone';
  }

  /** Entries that waited as long as lanes hold anything, at most 256: they are the first of their streams. */
  async byHold(): Promise<readonly OverdueEntry[]> {
    const now = await this.#now();
    const ready = await this.#redis.smembers(this.#keys.ready);
    const found: OverdueEntry[] = [];
    for (let at = 0; at < ready.length && found.length < READ_MAX; at += LANES_MAX) {
      for (const { lane, priorityClass, standing } of await this.#overdueHeads(
        ready.slice(at, at + LANES_MAX),
        now,
      )) {
        const room = READ_MAX - found.length;
        if (room === 0) break;
        const after = `(${String(standing.freeAfter)}-0`;
        const first = await this.#entries(lane, priorityClass, standing, after, '+', room);
        const end = first.findIndex(({ deadlineMs }) => deadlineMs > now);
        found.push(...(end < 0 ? first : first.slice(0, end)));
      }
    }
    return found;
  }

  /** Which classes of these lanes begin with an entry whose deadline is past. Two round trips for all of them. */
  async #overdueHeads(lanes: readonly string[], now: number): Promise<readonly Head[]> {
    const asking = this.#redis.pipeline();
    for (const lane of lanes) asking.hmget(this.#keys.laneMeta(lane), 'owner', 'until', ...STANDING_FIELDS);
    const rows = (await asking.exec()) ?? [];
    const heads = lanes.flatMap((lane, at) => {
      const [owner, until, ...fields] = (rows[at]?.[1] ?? []) as (string | null)[];
      return priorityClasses.map((priorityClass) => {
        const [settled, handed] = [fields[2 * priorityClass], fields[2 * priorityClass + 1]];
        return { lane, priorityClass, standing: standingOf([settled, handed, owner, until], now) };
      });
    });
    const firsts = this.#redis.pipeline();
    for (const { lane, priorityClass, standing } of heads)
      firsts.xrange(
        this.#keys.lane(lane, priorityClass),
        `(${String(standing.freeAfter)}-0`,
        '+',
        'COUNT',
        1,
      );
    const found = (await firsts.exec()) ?? [];
    return heads.filter((_, at) => {
      const [entry] = (found[at]?.[1] ?? []) as [string, string[]][];
      return entry !== undefined && Number(entry[1][3] ?? 0) <= now;
    });
  }

  /** Takes the entries off in one step with the page that says so; false when one of them has moved since. */
  async expire<R>(
    lanes: OwnedLanes<R>,
    entries: readonly OverdueEntry[],
    told: {
      readonly records: readonly R[];
      readonly bodies: readonly string[];
      readonly notices: readonly LaneEntries[];
    },
  ): Promise<boolean> {
    const call: { keys: string[]; args: ScriptArgument[] } = { keys: [], args: [] };
    const parts = Map.groupBy(entries, ({ lane, priorityClass }) => `${lane} ${String(priorityClass)}`);
    for (const part of parts.values()) {
      const [first] = part;
      if (first === undefined) continue;
      const { lane, priorityClass } = first;
      call.keys.push(this.#keys.laneMeta(lane), this.#keys.lane(lane, priorityClass));
      const bytes = part.reduce((sum, { entry }) => sum + entry.length, 0);
      const seqs = part.map(({ seq }) => seq).toSorted((a, b) => a - b);
      call.args.push(lane, priorityClass, bytes, seqs.length, ...seqs);
    }
    const rest = pushRest(told.bodies, told.notices, this.#keys, call);
    const args = [parts.size, rest.bodies, rest.lanes, ...call.args];
    return (await lanes.write(expireScript, told.records, { keys: call.keys, args })) === 'OK';
  }

  async #now(): Promise<number> {
    const [seconds, micros] = await this.#redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  }

  async #standing(lane: string, priorityClass: PriorityClass, now: number): Promise<Standing> {
    const c = String(priorityClass);
    const fields = [`s${c}`, `h${c}`, 'owner', 'until'];
    return standingOf(await this.#redis.hmget(this.#keys.laneMeta(lane), ...fields), now);
  }

  async #entries(
    lane: string,
    priorityClass: PriorityClass,
    { handed }: Standing,
    from: string,
    to: string,
    count: number,
  ): Promise<(OverdueEntry & { readonly deadlineMs: number })[]> {
    const reply = (await this.#redis.callBuffer(
      'XRANGE',
      this.#keys.lane(lane, priorityClass),
      from,
      to,
      'COUNT',
      count,
    )) as [Buffer, Buffer[]][];
    return reply.map(([id, fields]) => {
      const seq = Number(id.toString('latin1').split('-')[0]);
      return {
        lane,
        priorityClass,
        seq,
        entry: fields[1] ?? Buffer.alloc(0),
        wasHanded: seq <= handed,
        deadlineMs: Number(fields[3]?.toString('latin1') ?? 0),
      };
    });
  }
}

type Field = string | null | undefined;

const standingOf = ([settled, handed, owner, until]: readonly Field[], now: number): Standing => {
  const [done, given] = [Number(settled ?? 0), Number(handed ?? 0)];
  const isOwned = (owner ?? '') !== '' && Number(until ?? 0) > now;
  return { settled: done, handed: given, freeAfter: isOwned ? Math.max(done, given) : done };
};
