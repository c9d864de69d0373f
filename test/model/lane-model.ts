import type { LaneName, PriorityClass } from '../../src/message/delivery.ts';

/** What lanes must hold after anything that happened to them, kept as plain lists; it knows nothing of streams and scripts. */
export const laneNames = [
  'point-to-point',
  'broadcast',
  'station.zz01',
] as const satisfies readonly LaneName[];
export const classes = [1, 4] as const satisfies readonly PriorityClass[];
export type ModelClass = (typeof classes)[number];
export type Outcome = 'delivered' | 'sentUnconfirmed' | 'dead' | 'expired';

export type NewModelEntry = {
  readonly id: string;
  readonly lane: LaneName;
  readonly priorityClass: ModelClass;
  /** Its deadline passes at once; else it never does in a test's time. */
  readonly isShort: boolean;
  /** The deadline is its own. */
  readonly isDue: boolean;
  /** Message id of a shared body, or empty. */
  readonly body: string;
};
export type ModelEntry = NewModelEntry & { readonly seq: number };

export class ClassModel {
  entries: ModelEntry[] = [];
  next = 1;
  settled = 0;
  handed = 0;
  /** Numbers above `settled` whose entries a sweep took off. */
  gone: number[] = [];
  /** Last number the owner took. */
  cursor = 0;

  /** In the owner's hands, in order. */
  get hand(): readonly ModelEntry[] {
    return this.entries.filter(({ seq }) => seq <= this.cursor);
  }
}

export class LaneState {
  readonly counts = { in: 0, delivered: 0, sentUnconfirmed: 0, dead: 0, expired: 0, divertedOut: 0 };
  readonly classes: Readonly<Record<ModelClass, ClassModel>> = { 1: new ClassModel(), 4: new ClassModel() };
  isOwned = false;
  /** Its owner's lease ran out, and nobody has claimed it since. */
  hasLapsed = false;
  token = 0;

  get entries(): readonly ModelEntry[] {
    return classes.flatMap((one) => this.classes[one].entries);
  }
}

export class LaneModel {
  readonly lanes: ReadonlyMap<LaneName, LaneState> = new Map(
    laneNames.map((name) => [name, new LaneState()]),
  );
  readonly bodies = new Map<string, number>();
  readonly rings = { courier: 0, gateway: 0 };
  dead: ModelEntry[] = [];
  #ids = 0;

  lane(name: LaneName): LaneState {
    const lane = this.lanes.get(name);
    if (lane === undefined) throw new Error(`no lane ${name}`);
    return lane;
  }

  of({ lane, priorityClass }: NewModelEntry): ClassModel {
    return this.lane(lane).classes[priorityClass];
  }

  freshId(): string {
    this.#ids += 1;
    return `d${String(this.#ids)}`;
  }

  /** Entries of one step: numbered in order; each class they come to rings when its owner had everything that is left. */
  add(entries: readonly NewModelEntry[]): void {
    const groups = Map.groupBy(entries, ({ lane, priorityClass }) => `${lane} ${String(priorityClass)}`);
    for (const group of groups.values()) {
      for (const [at, entry] of group.entries()) {
        const to = this.of(entry);
        if (at === 0) this.#ring(entry.lane, to);
        to.entries.push({ ...entry, seq: to.next });
        to.next += 1;
        this.lane(entry.lane).counts.in += 1;
      }
    }
  }

  /** Rings are for who must hear of it: nothing waits there that the owner was not given. */
  #ring(lane: LaneName, { entries, handed }: ClassModel): void {
    if (entries.some(({ seq }) => seq > handed)) return;
    this.rings[lane.startsWith('station.') ? 'gateway' : 'courier'] += 1;
  }

  take(name: LaneName, priorityClass: ModelClass, count: number): readonly ModelEntry[] {
    const from = this.lane(name).classes[priorityClass];
    const taken = from.entries.filter(({ seq }) => seq > from.cursor).slice(0, count);
    from.cursor = taken.at(-1)?.seq ?? from.cursor;
    from.handed = Math.max(from.handed, from.cursor);
    return taken;
  }

  /** The owner is done with these, the first of their class. */
  settle(done: readonly { readonly entry: ModelEntry; readonly outcome: Outcome }[]): void {
    for (const { entry, outcome } of done) {
      const of = this.of(entry);
      of.entries.shift();
      of.settled = entry.seq;
      of.gone = of.gone.filter((seq) => seq > entry.seq);
      this.lane(entry.lane).counts[outcome] += 1;
      if (outcome === 'dead') this.dead.push(entry);
      else this.#lower(entry.body);
    }
  }

  /** A sweep took these. Where an owner was given one, it can do no more, should it only have been slow. */
  expire(entries: readonly ModelEntry[]): void {
    const fenced = new Set(entries.filter((entry) => this.wasHanded(entry)).map(({ lane }) => lane));
    for (const name of fenced) this.lane(name).token += 1;
    for (const entry of entries) {
      const of = this.of(entry);
      of.entries = of.entries.filter(({ seq }) => seq !== entry.seq);
      of.gone.push(entry.seq);
      this.lane(entry.lane).counts.expired += 1;
      this.#lower(entry.body);
    }
  }

  wasHanded(entry: ModelEntry): boolean {
    return entry.seq <= this.of(entry).handed;
  }

  #lower(body: string): void {
    if (body === '') return;
    const left = (this.bodies.get(body) ?? 0) - 1;
    if (left > 0) this.bodies.set(body, left);
    else this.bodies.delete(body);
  }

  claim(name: LaneName): void {
    const lane = this.lane(name);
    lane.isOwned = true;
    lane.hasLapsed = false;
    lane.token += 1;
    this.forget(name);
  }

  /** Nothing is in the owner's hands any more; it begins again behind what is settled. */
  forget(name: LaneName): void {
    for (const one of classes) {
      const of = this.lane(name).classes[one];
      of.cursor = of.settled;
    }
  }
}
