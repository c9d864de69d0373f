/** The lanes of this road: one Service Bus topic each (design: few topics, rich properties). */
export const topicNames = ['point-to-point', 'broadcast'] as const;
export type TopicName = (typeof topicNames)[number];

/**
 * Priority classes, 0 highest (domain sheet section 11): 0 link and status, 1 officer safety, 2 queries, 3 records, 4 administrative,
 * 5 bulletins, 6 batch.
 */
export type PriorityClass = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/**
 * Where one copy of a message goes, decided by `route`.
 *
 * Point to point: `destination` is an ORI or a state code, `groups` is empty.
 * Broadcast: one plan for all groups; `destination` is empty, `groups` holds every group, state and region code,
 * expanded, without repeats, in the order written.
 * `recipients` are the key owners (agency or group ids) the body is sealed to on the bus.
 */
export type DeliveryPlan = {
  readonly topic: TopicName;
  readonly destination: string;
  readonly groups: readonly string[];
  readonly recipients: readonly string[];
};

/**
 * One copy of a message for one lane: what is stored beside its sealed body. Ids, codes and routing only; nothing of the body.
 * `generation` stays through automatic retries and rises with redrive, resend and divert, which also set `resentOf`.
 */
export type Delivery = {
  readonly deliveryId: string;
  readonly generation: number;
  readonly messageId: string;
  readonly messageKey: string;
  readonly priorityClass: PriorityClass;
  readonly originatingOri: string;
  readonly destination: string;
  readonly groups: readonly string[];
  readonly recipients: readonly string[];
  /** Agency of the sending line: part of what the body's seal binds. */
  readonly agency: string;
  readonly dialect: string;
  readonly receivedAtMs: number;
  readonly directoryVersion: string;
  readonly isTest: boolean;
  readonly traceparent: string;
  readonly user: string;
  readonly terminal: string;
  readonly incident: string;
  readonly resentOf: string;
};
