import { type BusFaultClass, busMessage, type ReadyMessage, type TopicSender } from '../deliver/deliver.ts';
import { Fault } from '../message/codes.ts';
import type { Delivery } from '../message/delivery.ts';
import { decodeEntry } from '../queue/queue.ts';
import type { BusSealer } from '../vault/bus-sealer.ts';
import type { StorageVault } from '../vault/vault.ts';

/** A lane entry made ready for the bus, or found to be one that can never be sent. */
export type Parcel = {
  readonly seq: number;
  readonly entryBytes: number;
  readonly delivery: Delivery | undefined;
  readonly handedAtMs: number;
  readonly sender: TopicSender;
  ready: ReadyMessage | undefined;
  failure: { readonly code: string; readonly busCode: string } | undefined;
  isPossibleDuplicate: boolean;
  tries: number;
};

/** Opens the storage seal and seals for the recipients on the bus; the open body lives only inside `make`. */
export class ParcelMaker {
  readonly #vault: StorageVault;
  readonly #busSealer: BusSealer;
  readonly #sender: TopicSender;

  constructor(vault: StorageVault, busSealer: BusSealer, sender: TopicSender) {
    this.#vault = vault;
    this.#busSealer = busSealer;
    this.#sender = sender;
  }

  /** Never throws for what an entry holds: such an entry becomes a dead letter when its turn comes. */
  make(seq: number, entry: Buffer, isPossibleDuplicate: boolean, handedAtMs: number): Parcel {
    const parcel: Parcel = {
      seq,
      entryBytes: entry.length,
      delivery: undefined,
      handedAtMs,
      sender: this.#sender,
      ready: undefined,
      failure: undefined,
      isPossibleDuplicate,
      tries: 1,
    };
    try {
      const { delivery, sealed } = decodeEntry(entry);
      const body = this.#vault.open(sealed, { agency: delivery.agency, messageId: delivery.messageId });
      const jwe = this.#busSealer.seal(body, delivery.recipients);
      const ready = this.#sender.ready(busMessage(delivery, jwe, { seq, isPossibleDuplicate }));
      return { ...parcel, delivery, ready };
    } catch (error) {
      const code = error instanceof Fault ? error.code : 'DELIVER_MESSAGE';
      return { ...parcel, failure: { code, busCode: 'NotSent' } };
    }
  }
}

/**
 * A send of it failed. What the bus refused it does not have; after any other fault nobody knows, and from now on the message says so.
 * MessageId stays, so the bus can drop the copy.
 */
export const markTried = (parcel: Parcel, fault: BusFaultClass): void => {
  parcel.tries += 1;
  if (fault === 'message' || fault === 'entity') return;
  if (parcel.isPossibleDuplicate || parcel.ready === undefined) return;
  parcel.isPossibleDuplicate = true;
  const { message } = parcel.ready;
  parcel.ready = parcel.sender.ready({
    ...message,
    properties: { ...message.properties, possibleDuplicate: true },
  });
};
