import assert from 'node:assert/strict';
import type { AuditRecord } from '../../src/audit/records.ts';
import { deliverRecord } from '../../src/audit/audit-samples.ts';
import type { Settlement } from '../../src/queue/settle-call.ts';
import { bodiesOf, LaneCommand, type LaneName, listOf, noticesOf } from './lane-command.ts';
import {
  classes,
  type LaneModel,
  type ModelClass,
  type ModelEntry,
  type NewModelEntry,
  type Outcome,
} from './lane-model.ts';
import { bytesOf, type LaneSlot } from './lane-slot.ts';

/** A command on a lane that somebody owns. */
abstract class OwnerCommand extends LaneCommand {
  protected readonly lane: LaneName;

  constructor(lane: LaneName) {
    super();
    this.lane = lane;
  }

  override check(model: Readonly<LaneModel>): boolean {
    return model.lane(this.lane).isOwned;
  }
}

export type Counts = readonly [number, number];

export class Settle extends OwnerCommand {
  readonly says: string;
  readonly #done: Counts;
  readonly #takes: Counts;
  readonly #outcomes: readonly Outcome[];
  readonly #isResent: boolean;

  constructor(lane: LaneName, done: Counts, takes: Counts, outcomes: readonly Outcome[], isResent: boolean) {
    super(lane);
    this.#done = done;
    this.#takes = takes;
    this.#outcomes = outcomes;
    this.#isResent = isResent;
    this.says = JSON.stringify({ lane, done, takes, outcomes, isResent });
  }

  async do(model: LaneModel, slot: LaneSlot): Promise<void> {
    const lane = model.lane(this.lane);
    const done = classes.flatMap((one, at) => lane.classes[one].hand.slice(0, this.#done[at]));
    const fates = done.map((entry, at) => ({
      entry,
      outcome: this.#outcomes[at % this.#outcomes.length] ?? 'delivered',
    }));
    const told = noticesOf(
      model,
      fates.flatMap(({ entry, outcome }) => (outcome === 'dead' || outcome === 'expired' ? [entry] : [])),
    );
    const settlement = this.#settlement(model, fates, told);
    const takes = classes.map((one, at) => ({
      priorityClass: one,
      after: lane.classes[one].cursor,
      count: this.#takes[at] ?? 0,
    }));
    if (this.#isResent) slot.loseReply();
    const { taken } = await slot.lanes.turn(slot.ownedOf(this.lane), settlement, takes);
    model.settle(fates);
    model.add(told.entries);
    const expected = takes.flatMap(({ priorityClass, count }) => model.take(this.lane, priorityClass, count));
    assert.deepEqual(
      taken.map(({ priorityClass, seq, isDue, entry }) => [priorityClass, seq, isDue, entry.toString()]),
      expected.map((entry) => [entry.priorityClass, entry.seq, entry.isDue, bytesOf(entry).toString()]),
    );
  }

  #settlement(
    model: LaneModel,
    fates: readonly { readonly entry: ModelEntry; readonly outcome: Outcome }[],
    told: { readonly entries: readonly NewModelEntry[]; readonly records: readonly AuditRecord[] },
  ): Settlement<AuditRecord> | undefined {
    if (fates.length === 0) return undefined;
    const parts = Map.groupBy(fates, ({ entry }) => entry.priorityClass);
    const settledClasses = [...parts].map(([priorityClass, part]) => {
      const upTo = part.at(-1)?.entry.seq ?? 0;
      const count = (wanted: Outcome) => part.filter(({ outcome }) => outcome === wanted).length;
      return {
        priorityClass,
        upTo,
        delivered: count('delivered'),
        sentUnconfirmed: count('sentUnconfirmed'),
        expired: count('expired'),
        gone: model.lane(this.lane).classes[priorityClass].gone.filter((seq) => seq < upTo).length,
        dead: part.flatMap(({ entry: { seq }, outcome }) =>
          outcome === 'dead' ? [{ seq, code: 'DELIVER_MESSAGE' }] : [],
        ),
        due: part.flatMap(({ entry: { seq, isDue } }) => (isDue ? [seq] : [])),
      };
    });
    const records = fates.map(({ entry, outcome }) =>
      deliverRecord(entry.id, entry.seq, outcome, entry.lane),
    );
    return {
      classes: settledClasses,
      bytes: fates.reduce((sum, { entry }) => sum + bytesOf(entry).length, 0),
      bodies: bodiesOf(fates.flatMap(({ entry, outcome }) => (outcome === 'dead' ? [] : [entry]))),
      notices: listOf(told.entries),
      records: [...records, ...told.records],
    };
  }
}

/** Nothing could be sent: the owner will take the same entries again. */
export class Fail extends OwnerCommand {
  get says(): string {
    return this.lane;
  }

  do(model: LaneModel, slot: LaneSlot): Promise<void> {
    model.forget(this.lane);
    return slot.lanes.keep(slot.ownedOf(this.lane));
  }
}

/** The owner is gone with all it knew, and its lease has run out. */
export class Crash extends OwnerCommand {
  get says(): string {
    return this.lane;
  }

  async do(model: LaneModel, slot: LaneSlot): Promise<void> {
    assert.ok('heldForMs' in (await slot.lanes.claim(this.lane)), 'a live owner keeps its lane');
    await slot.redis.hset(slot.keys.laneMeta(this.lane), 'until', 1);
    model.lane(this.lane).isOwned = false;
    model.lane(this.lane).hasLapsed = true;
  }
}

/** The owner was only slow, and nobody claimed its lane: it goes on with what is in its hands, unless a sweep took of that. */
export class Revive extends LaneCommand {
  readonly says: LaneName;

  constructor(lane: LaneName) {
    super();
    this.says = lane;
  }

  override check(model: Readonly<LaneModel>): boolean {
    return model.lane(this.says).hasLapsed;
  }

  async do(model: LaneModel, slot: LaneSlot): Promise<void> {
    const lane = model.lane(this.says);
    const owned = slot.ownedOf(this.says);
    if (owned.token !== lane.token) {
      await assert.rejects(slot.lanes.turn(owned, undefined, []), { code: 'FENCED' });
      await assert.rejects(slot.lanes.keep(owned), { code: 'FENCED' });
      return;
    }
    await slot.lanes.keep(owned);
    lane.isOwned = true;
    lane.hasLapsed = false;
  }
}

/** Another becomes the owner; the former one, wherever it is, can do no more. */
export class TakeOver extends LaneCommand {
  readonly says: LaneName;

  constructor(lane: LaneName) {
    super();
    this.says = lane;
  }

  async do(model: LaneModel, slot: LaneSlot): Promise<void> {
    const lane = this.says;
    await slot.redis.hset(slot.keys.laneMeta(lane), 'until', 1);
    const before = slot.owned.get(lane);
    const claimed = await slot.lanes.claim(lane);
    assert.ok('token' in claimed);
    model.claim(lane);
    assert.equal(claimed.token, model.lane(lane).token);
    for (const one of classes) {
      const { settled, handed } = model.lane(lane).classes[one];
      assert.deepEqual(claimed.classes[one], { settled, handedBefore: handed });
    }
    slot.owned.set(lane, claimed);
    if (before === undefined) return;
    const takes = classes.map((priorityClass) => ({ priorityClass, after: 0, count: 9 }));
    await assert.rejects(slot.lanes.turn(before, undefined, takes), { code: 'FENCED' });
    await assert.rejects(slot.lanes.release(before, new Map()), { code: 'FENCED' });
  }
}

/** The owner gives the lane back; of what it took, only so many of each class may have reached somebody. */
export class Release extends OwnerCommand {
  readonly says: string;
  readonly #sent: Counts;

  constructor(lane: LaneName, sent: Counts) {
    super(lane);
    this.#sent = sent;
    this.says = JSON.stringify({ lane, sent });
  }

  async do(model: LaneModel, slot: LaneSlot): Promise<void> {
    const lane = model.lane(this.lane);
    const sentUpTo = new Map<ModelClass, number>();
    for (const [at, one] of classes.entries()) {
      const of = lane.classes[one];
      const sent = of.settled + (this.#sent[at] ?? 0);
      sentUpTo.set(one, sent);
      of.handed = Math.min(of.handed, sent);
    }
    await slot.lanes.release(slot.ownedOf(this.lane), sentUpTo);
    lane.isOwned = false;
  }
}
