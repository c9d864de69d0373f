import type { DeliveryOutcome } from '../audit/records.ts';
import { Fault } from '../message/codes.ts';
import type { Delivery, PriorityClass } from '../message/delivery.ts';
import {
  type DecodedEntry,
  decodeEntry,
  isBodyShared,
  type BodyStore,
  type TakenEntry,
} from '../queue/queue.ts';
import type { StorageVault } from '../vault/vault.ts';

/** What became of a parcel, and the code when it was not delivered. `busCode`: what the far end called it. */
export type Fate = { readonly outcome: DeliveryOutcome; readonly code: string; readonly busCode: string };

/** A lane entry made ready for its way, or found to be one that can never go it. `cargo` is what the way needs. */
export type Parcel<C> = {
  readonly priorityClass: PriorityClass;
  readonly seq: number;
  /** Numbers before it whose entries expired without an owner. */
  readonly gap: number;
  readonly deadlineMs: number;
  readonly isDue: boolean;
  readonly entryBytes: number;
  readonly delivery: Delivery | undefined;
  readonly hasSharedBody: boolean;
  /** The body as it is stored; undefined when it could not be read. */
  readonly sealed: Buffer | undefined;
  readonly handedAtMs: number;
  cargo: C | undefined;
  fate: Fate | undefined;
  isPossibleDuplicate: boolean;
  /** Written to the far end and not yet settled: it is no longer ours to expire. */
  isOut: boolean;
  tries: number;
  /** What of it the far end cannot be told, by field code and kind of part; absent: nothing. */
  notCarried?: readonly string[] | undefined;
};

/** Makes a delivery and its open body ready. Throws for what can never be sent. */
export type Loading<C> = (
  delivery: Delivery,
  body: Buffer,
  at: { readonly seq: number; readonly isPossibleDuplicate: boolean },
) => C;

type Circumstances = {
  readonly gap: number;
  readonly isPossibleDuplicate: boolean;
  readonly handedAtMs: number;
};

/** Opens the storage seal and makes the cargo; the open body lives only inside `make`. */
export class ParcelMaker<C> {
  readonly #vault: StorageVault;
  readonly #bodies: BodyStore;
  readonly #load: Loading<C>;

  constructor(vault: StorageVault, bodies: BodyStore, load: Loading<C>) {
    this.#vault = vault;
    this.#bodies = bodies;
    this.#load = load;
  }

  /** Bodies that these entries share with others; undefined when there are none, which is nearly always. */
  sharedBodies(taken: readonly TakenEntry[]): Promise<ReadonlyMap<string, Buffer>> | undefined {
    const ids = taken.flatMap(({ entry }) => {
      const messageId = isBodyShared(entry) ? readEntry(entry)?.delivery.messageId : undefined;
      return messageId === undefined ? [] : [messageId];
    });
    return ids.length === 0 ? undefined : this.#bodies.read(ids);
  }

  /** Never throws for what an entry holds: such an entry becomes a dead letter when its turn comes. */
  make(
    taken: TakenEntry,
    { gap, isPossibleDuplicate, handedAtMs }: Circumstances,
    shared: ReadonlyMap<string, Buffer> | undefined,
  ): Parcel<C> {
    const { priorityClass, seq, deadlineMs, isDue, entry } = taken;
    const decoded = readEntry(entry);
    const delivery = decoded?.delivery;
    const hasSharedBody = decoded !== undefined && decoded.sealed === undefined;
    const sealed = hasSharedBody ? shared?.get(delivery?.messageId ?? '') : decoded?.sealed;
    const parcel: Parcel<C> = {
      priorityClass,
      seq,
      gap,
      deadlineMs,
      isDue,
      entryBytes: entry.length,
      delivery,
      hasSharedBody,
      sealed,
      handedAtMs,
      cargo: undefined,
      fate: undefined,
      isPossibleDuplicate,
      isOut: false,
      tries: 1,
    };
    try {
      if (delivery === undefined) throw new Fault('SCRIPT_REFUSED', 'lane entry of an unknown format');
      if (sealed === undefined) throw new Fault('VAULT_SEAL_BROKEN', 'the shared body is not there');
      parcel.cargo = this.#load(delivery, this.open(delivery, sealed), { seq, isPossibleDuplicate });
    } catch (error) {
      const code = error instanceof Fault ? error.code : 'DELIVER_MESSAGE';
      parcel.fate = { outcome: 'dead', code, busCode: 'NotSent' };
    }
    return parcel;
  }

  open({ agency, messageId }: Delivery, sealed: Buffer): Buffer {
    return this.#vault.open(sealed, { agency, messageId });
  }
}

const readEntry = (entry: Buffer): DecodedEntry | undefined => {
  try {
    return decodeEntry(entry);
  } catch {
    return undefined;
  }
};
