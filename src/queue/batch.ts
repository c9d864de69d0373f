import type { LaneEntries } from './lane-entries.ts';

/** A page as the audit builds it: bytes that chain to the page before, and the sealed bodies beside it. */
export type AppendPage = {
  readonly n: number;
  readonly prev: string;
  readonly head: string;
  readonly bytes: Buffer;
  readonly journal: Buffer;
};

/** A writer is one life of a process; the instance is the place it fills, life after life. */
export type WriterName = { readonly writer: string; readonly instance: string };

/** A body that more deliveries share than copies are worth: stored once, counted down as they are settled. */
export type SharedBody = { readonly messageId: string; readonly references: number; readonly sealed: Buffer };

/**
 * A message that bears a control field, as it is remembered (design 5.14): `field` stands for line, ORI, control field and key, `body` for
 * the body; both are keyed hashes. `isKnown`: its like was found before, so it is remembered without being looked up.
 */
export type Resendable = {
  readonly station: string;
  readonly field: string;
  readonly body: string;
  readonly messageId: string;
  readonly isKnown: boolean;
};

export type AcceptBatch = {
  readonly page: AppendPage;
  readonly lanes: readonly LaneEntries[];
  readonly bodies: readonly SharedBody[];
  readonly resendables: readonly Resendable[];
};

/** What Redis said when a batch became durable. `notRemembered`: control fields past a station's limit. */
export type AcceptReceipt = {
  readonly atMs: number;
  readonly usedMemory: number;
  readonly maxMemory: number;
  readonly notRemembered: number;
};

/** What an earlier message with the same control field was, within the window. */
export type Resend = { readonly messageId: string; readonly isSameBody: boolean };

/** What stood in the way of a batch; nothing of it was stored. */
export type Obstacles = {
  readonly fullLanes: ReadonlySet<string>;
  /** By `Resendable.field`. */
  readonly resends: ReadonlyMap<string, Resend>;
};

export type AcceptLimits = {
  readonly batchMessagesMax: number;
  readonly batchBytesMax: number;
  readonly laneMessagesMax: number;
  readonly laneBytesMax: number;
  readonly laneHoldMs: number;
  readonly auditPagesMax: number;
  readonly auditBytesMax: number;
  readonly recorderSilenceMsMax: number;
  readonly resendWindowMs: number;
  readonly resendsPerStationMax: number;
};
