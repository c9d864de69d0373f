import type { Dialect } from '../dialect/dialect.ts';
import type { Directory, Line } from '../directory/directory.ts';
import type { DeliveryPlan } from '../message/delivery.ts';
import type { Message } from '../message/message.ts';
import type { Refusal } from '../message/refusal.ts';
import type { Reach } from '../topology/reach.ts';

/** What bytes are read as. Without a line nobody asks what it may send; without a directory, where a message would go. */
export type DryPlace = {
  readonly dialect: Dialect;
  readonly line?: Line | undefined;
  readonly directory?: Directory | undefined;
  readonly reach?: Reach | undefined;
  /** Of the stations' lines, by name. Without them nobody asks whether a station can read all of a message. */
  readonly dialects?: ReadonlyMap<string, Dialect> | undefined;
};

/** What the pure rooms make of one frame. */
export type DryFrame = {
  readonly kind: 'frame';
  readonly bytes: Buffer;
  /** Undefined where it could not be read. */
  readonly message: Message | undefined;
  /** What its sender is told: of the first room that refuses it. Empty: it passes. */
  readonly refusals: readonly Refusal[];
  /** What the rooms behind that one would find, once it is mended. */
  readonly hidden: readonly Refusal[];
  readonly plans: readonly DeliveryPlan[];
};

/** `end`: how many bytes had been read when this was known. */
export type DryEvent = { readonly end: number } & (
  | DryFrame
  | { readonly kind: 'fault'; readonly refusal: Refusal; readonly isLast: boolean }
  | { readonly kind: 'control'; readonly byte: string }
);

/** The pure part of the road over bytes of a file; wiring has it. */
export type DryRun = (bytes: Buffer, place: DryPlace) => readonly DryEvent[];
