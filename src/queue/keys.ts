/**
 * Names of the keys of one slot. All share a hash tag, so one script may touch them all (design 5.4).
 * A key name holds ids and lane names only: never a field's value, never an ORI with a subject.
 */
export type SlotKeys = {
  readonly slot: string;
  readonly audit: string;
  readonly auditMeta: string;
  readonly ready: string;
  readonly bell: string;
  readonly dead: string;
  writer(writer: string): string;
  instance(instance: string): string;
  lane(lane: string): string;
  laneMeta(lane: string): string;
};

export const slotKeys = (slot: string): SlotKeys => ({
  slot,
  audit: `{${slot}}:audit`,
  auditMeta: `{${slot}}:audit:m`,
  ready: `{${slot}}:ready`,
  bell: `{${slot}}:bell:courier`,
  dead: `{${slot}}:dead`,
  writer: (writer) => `{${slot}}:w:${writer}`,
  instance: (instance) => `{${slot}}:instance:${instance}`,
  lane: (lane) => `{${slot}}:lane:${lane}`,
  laneMeta: (lane) => `{${slot}}:lane:${lane}:m`,
});
