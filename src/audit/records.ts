import { z } from 'zod';

/**
 * The record kinds of an audit page, format 1: the closed list. A new kind is a new row here; a changed kind is a new
 * page format. Records say who, when, from where to where and what became of it. They never hold a field's value: no
 * name, plate, control field or body text.
 *
 * Times are UTC ms, sizes bytes, flags 0 or 1. A writer gives records without `i`; the page adds the ordinal.
 */
const whole = z.number().int().nonnegative();
const flag = z.union([z.literal(0), z.literal(1)]);
const short = z.string().max(1024);
const names = z.array(short).max(65_536).readonly();
const head = z.string().regex(/^[0-9a-f]{64}$/);
/** A process that writes pages. It stands between blanks in signed text and block lines, so it holds none. */
export const writerPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,95}$/;

export const outcomes = ['delivered', 'dead', 'expired', 'sentUnconfirmed', 'divertedOut'] as const;
export type DeliveryOutcome = (typeof outcomes)[number];

const delivery = z.object({ d: short, lane: short, dest: short, groups: names, to: names }).readonly();

/** What is known of a message's header; a frame refused early has only some of it. */
const header = {
  id: short,
  t: whole,
  line: short,
  station: short,
  agency: short,
  ori: short,
  mke: short,
  dialect: short,
  cls: z.number().int().min(0).max(6),
  to: names,
  bytes: whole,
  dir: short,
  user: short,
  terminal: short,
  incident: short,
  test: flag,
  tp: short,
  /** Room → µs spent until that room let the message go, counted from `t`. */
  stamps: z.record(z.string().max(32), whole).readonly(),
};

const refusal = z
  .object({
    code: short,
    field: short.optional(),
    offset: whole.optional(),
    length: whole.optional(),
    limit: whole.optional(),
  })
  .readonly();

export const recordSchemas = {
  /** First record of a writer's first page. `predecessor` is the last page its forerunner made durable. */
  open: z.object({
    e: z.literal('open'),
    role: short,
    instance: short,
    version: short,
    predecessor: z
      .object({ w: z.string().regex(writerPattern), n: whole.min(1), head })
      .readonly()
      .nullable(),
  }),
  accept: z.object({
    e: z.literal('accept'),
    ...header,
    deliveries: z.array(delivery).max(65_536).readonly(),
    /** 1: its control field came before, with another body. */
    reused: flag.optional(),
    /** 1: the dialect has no file for its key and let it pass all the same. */
    unknown: flag.optional(),
  }),
  refuse: z
    .object({ e: z.literal('refuse'), ...header })
    .partial()
    .extend({ e: z.literal('refuse'), t: whole, line: short, codes: z.array(refusal).max(1024).readonly() }),
  /** Refusals past the rate limit are counted, not recorded one by one. */
  'refused-count': z.object({ e: z.literal('refused-count'), line: short, code: short, n: whole }),
  /** A delivery left its lane. `t` handed out (0 when it never was), `st` settled, `pd` possible duplicate. */
  deliver: z.object({
    e: z.literal('deliver'),
    d: short,
    lane: short,
    /** Priority class: `seq` counts within lane and class. Absent in records of one stream a lane. */
    cls: z.number().int().min(0).max(6).optional(),
    seq: whole,
    mid: short,
    o: z.enum(outcomes),
    code: short.optional(),
    pd: flag,
    t: whole,
    st: whole,
    tries: whole,
    /** What of the message the station's form could not carry: field codes and kinds of parts, never a value. Absent: it was nothing. */
    notCarried: z.array(short).max(16).readonly().optional(),
  }),
  /** A control field seen before with the same body: answered from the first one's disposition, not forwarded. `of`: the first one's id. */
  duplicate: z.object({ e: z.literal('duplicate'), ...header, of: short }),
  /** The switch tells a sender what became of delivery `of`: a message of its own, `id`, on the lane of the sender's station. */
  notice: z.object({
    e: z.literal('notice'),
    id: short,
    d: short,
    lane: short,
    cls: z.number().int().min(0).max(6),
    of: short,
    code: short,
    t: whole,
  }),
  /** A dead letter is back on its lane as a new generation of the same delivery. `mid`: what it was sent as before. */
  redrive: z.object({
    e: z.literal('redrive'),
    d: short,
    lane: short,
    cls: z.number().int().min(0).max(6),
    generation: whole.min(2),
    mid: short,
    by: short,
    t: whole,
  }),
  /**
   * A delivery that a topic had taken came back: it died on a subscription's queue. It stays counted as delivered. `body`: how the dead
   * letter keeps it. Of somebody else's message `d` is empty and `id` names its body in the journal.
   */
  returned: z.object({
    e: z.literal('returned'),
    d: short,
    mid: short,
    lane: short,
    sub: short,
    cls: z.number().int().min(0).max(6),
    seq: whole,
    code: short,
    body: z.enum(['sealed', 'jwe', 'none']),
    t: whole,
    id: short.optional(),
  }),
  /**
   * What of a topic's lane was seen on the topic since the record before, by class: numbers `from` to `to`. `seen` arrived, `repeats` came
   * again, `explained` never were sent (dead, expired, diverted), `missing` are sent and not seen (at most 64 ranges, `more` further
   * numbers). `begun` 1: nothing before `from` was looked at.
   */
  sampled: z.object({
    e: z.literal('sampled'),
    lane: short,
    t: whole,
    begun: flag,
    classes: z
      .array(
        z
          .object({
            cls: z.number().int().min(0).max(6),
            from: whole,
            to: whole,
            seen: whole,
            repeats: whole,
            duplicates: whole,
            explained: whole,
            missing: z
              .array(z.tuple([whole, whole]).readonly())
              .max(64)
              .readonly(),
            more: whole,
          })
          .readonly(),
      )
      .max(7)
      .readonly(),
  }),
  session: z.object({
    e: z.literal('session'),
    line: short,
    what: z.enum(['opened', 'closed']),
    code: short.optional(),
    why: short,
  }),
  /** What a courier decided about the bus, of no one message. `n`: so often since `t`; the same again is counted, not recorded. */
  bus: z.object({
    e: z.literal('bus'),
    lane: short,
    what: z.enum([
      'circuit-opened',
      'circuit-closed',
      'batch-split',
      'throttled',
      'link-remade',
      'connection-dropped',
      'access-read',
    ]),
    code: short,
    n: whole.min(1),
    t: whole,
  }),
  /** A signature over an earlier page of the same writer, see signing.ts. */
  head: z.object({
    e: z.literal('head'),
    n: whole.min(1),
    head,
    t: whole,
    kid: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
    sig: z.string().regex(/^[A-Za-z0-9+/]{86}==$/),
  }),
  fault: z.object({ e: z.literal('fault'), code: short }),
  /** Last record of a writer that ended in order. */
  close: z.object({ e: z.literal('close') }),
} as const;

export type RecordKind = keyof typeof recordSchemas;
type Shape<K extends RecordKind> = Readonly<z.infer<(typeof recordSchemas)[K]>>;
export type OpenRecord = Shape<'open'>;
export type AcceptRecord = Shape<'accept'>;
export type RefuseRecord = Shape<'refuse'>;
export type DeliverRecord = Shape<'deliver'>;
export type ReturnedRecord = Shape<'returned'>;
export type SampledRecord = Shape<'sampled'>;
export type HeadRecord = Shape<'head'>;
export type AuditRecord = { [K in RecordKind]: Shape<K> }[RecordKind];

export function isRecordKind(kind: unknown): kind is RecordKind {
  return typeof kind === 'string' && Object.hasOwn(recordSchemas, kind);
}

/** Checks a parsed record against its kind; `unknown` is a kind a later version may have added. */
export function checkRecord(value: unknown): AuditRecord | 'unknown' | 'wrong' {
  if (typeof value !== 'object' || value === null || !('e' in value)) return 'wrong';
  if (!isRecordKind(value.e)) return typeof value.e === 'string' ? 'unknown' : 'wrong';
  const checked = recordSchemas[value.e].safeParse(value);
  return checked.success ? checked.data : 'wrong';
}
