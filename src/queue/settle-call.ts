import type { PriorityClass } from '../message/delivery.ts';
import type { AppendPage, WriterName } from './batch.ts';
import type { SlotKeys } from './keys.ts';
import { type LaneEntries, pushLanes } from './lane-entries.ts';
import type { ScriptArgument } from './script-call.ts';

/** A prefix of one class of a lane that is done: everything up to `upTo`, counted by outcome. */
export type ClassSettlement = {
  readonly priorityClass: PriorityClass;
  readonly upTo: number;
  readonly delivered: number;
  readonly sentUnconfirmed: number;
  readonly expired: number;
  /** Numbers in the prefix whose entries a sweep had expired before we were given any of them. */
  readonly gone: number;
  readonly dead: readonly { readonly seq: number; readonly code: string }[];
  /** laneSeqs that had a deadline shorter than the lane's. */
  readonly due: readonly number[];
};

/** What is done of one lane. Records go to the audit page as they are. */
export type Settlement<R> = {
  readonly classes: readonly ClassSettlement[];
  /** Bytes of the entries taken off. */
  readonly bytes: number;
  /** Message ids of shared bodies that lose a reference, once for each. */
  readonly bodies: readonly string[];
  /** What senders are told of it: entries for their stations' lanes. */
  readonly notices: readonly LaneEntries[];
  readonly records: readonly R[];
};

/** After which laneSeq, and how many, to take of a class. */
export type Take = { readonly priorityClass: PriorityClass; readonly after: number; readonly count: number };

/** One lane's part of a settle call. */
export type LaneTurn = {
  readonly lane: string;
  readonly token: number;
  readonly classes: readonly ClassSettlement[];
  readonly bytes: number;
  readonly takes: readonly Take[];
};

type Call = { readonly keys: string[]; readonly args: ScriptArgument[] };

/** Keys 1 to 9 of every script that writes a page (see `settleScript`). */
export const pageKeys = (keys: SlotKeys, { writer, instance }: WriterName): string[] => [
  keys.writer(writer),
  keys.audit,
  keys.auditMeta,
  keys.ready,
  keys.lanes,
  keys.due,
  keys.bells.courier,
  keys.bells.gateway,
  keys.instance(instance),
];

/** Arguments 1 to 9 of the settle, expire and redrive scripts. */
export const pageArguments = (
  page: AppendPage | undefined,
  writer: WriterName,
  limits: { readonly deadMax: number; readonly leaseMs: number; readonly laneHoldMs: number },
): ScriptArgument[] => [
  ...(page === undefined ? [0, '', '', '', ''] : [page.n, page.prev, page.head, page.bytes, page.journal]),
  limits.deadMax,
  page?.n === 1 ? writer.writer : '',
  limits.leaseMs,
  limits.laneHoldMs,
];

export const pushTurns = (turns: readonly LaneTurn[], keys: SlotKeys, call: Call): void => {
  for (const { lane, token, classes, bytes, takes } of turns) {
    // Takes first: entries come back in this order, whatever is settled beside them.
    const concerned = new Set([...takes, ...classes].map(({ priorityClass }) => priorityClass));
    call.keys.push(keys.laneMeta(lane));
    call.args.push(lane, token, bytes, concerned.size);
    for (const priorityClass of concerned) {
      const settled = classes.find((one) => one.priorityClass === priorityClass) ?? NOTHING;
      const take = takes.find((one) => one.priorityClass === priorityClass);
      const { upTo, delivered, sentUnconfirmed, expired, gone, dead, due } = settled;
      call.keys.push(keys.lane(lane, priorityClass));
      call.args.push(priorityClass, upTo, delivered, sentUnconfirmed, expired, gone);
      call.args.push(take?.after ?? 0, take?.count ?? 0, dead.length, due.length);
      for (const { seq, code } of dead) call.args.push(seq, code);
      call.args.push(...due);
    }
  }
};

/** Adds shared bodies and notices; answers how many of each. */
export const pushRest = (
  bodies: readonly string[],
  notices: readonly LaneEntries[],
  keys: SlotKeys,
  call: Call,
): { readonly bodies: number; readonly lanes: number } => {
  const references = new Map<string, number>();
  for (const id of bodies) references.set(id, (references.get(id) ?? 0) + 1);
  for (const [id, count] of references) {
    call.keys.push(keys.body(id));
    call.args.push(count);
  }
  return { bodies: references.size, lanes: pushLanes(notices, keys, [], call) };
};

const NOTHING = {
  upTo: 0,
  delivered: 0,
  sentUnconfirmed: 0,
  expired: 0,
  gone: 0,
  dead: [],
  due: [],
} as const;
