import type { PriorityClass } from '../message/delivery.ts';

/**
 * Names of the keys of one slot. All share a hash tag, so one script may touch them all (design 5.4).
 * A key name holds ids and lane names only: never a field's value, never an ORI with a subject.
 */
export type SlotKeys = {
  readonly slot: string;
  readonly audit: string;
  readonly auditMeta: string;
  readonly ready: string;
  readonly lanes: string;
  readonly due: string;
  readonly dead: string;
  /** Doorbells by who answers: couriers for topic lanes, gateways for station lanes. */
  readonly bells: { readonly courier: string; readonly gateway: string };
  writer(writer: string): string;
  instance(instance: string): string;
  /** One stream a lane and class; the entry id is `<laneSeq>-0`. */
  lane(lane: string, priorityClass: PriorityClass): string;
  laneMeta(lane: string): string;
  /** A body that several deliveries share, with its count of references. */
  body(messageId: string): string;
  /** What a station sent with a control field, in one span of time. */
  resends(station: string, span: number): string;
  /** What came back from the bus in one span of time, and whose sender was told. */
  returned(span: number): string;
  /** How far a topic's messages were seen to arrive. */
  sampled(topic: string): string;
};

export type Bell = keyof SlotKeys['bells'];

export const slotKeys = (slot: string): SlotKeys => ({
  slot,
  audit: `{${slot}}:audit`,
  auditMeta: `{${slot}}:audit:m`,
  ready: `{${slot}}:ready`,
  lanes: `{${slot}}:lanes`,
  due: `{${slot}}:due`,
  dead: `{${slot}}:dead`,
  bells: { courier: `{${slot}}:bell:courier`, gateway: `{${slot}}:bell:gateway` },
  writer: (writer) => `{${slot}}:w:${writer}`,
  instance: (instance) => `{${slot}}:instance:${instance}`,
  lane: (lane, priorityClass) => `{${slot}}:lane:${lane}:${String(priorityClass)}`,
  laneMeta: (lane) => `{${slot}}:lane:${lane}:m`,
  body: (messageId) => `{${slot}}:body:${messageId}`,
  resends: (station, span) => `{${slot}}:resends:${station}:${String(span)}`,
  returned: (span) => `{${slot}}:returned:${String(span)}`,
  sampled: (topic) => `{${slot}}:sampled:${topic}`,
});
