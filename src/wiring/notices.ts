import { refusalText } from '../acknowledge/acknowledge.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { RefusalCode } from '../message/codes.ts';
import { type Delivery, type LaneName, type PriorityClass, stationLane } from '../message/delivery.ts';
import type { Refusal } from '../message/refusal.ts';
import { parse } from '../parse/parse.ts';
import { encodeEntry, type NewEntry } from '../queue/queue.ts';
import type { StorageVault } from '../vault/vault.ts';
import type { LaneRecord } from './lane-record.ts';
import type { Parcel } from './parcel.ts';

const HOUR_MS = 3_600_000;
/** What the switch says to a sender is urgent (domain sheet 11: ER). */
const NOTICE_CLASS: PriorityClass = 1;
const NOTICE_KEY = 'ER';

export type NoticeParts = {
  readonly writer: string;
  readonly vault: StorageVault;
  readonly gatewayOri: string;
  readonly dialects: ReadonlyMap<string, Dialect>;
  readonly directoryVersion: string;
};

/** A message of the switch's own for the lane of a sender's station, and the record that says so. */
export type Notice = {
  readonly lane: LaneName;
  readonly priorityClass: PriorityClass;
  readonly entry: NewEntry;
  readonly record: LaneRecord;
};

/** What a sender is told of a delivery that came to nothing, in its dialect's form for refusals (design 5.7, domain sheet 11). */
export class Notices {
  readonly #parts: NoticeParts;
  #made = 0;

  constructor(parts: NoticeParts) {
    this.#parts = parts;
  }

  /** Undefined when all is well, and where `make` has nobody to tell. */
  of<C>({ delivery, sealed, fate }: Parcel<C>, nowMs: number): Notice | undefined {
    if (fate === undefined || delivery === undefined) return undefined;
    if (fate.outcome === 'dead') return this.make(delivery, sealed, 'DELIVER_DEAD', nowMs);
    if (fate.outcome !== 'expired') return undefined;
    const code = fate.code === 'DELIVER_UNCONFIRMED' ? 'DELIVER_UNCONFIRMED' : 'DELIVER_EXPIRED';
    return this.make(delivery, sealed, code, nowMs);
  }

  /**
   * `where` it failed, when the sender can make something of it: the name of a subscription. Undefined for a notice itself, for a sender
   * that nobody knows, and for NCIC.
   */
  make(
    delivery: Delivery,
    sealed: Buffer | undefined,
    code: RefusalCode,
    nowMs: number,
    where?: string,
  ): Notice | undefined {
    const dialect = this.#parts.dialects.get(delivery.dialect);
    if (delivery.isNotice || delivery.station === '' || dialect === undefined) return undefined;
    // NCIC sends responses and reads none: there is nobody to tell.
    if (delivery.originatingOri === dialect.ncic?.networkOri) return undefined;
    this.#made += 1;
    const messageId = `${this.#parts.writer}-${String(this.#made)}`;
    const { agency } = delivery;
    const refusal: Refusal = where === undefined ? { code } : { code, field: where };
    const text = this.#text(delivery, sealed, refusal, dialect);
    const hour = Math.floor(nowMs / HOUR_MS);
    const body = this.#parts.vault.seal(text, { agency, messageId, hour });
    const notice = this.#delivery(delivery, messageId, nowMs);
    const lane = stationLane(delivery.station);
    return {
      lane,
      priorityClass: NOTICE_CLASS,
      entry: { bytes: encodeEntry(notice, body), ttlMs: 0 },
      record: {
        record: {
          e: 'notice',
          id: messageId,
          d: notice.deliveryId,
          lane,
          cls: NOTICE_CLASS,
          of: delivery.deliveryId,
          code,
          t: nowMs,
        },
        journal: { id: messageId, agency, sealed: body },
      },
    };
  }

  /** A body that does not open is not quoted; its sender is told all the same. */
  #text(delivery: Delivery, sealed: Buffer | undefined, refusal: Refusal, dialect: Dialect): Buffer {
    let bytes: Buffer = Buffer.alloc(0);
    try {
      const { agency, messageId } = delivery;
      if (sealed !== undefined) bytes = this.#parts.vault.open(sealed, { agency, messageId });
    } catch {
      // What cannot be opened is dead for just that reason; the code says so.
    }
    const parsed = parse({ kind: 'frame', bytes }, dialect);
    const message = parsed.ok ? parsed.value : undefined;
    return refusalText(
      { bytes, message, refusals: [refusal] },
      this.#parts.gatewayOri,
      dialect,
      new Date(delivery.receivedAtMs),
      { received: delivery.receivedCount, sent: 0 },
    );
  }

  #delivery(of: Delivery, messageId: string, nowMs: number): Delivery {
    return {
      ...of,
      deliveryId: `${messageId}-0`,
      generation: 1,
      messageId,
      messageKey: NOTICE_KEY,
      priorityClass: NOTICE_CLASS,
      originatingOri: this.#parts.gatewayOri,
      destination: of.originatingOri,
      groups: [],
      recipients: [of.agency],
      station: '',
      receivedAtMs: nowMs,
      receivedCount: 0,
      directoryVersion: this.#parts.directoryVersion,
      resentOf: '',
      isNotice: true,
    };
  }
}
