import { PartGroups, type Whole } from './part-groups.ts';
import { type PartMarks, partText, usualMarks } from './part-text.ts';
import type { Received } from './received.ts';

export type PartsOptions = Partial<PartMarks> & {
  /** A message put together, or what came of one. It must not throw: its parts were yours already, and nobody would hear of it. */
  onWhole(whole: Whole): void;
  /** How long the first part waits for the others; default 30,000. */
  readonly withinMs?: number;
  /** Messages being put together at once; default 200. */
  readonly groupsMax?: number;
  /** Bytes held at once, of all of them; default 16 MiB. */
  readonly bytesMax?: number;
};

/**
 * Puts messages together that came in parts (criminal history, driver history). It stands beside the subscriber and holds nothing back:
 * show each part when it comes, then give it to `take`. What is not complete in time is handed over as it is and says so. Parts it holds
 * are in memory only; after a crash of your program they are not put together, and were shown singly.
 */
export class PartsAssembler {
  readonly #marks: PartMarks;
  readonly #groups: PartGroups;
  readonly #options: PartsOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PartsOptions) {
    const { withinMs = 30_000, groupsMax = 200, bytesMax = 16 * 1_048_576 } = options;
    const { markers = usualMarks.markers, nearBytes = usualMarks.nearBytes } = options;
    this.#options = options;
    this.#marks = { markers, nearBytes };
    this.#groups = new PartGroups({ withinMs, groupsMax, bytesMax });
  }

  /** Every message you receive; true when it is a part of several. */
  take(message: Received): boolean {
    const read = partText(message, this.#marks);
    if (read === undefined) return false;
    this.#handOver(this.#groups.take(message, read, performance.now()));
    return true;
  }

  /** Hands over what is open, as it is. */
  stop(): void {
    this.#handOver(this.#groups.all());
  }

  #handOver(wholes: readonly Whole[]): void {
    this.#wait();
    for (const whole of wholes) this.#options.onWhole(whole);
  }

  /** One timer, for the group that ends first. */
  #wait(): void {
    clearTimeout(this.#timer);
    const { endsMs } = this.#groups;
    if (endsMs === undefined) return;
    // A timer may fire a little early: then it waits the rest.
    const restMs = Math.max(1, Math.ceil(endsMs - performance.now()));
    this.#timer = setTimeout(() => {
      this.#handOver(this.#groups.expired(performance.now()));
    }, restMs);
  }
}
