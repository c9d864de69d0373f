import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { acceptRecord, deliverRecord } from '../../src/audit/audit-samples.ts';
import { acceptScript } from '../../src/queue/accept-script.ts';
import { evaluate, limits, openAcceptCall } from '../../src/queue/slot-under-test.ts';
import { bodiesOf, LaneCommand, type LaneName, listOf, noticesOf, ran, SHORT_MS } from './lane-command.ts';
import { classes, type LaneModel, type ModelClass, type ModelEntry } from './lane-model.ts';
import { bytesOf, type LaneSlot } from './lane-slot.ts';
import { Crash } from './owner-commands.ts';

export type Offered = {
  readonly lane: LaneName;
  readonly priorityClass: ModelClass;
  readonly deadline: 'none' | 'short' | 'long';
  readonly body: number;
};

export class Accept extends LaneCommand {
  readonly says: string;
  readonly #offered: readonly Offered[];
  readonly #isHoldShort: boolean;
  readonly #isResent: boolean;

  constructor(offered: readonly Offered[], isHoldShort: boolean, isResent: boolean) {
    super();
    this.#offered = offered;
    this.#isHoldShort = isHoldShort;
    this.#isResent = isResent;
    this.says = JSON.stringify({ offered, isHoldShort, isResent });
  }

  async do(model: LaneModel, slot: LaneSlot): Promise<void> {
    const call = model.freshId();
    const entries = this.#offered.map(({ lane, priorityClass, deadline, body }) => ({
      id: model.freshId(),
      lane,
      priorityClass,
      isShort: this.#isHoldShort || deadline === 'short',
      isDue: !this.#isHoldShort && deadline !== 'none',
      body: body === 0 ? '' : `${call}-${String(body)}`,
    }));
    const shared = Map.groupBy(entries, ({ body }) => body);
    shared.delete('');
    const bodies = [...shared].map(([messageId, { length }]) => ({
      messageId,
      references: length,
      sealed: Buffer.from(messageId),
    }));
    const lanes = entries.map(({ lane }) => lane);
    const page = slot.gateway.build([acceptRecord(call, lanes)], Buffer.alloc(0), Date.now());
    const bounds = this.#isHoldShort ? { ...limits, laneHoldMs: SHORT_MS } : limits;
    const batch = { page, lanes: listOf(entries, this.#isHoldShort), bodies };
    const accept = openAcceptCall(slot.keys, 'gate', batch, bounds);
    assert.equal((await evaluate(slot.redis, acceptScript, accept))[0], 'OK');
    if (this.#isResent) assert.equal((await evaluate(slot.redis, acceptScript, accept))[0], 'STORED');
    slot.gateway.commit(page);
    for (const { messageId, references } of bodies) model.bodies.set(messageId, references);
    model.add(entries);
  }
}

/** Counted among the commands: sweeps that took what an owner that is gone had been given. */
export const SWEPT = 'Expire of handed ones';

/** A sweep: of what is past its own deadline, or the lane's; what a live owner was given stays. */
export class Expire extends LaneCommand {
  readonly says: string;
  readonly #by: 'deadline' | 'hold' | 'handed';
  readonly #lapsing: LaneName | undefined;
  readonly #isResent: boolean;

  /** `lapsing`: the lease of this lane's owner runs out before. */
  constructor(by: 'deadline' | 'hold' | 'handed', lapsing: LaneName | undefined, isResent: boolean) {
    super();
    this.#by = by;
    this.#lapsing = lapsing;
    this.#isResent = isResent;
    this.says = JSON.stringify({ by, lapsing, isResent });
  }

  async do(model: LaneModel, slot: LaneSlot): Promise<void> {
    await sleep(SHORT_MS + 2);
    if (this.#lapsing !== undefined && model.lane(this.#lapsing).isOwned)
      await new Crash(this.#lapsing).do(model, slot);
    if (this.#by === 'handed') return this.#handed(model, slot);
    const free = [...model.lanes.values()].flatMap(({ isOwned, classes: of }) =>
      classes.map((one) => of[one].entries.filter(({ seq }) => !isOwned || seq > of[one].handed)),
    );
    const expected = free.flatMap((entries) => {
      if (this.#by === 'deadline') return entries.filter(({ isDue, isShort }) => isDue && isShort);
      const end = entries.findIndex(({ isShort }) => !isShort);
      return end < 0 ? entries : entries.slice(0, end);
    });
    const found = this.#by === 'deadline' ? await slot.overdue.byDeadline() : await slot.overdue.byHold();
    assert.deepEqual(
      found.map(({ entry, wasHanded }) => `${entry.toString()} ${String(wasHanded)}`).toSorted(),
      expected.map((entry) => `${bytesOf(entry).toString()} ${String(model.wasHanded(entry))}`).toSorted(),
    );
    if (expected.some((entry) => model.wasHanded(entry))) ran.set(SWEPT, (ran.get(SWEPT) ?? 0) + 1);
    if (expected.length > 0) assert.ok(await this.#expire(model, slot, expected));
  }

  /** What a live owner was given is the owner's to judge. */
  async #handed(model: LaneModel, slot: LaneSlot): Promise<void> {
    for (const lane of model.lanes.values()) {
      if (!lane.isOwned) continue;
      const past = classes.flatMap((one) => {
        const { entries, handed } = lane.classes[one];
        return entries.filter(({ seq, isShort }) => isShort && seq <= handed);
      });
      if (past.length > 0) assert.equal(await this.#expire(model, slot, past), false);
    }
  }

  async #expire(model: LaneModel, slot: LaneSlot, entries: readonly ModelEntry[]): Promise<boolean> {
    const told = noticesOf(model, entries);
    const overdue = entries.map((entry) => ({
      ...entry,
      entry: bytesOf(entry),
      wasHanded: model.wasHanded(entry),
    }));
    const records = entries.map(({ id, seq, lane }) => deliverRecord(id, seq, 'expired', lane));
    if (this.#isResent) slot.loseReply();
    const isDone = await slot.overdue.expire(slot.lanes, overdue, {
      records: [...records, ...told.records],
      bodies: bodiesOf(entries),
      notices: listOf(told.entries),
    });
    if (!isDone) return false;
    model.expire(entries);
    model.add(told.entries);
    return true;
  }
}

/** Dead letters go back on their lanes; what is no longer dead does not. */
export class Redrive extends LaneCommand {
  readonly says: string;
  readonly #count: number;
  readonly #isResent: boolean;

  constructor(count: number, isResent: boolean) {
    super();
    this.#count = count;
    this.#isResent = isResent;
    this.says = JSON.stringify({ count, isResent });
  }

  override check(model: Readonly<LaneModel>): boolean {
    return model.dead.length > 0;
  }

  async do(model: LaneModel, slot: LaneSlot): Promise<void> {
    const letters = await slot.deadLetters.read('0-0', this.#count);
    const back = model.dead
      .splice(0, letters.length)
      .map((entry) => ({ ...entry, isShort: false, isDue: false }));
    const records = back.map(({ id, lane, priorityClass }) => ({
      e: 'redrive' as const,
      d: id,
      lane,
      cls: priorityClass,
      generation: 2,
      mid: `${id}.1`,
      by: 'operator',
      t: 0,
    }));
    if (this.#isResent) slot.loseReply();
    assert.ok(await slot.deadLetters.redrive(slot.lanes, letters, listOf(back), records));
    model.add(back);
    assert.equal(await slot.deadLetters.redrive(slot.lanes, letters, listOf(back), records), false);
  }
}
