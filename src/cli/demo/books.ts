/** What a sender learned of a message. `unknown`: its line ended without an answer, so it may have been accepted. */
export type Outcome = 'accepted' | 'refused' | 'unknown';

/** What senders were told beside what receivers got. Counts of copies unless said otherwise. */
export type Account = {
  /** Messages. */
  readonly sent: number;
  readonly accepted: number;
  readonly refused: number;
  readonly unknown: number;
  /** Copies that the acknowledgements promised. */
  readonly owed: number;
  readonly delivered: number;
  /** Copies marked as a possible repeat, and those of them that were one. */
  readonly marked: number;
  readonly repeats: number;
  /** Promised, not there, and no notice says so: under way, or lost. */
  readonly missing: number;
  /** Notices to senders that a copy was not delivered, or that nobody knows; each excuses one copy that is not there. */
  readonly noted: number;
  /** Questions whose answer came: a message of its own, promised by nobody. */
  readonly answered: number;
  /** Came again and did not say so. */
  readonly unmarkedDuplicates: number;
  /** Came where it was not addressed to, or was never sent, or although it was refused. */
  readonly strangers: number;
};

type Entry = {
  readonly places: readonly string[];
  readonly answersAt: string | undefined;
  readonly sentAtMs: number;
  /** Place to when its first copy came. */
  readonly came: Map<string, number>;
  outcome: Outcome | undefined;
  toldAtMs: number;
  noted: number;
  hasAnswer: boolean;
};

/** One broadcast as its receivers saw it. Times in ms after it was sent. */
export type Audience = {
  readonly places: number;
  readonly came: number;
  readonly lastAfterMs: number;
};

const ENTRIES_MAX = 50_000;

/**
 * The books of the demo's far side: kept from the senders' answers and the receivers' copies alone, by control field and place. The
 * switch's ids and counters play no part. Bounded: past 50,000 messages the oldest that is done with is struck out, and when so many are
 * still to come the books are full: nothing more may be sent.
 */
export class Books {
  readonly #entriesMax: number;
  /** Copies or the sender's answer are still to come. */
  readonly #open = new Map<string, Entry>();
  readonly #done = new Map<string, Entry>();
  readonly #counts = {
    ...{ sent: 0, accepted: 0, refused: 0, unknown: 0, owed: 0, delivered: 0, marked: 0 },
    ...{ repeats: 0, missing: 0, noted: 0, answered: 0, unmarkedDuplicates: 0, strangers: 0 },
  };

  constructor(entriesMax = ENTRIES_MAX) {
    this.#entriesMax = entriesMax;
  }

  /** `places` must each get one copy if the message is accepted; at `answersAt` an answer with its control field may come. */
  sending(control: string, places: readonly string[], atMs: number, answersAt?: string): void {
    if (this.#open.size + this.#done.size >= this.#entriesMax) this.#strikeOut();
    this.#counts.sent += 1;
    this.#open.set(control, {
      ...{ places, answersAt, sentAtMs: atMs, came: new Map<string, number>() },
      ...{ outcome: undefined, toldAtMs: 0, noted: 0, hasAnswer: false },
    });
  }

  told(control: string, outcome: Outcome, atMs: number): void {
    const entry = this.#find(control);
    if (entry?.outcome !== undefined) return;
    this.#counts[outcome] += 1;
    if (entry === undefined) return;
    this.#change(control, entry, () => {
      entry.outcome = outcome;
      entry.toldAtMs = atMs;
    });
    if (outcome === 'refused') this.#counts.strangers += entry.came.size;
    if (outcome !== 'accepted') return;
    this.#counts.owed += entry.places.length;
    // A copy may be there before its acknowledgement is read.
    this.#counts.delivered += entry.came.size;
  }

  got(control: string, place: string, isMarked: boolean, atMs: number): void {
    const entry = this.#find(control);
    if (isMarked) this.#counts.marked += 1;
    if (entry !== undefined && place === entry.answersAt) {
      this.#answered(entry);
      return;
    }
    if (entry === undefined || !entry.places.includes(place) || entry.outcome === 'refused') {
      this.#counts.strangers += 1;
    } else if (entry.came.has(place)) {
      this.#counts[isMarked ? 'repeats' : 'unmarkedDuplicates'] += 1;
    } else {
      this.#change(control, entry, () => entry.came.set(place, atMs));
      if (entry.outcome === 'accepted') this.#counts.delivered += 1;
    }
  }

  /** The sender was told that a copy was not delivered, or that nobody knows. It excuses one copy that is not there. */
  noted(control: string): void {
    const entry = this.#find(control);
    this.#counts[entry === undefined ? 'strangers' : 'noted'] += 1;
    if (entry !== undefined) this.#change(control, entry, () => (entry.noted += 1));
  }

  get account(): Account {
    return { ...this.#counts };
  }

  /** Messages whose sender still waits for an answer. */
  get answersDue(): number {
    const { sent, accepted, refused, unknown } = this.#counts;
    return sent - accepted - refused - unknown;
  }

  /** So much is still to come that nothing more may be sent. */
  get isFull(): boolean {
    return this.#open.size >= this.#entriesMax;
  }

  audience(control: string): Audience {
    const entry = this.#find(control);
    if (entry === undefined || entry.came.size === 0)
      return { places: entry?.places.length ?? 0, came: 0, lastAfterMs: 0 };
    const lastAfterMs = Math.max(...entry.came.values()) - entry.sentAtMs;
    return { places: entry.places.length, came: entry.came.size, lastAfterMs };
  }

  /** Undefined while its sender waits, and for one struck out. */
  outcomeOf(control: string): Outcome | undefined {
    return this.#find(control)?.outcome;
  }

  /** A copy for the place is still to come. */
  isAwaited(control: string, place: string): boolean {
    const entry = this.#find(control);
    return entry !== undefined && entry.places.includes(place) && !entry.came.has(place);
  }

  /** Messages accepted before `control` was sent that reached the place only after it did, or not yet. */
  overtaken(control: string, place: string): number {
    const urgent = this.#find(control);
    const cameAtMs = urgent?.came.get(place) ?? Number.POSITIVE_INFINITY;
    let count = 0;
    for (const { places, outcome, toldAtMs, came } of [...this.#open.values(), ...this.#done.values()]) {
      if (urgent === undefined || outcome !== 'accepted' || toldAtMs > urgent.sentAtMs) continue;
      if (places.includes(place) && (came.get(place) ?? Number.POSITIVE_INFINITY) > cameAtMs) count += 1;
    }
    return count;
  }

  #find(control: string): Entry | undefined {
    return this.#open.get(control) ?? this.#done.get(control);
  }

  /** What is still to come, at a station that is away say, stays. */
  #strikeOut(): void {
    const [oldest] = this.#done.keys();
    if (oldest !== undefined) this.#done.delete(oldest);
  }

  /** The far side may answer a repeated question twice. */
  #answered(entry: Entry): void {
    if (!entry.hasAnswer) this.#counts.answered += 1;
    entry.hasAnswer = true;
  }

  #change(control: string, entry: Entry, change: () => void): void {
    const before = missingOf(entry);
    change();
    this.#counts.missing += missingOf(entry) - before;
    if (!isOpen(entry) && this.#open.delete(control)) this.#done.set(control, entry);
  }
}

const isOpen = ({ places, outcome, came }: Entry): boolean =>
  outcome === undefined || (outcome !== 'refused' && came.size < places.length);

const missingOf = ({ places, outcome, came, noted }: Entry): number =>
  outcome === 'accepted' ? Math.max(0, places.length - came.size - noted) : 0;
