import { z } from 'zod';
import { conditionNamed, connectionForced, faultConditions } from './fault-conditions.ts';

/** Which way an operation goes, as a peer sees it; `manage` is the entity's `$management`. */
export const directions = ['send', 'receive', 'manage'] as const;
export type Direction = (typeof directions)[number];

type Field =
  | 'entity'
  | 'direction'
  | 'count'
  | 'share'
  | 'seed'
  | 'forMs'
  | 'delayMs'
  | 'condition'
  | 'afterTransfers'
  | 'session'
  | 'how';
type Kind = {
  readonly takes: readonly Field[];
  readonly needs?: readonly Field[];
  /** Where it may strike; the first alone unless told otherwise, or all when `isEverywhere`. */
  readonly directions?: readonly Direction[];
  readonly isEverywhere?: boolean;
};

const often = ['count', 'share', 'seed', 'forMs'] as const satisfies readonly Field[];
const answered = {
  takes: ['entity', 'direction', ...often],
  directions: ['send', 'manage'],
} as const satisfies Kind;
const settled = { takes: ['entity', ...often], directions: ['receive'] } as const satisfies Kind;

/** Every switch, what may be said with it, and which way of an entity it may be set for. */
export const faultKinds = {
  /** Cuts TCP connections: at once, or the one on which the last of `afterTransfers` messages goes by. */
  drop: { takes: ['entity', 'direction', 'afterTransfers'], directions, isEverywhere: true },
  /** Ends links, or with `amqp:connection:forced` connections, with a condition. Requests only when told `manage`. */
  detach: {
    takes: ['entity', 'direction', 'condition', 'afterTransfers'],
    directions,
    isEverywhere: true,
  },
  /** Writes bytes that are no AMQP on sockets. */
  rubbish: { takes: ['entity'] },
  /** Neither reads nor writes on sockets that are there; they stay open. */
  freeze: { takes: ['entity', 'forMs'] },
  /** Ends session locks now. */
  'lose-session': { takes: ['entity', 'session'], directions: ['receive'] },
  /** Links stay, credit is taken, nothing goes in or out. */
  pause: { takes: ['entity', 'direction', 'forMs'], directions, isEverywhere: true },
  /** Resets new connections. */
  'refuse-connection': { takes: often },
  /** Answers a new link with a detach. */
  'refuse-link': {
    takes: ['entity', 'direction', 'condition', ...often],
    directions: ['send', 'receive'],
    isEverywhere: true,
  },
  /** Answers a token with 401. */
  'refuse-token': { takes: ['entity', ...often] },
  /** Never answers a token. */
  'ignore-token': { takes: ['entity', ...often] },
  /** Refuses sends, or requests, as a throttled namespace does. */
  busy: answered,
  /** The same with any condition. */
  reject: { ...answered, takes: [...answered.takes, 'condition'], needs: ['condition'] },
  /** Not stored, or not done, and never answered. */
  lose: answered,
  /** Stored, or done, and never answered. */
  'no-ack': answered,
  /** Stored, or done, at once and answered late. */
  'late-ack': { ...answered, takes: [...answered.takes, 'delayMs'], needs: ['delayMs'] },
  /** Deliveries, and answers to requests, leave late. */
  delay: {
    takes: ['entity', 'direction', 'delayMs', ...often],
    needs: ['delayMs'],
    directions: ['receive', 'manage'],
    isEverywhere: true,
  },
  /** Damages the frame of a delivery. */
  corrupt: { ...settled, takes: [...settled.takes, 'how'] },
  /** Refuses a receiver's settlement, which has no effect. */
  'refuse-settle': { ...settled, takes: [...settled.takes, 'condition'] },
  /** A receiver's settlement has no effect and is never answered. */
  'lose-settle': settled,
  /** A receiver's settlement has its effect and is never answered. */
  'no-settle-answer': settled,
} as const satisfies Record<string, Kind>;
export type FaultKind = keyof typeof faultKinds;

/** What a damaged frame has wrong: bytes that are no value, a size below that of a header, or one beyond what comes. */
export const damages = ['performative', 'size', 'long-size'] as const;
export type Damage = (typeof damages)[number];

const kindNames = Object.keys(faultKinds) as [FaultKind, ...FaultKind[]];
const ms = z.number().int().min(1).max(3_600_000);
const count = z.number().int().min(1).max(1_000_000);
const shape = {
  fault: z.enum(kindNames),
  /** As a link names it; what lies under it is covered too. Without it every entity is. */
  entity: z.string().min(1).max(300).optional(),
  direction: z.enum(directions).optional(),
  /** Strikes at most. One, unless `share` or `forMs` says how long it goes on. */
  count: count.optional(),
  /** Part of the operations that it strikes, drawn by `seed`. */
  share: z.number().gt(0).max(1).optional(),
  seed: z.number().int().min(0).max(0xffff_ffff).optional(),
  forMs: ms.optional(),
  delayMs: ms.optional(),
  condition: z
    .string()
    .refine((name) => conditionNamed(name) !== undefined, {
      error: `must be one of ${faultConditions.join(', ')}`,
    })
    .transform((name) => conditionNamed(name) ?? name)
    .optional(),
  afterTransfers: count.optional(),
  session: z.string().max(128).optional(),
  how: z.enum(damages).optional(),
};
const numbers: readonly string[] = ['count', 'share', 'seed', 'forMs', 'delayMs', 'afterTransfers'];

type Given = z.infer<z.ZodObject<typeof shape>>;
export type FaultOrder = Given;

/** One switch as it is set by a program, a request or a line of a script. */
export const faultOrder = z.strictObject(shape).check(({ value, issues }) => {
  for (const [path, message] of wrongIn(value)) {
    issues.push({ code: 'custom', message, path: [path], input: value });
  }
});
/** The same with the time at which a script does it. */
export const scriptedFault = z
  .strictObject({ atMs: z.number().int().min(0).max(86_400_000), ...shape })
  .check(({ value, issues }) => {
    for (const [path, message] of wrongIn(value)) {
      issues.push({ code: 'custom', message, path: [path], input: value });
    }
  });
export type ScriptedFault = z.infer<typeof scriptedFault>;

/** An order as the query of a URL, where numbers are texts. */
export function orderFromQuery(query: URLSearchParams): z.ZodSafeParseResult<FaultOrder> {
  const given = [...query].map(([name, text]) => [name, numbers.includes(name) ? Number(text) : text]);
  return faultOrder.safeParse(Object.fromEntries(given));
}

/** The ways of an entity that an order is for. */
export function directionsOf({ fault, direction }: FaultOrder): readonly Direction[] {
  const kind: Kind = faultKinds[fault];
  if (direction !== undefined) return [direction];
  const all = kind.directions ?? directions;
  return kind.isEverywhere === true ? all : all.slice(0, kind.directions === undefined ? all.length : 1);
}

function* wrongIn(given: Given & { readonly atMs?: number }): Generator<readonly [Field, string]> {
  const kind: Kind = faultKinds[given.fault];
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || name === 'fault' || name === 'atMs') continue;
    const field = name as Field;
    if (!kind.takes.includes(field)) yield [field, `means nothing to ${given.fault}`];
  }
  for (const field of kind.needs ?? []) {
    if (given[field] === undefined) yield [field, `is needed by ${given.fault}`];
  }
  const { direction, condition, fault, seed, share } = given;
  if (direction !== undefined && !(kind.directions ?? []).includes(direction)) {
    yield ['direction', `of ${fault} must be one of ${(kind.directions ?? []).join(', ')}`];
  }
  if (condition === connectionForced && fault !== 'detach') {
    yield ['condition', 'ends a connection: of use to detach alone'];
  }
  if (seed !== undefined && share === undefined) yield ['seed', 'is of use with a share alone'];
}
