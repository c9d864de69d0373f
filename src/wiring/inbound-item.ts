import type { AuditRecord } from '../audit/records.ts';
import type { DeliveryPlan, PriorityClass } from '../message/delivery.ts';
import type { Message } from '../message/message.ts';
import type { Refusal } from '../message/refusal.ts';
import type { Conversation } from './conversation.ts';
import type { SessionStep } from './session-step.ts';

/** One frame on its way to being durable: accepted with its deliveries, or refused with its reasons. Both are audited. */
export type FrameItem = {
  readonly kind: 'frame';
  readonly from: Conversation;
  readonly bytes: Buffer;
  /** As far as it could be read. */
  readonly message: Message | undefined;
  readonly priorityClass: PriorityClass;
  readonly plans: readonly DeliveryPlan[];
  readonly receivedAtMs: number;
  readonly startedAt: number;
  /** Room → µs since the frame was cut. */
  readonly stamps: Readonly<Record<string, number>>;
  /** Not empty: the frame is refused. Set while the batch is built when a lane or memory is full. */
  refusals: readonly Refusal[];
  readonly isFramingFault: boolean;
  /** Above the line's rate for this code: answered and counted, not recorded singly. */
  readonly isCounted: boolean;
  /** Given when the batch is built; final once it is durable. */
  messageId: string;
  /** The line's input count this frame was. */
  receivedCount: number;
  /** Set while the batch is built: the same message came before, as this id, and goes no further. */
  duplicateOf: string;
  /** A log-on or log-off that its rooms let pass: it goes no further, whatever its control field. */
  readonly session?: SessionStep;
  /** It may hold a password: its bytes are blanked, and its answer is the one a log-on has. */
  readonly isHidden?: boolean;
};

/** A record that stands for itself: a session opened, a chain closed. */
export type RecordItem = { readonly kind: 'record'; readonly record: AuditRecord };

export type InboundItem = FrameItem | RecordItem;
