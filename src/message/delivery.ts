/** Service Bus topics, one lane each (design: few topics, rich properties). */
export const topicNames = ['point-to-point', 'broadcast'] as const;
export type TopicName = (typeof topicNames)[number];

/** A lane's name: a topic's, or `station.<id>` for what goes out on a station's own line. Never holds a field's value. */
export type LaneName = TopicName | `station.${string}`;
export const stationLane = (station: string): LaneName => `station.${station}`;
export const isStationLane = (lane: string): boolean => lane.startsWith('station.');

/**
 * Priority classes, 0 highest (domain sheet section 11): 0 link and status, 1 officer safety, 2 queries, 3 records, 4 administrative,
 * 5 bulletins, 6 batch.
 */
export type PriorityClass = 0 | 1 | 2 | 3 | 4 | 5 | 6;
export const priorityClasses = [0, 1, 2, 3, 4, 5, 6] as const satisfies readonly PriorityClass[];

/**
 * Where one copy of a message goes, decided by `route`.
 *
 * Point to point: `destination` is an ORI or a state code, `groups` is empty.
 * Broadcast: one plan for all groups; `destination` is empty, `groups` holds every group, state and region code,
 * expanded, without repeats, in the order written.
 * Station: one plan a station; `destination` or `groups` as above, of what reached that station.
 * `recipients` are the key owners (agency or group ids) the body is sealed to on the bus.
 */
export type DeliveryPlan = {
  readonly lane: LaneName;
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
  /** Agency and station of the sending line. The body's seal binds the agency; the station is who hears of a delivery that failed. */
  readonly agency: string;
  readonly station: string;
  readonly dialect: string;
  readonly receivedAtMs: number;
  /** The sending line's input count, five digits at most (domain sheet 3.2). */
  readonly receivedCount: number;
  readonly directoryVersion: string;
  readonly isTest: boolean;
  readonly traceparent: string;
  readonly user: string;
  readonly terminal: string;
  readonly incident: string;
  readonly resentOf: string;
  /** The body is a finished text of the switch's own (a sender is told what became of its message), not a frame that was received. */
  readonly isNotice: boolean;
};
