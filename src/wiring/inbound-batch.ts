import { type JournalEntry, writeJournal } from '../audit/journal.ts';
import { recordText } from '../audit/record-text.ts';
import type { AcceptRecord, RefuseRecord } from '../audit/records.ts';
import { expiresMsOf, keyOf } from '../dialect/dialect.ts';
import type { Delivery, DeliveryPlan } from '../message/delivery.ts';
import {
  type AcceptBatch,
  encodeEntry,
  LaneEntryList,
  type Obstacles,
  type SharedBody,
} from '../queue/queue.ts';
import type { Fingerprints } from '../vault/fingerprints.ts';
import type { StorageVault } from '../vault/vault.ts';
import { BatchResends } from './batch-resends.ts';
import type { FrameItem, InboundItem } from './inbound-item.ts';
import type { Writer } from './writer.ts';

const HOUR_MS = 3_600_000;
/** Soft limits by class (design 5.9): the share of memory past which a class is refused. */
const MEMORY_SHARES = { all: 0.9, allButOfficerSafety: 0.8, routine: 0.7 } as const;
const OFFICER_SAFETY_CLASS_MAX = 1;
const ROUTINE_CLASS_MIN = 3;

export type InboundBatchParts = {
  readonly writer: Writer;
  readonly vault: StorageVault;
  readonly fingerprints: Fingerprints;
  readonly directoryVersion: string;
  /** Control fields are remembered, so that a resent message is found. */
  readonly hasResends: boolean;
  /** Sealed bytes, and deliveries of a message, up to which each delivery carries a copy of the body. */
  readonly copyBytesMax: number;
  readonly copiesMax: number;
};

/** What a batch stores besides its records. */
type Stored = {
  readonly journal: JournalEntry[];
  readonly lanes: LaneEntryList;
  readonly bodies: SharedBody[];
  readonly resends: BatchResends;
};

/**
 * Builds accept calls: numbers the messages, seals their bodies at flush (so nothing sealed grows old in memory), writes their audit
 * records and lane entries. Building changes nothing that lasts; `stored` moves the numbering on once the call is durable, so a batch
 * may be built again when a lane turned out full.
 */
export class InboundBatch {
  readonly #parts: InboundBatchParts;
  #sequence = 0;
  #sequenceAfter = 0;
  #signedAtMs: number | undefined;
  #head: string | undefined;
  readonly #askedBodies = new Map<string, string>();
  memoryShare = 0;

  constructor(parts: InboundBatchParts) {
    this.#parts = parts;
  }

  build(items: readonly InboundItem[], obstacles: Obstacles, nowMs: number): AcceptBatch {
    const { writer } = this.#parts;
    const records: string[] = [];
    const counted = new Map<string, { line: string; code: string; n: number }>();
    const stored: Stored = {
      journal: [],
      lanes: new LaneEntryList(),
      bodies: [],
      resends: new BatchResends(obstacles, this.#askedBodies),
    };
    let sequence = this.#sequence;
    if (this.#head === undefined && writer.isHeadDue(nowMs)) {
      const head = writer.head(nowMs);
      if (head !== undefined) this.#head = recordText(head);
      this.#signedAtMs = nowMs;
    }
    // The chain stands still until the batch is durable, so a second build carries the same signature.
    if (this.#head !== undefined) records.push(this.#head);
    for (const item of items) {
      if (item.kind === 'record') {
        records.push(recordText(item.record));
        continue;
      }
      sequence += 1;
      item.messageId = `${writer.name.writer}-${String(sequence)}`;
      this.#refuseWhatDoesNotFit(item, obstacles.fullLanes);
      if (item.isCounted) countRefusal(counted, item);
      else this.#store(item, nowMs, stored, records);
    }
    for (const { line, code, n } of counted.values()) {
      records.push(recordText({ e: 'refused-count', line, code, n }));
    }
    this.#sequenceAfter = sequence;
    const page = writer.chain.build(records, writeJournal(stored.journal), nowMs);
    return {
      page,
      lanes: stored.lanes.all,
      bodies: stored.bodies,
      resendables: stored.resends.remembered,
    };
  }

  #store(item: FrameItem, nowMs: number, stored: Stored, records: string[]): void {
    const sealed = this.#seal(item, nowMs);
    if (sealed !== undefined) {
      stored.journal.push({ id: item.messageId, agency: item.from.line.agency, sealed });
    }
    item.duplicateOf = '';
    if (item.refusals.length > 0) {
      records.push(recordText(this.#refuseRecord(item)));
      return;
    }
    if (sealed === undefined) return;
    const before =
      this.#parts.hasResends && item.session === undefined
        ? stored.resends.find(item, this.#parts.fingerprints)
        : undefined;
    if (before?.isSameBody === true) {
      item.duplicateOf = before.messageId;
      records.push(recordText({ e: 'duplicate', ...this.#header(item), of: before.messageId }));
      return;
    }
    const accepted = this.#accept(item, sealed, stored);
    records.push(recordText(before === undefined ? accepted : { ...accepted, reused: 1 }));
  }

  /** The last built batch is durable; to be called after its page was committed to the chain. */
  stored(): void {
    const { writer } = this.#parts;
    if (this.#signedAtMs !== undefined) writer.signed(writer.chain.n - 1, this.#signedAtMs);
    this.#sequence = this.#sequenceAfter;
    this.#head = undefined;
    this.#signedAtMs = undefined;
    this.#askedBodies.clear();
  }

  #refuseWhatDoesNotFit(item: FrameItem, fullLanes: ReadonlySet<string>): void {
    // A log-on goes on no lane, and what comes behind it was read as logged on.
    if (item.refusals.length > 0 || item.session !== undefined) return;
    if (item.plans.some(({ lane }) => fullLanes.has(lane))) item.refusals = [{ code: 'QUEUE_LANE_FULL' }];
    else if (this.memoryShare > memoryShareMax(item)) item.refusals = [{ code: 'QUEUE_MEMORY' }];
  }

  /** Framing faults have no whole frame to keep. */
  #seal(item: FrameItem, nowMs: number): Buffer | undefined {
    if (item.isFramingFault || item.bytes.length === 0) return undefined;
    return this.#parts.vault.seal(item.bytes, {
      agency: item.from.line.agency,
      messageId: item.messageId,
      hour: Math.floor(nowMs / HOUR_MS),
    });
  }

  #accept(item: FrameItem, sealed: Buffer, { lanes, bodies }: Stored): AcceptRecord {
    const deliveries: AcceptRecord['deliveries'][number][] = [];
    const { copyBytesMax, copiesMax } = this.#parts;
    const copies = item.plans.length;
    const isShared = copies > 1 && (sealed.length > copyBytesMax || copies > copiesMax);
    if (isShared) bodies.push({ messageId: item.messageId, references: copies, sealed });
    const ttlMs = ttlMsOf(item);
    for (const [at, plan] of item.plans.entries()) {
      const delivery = this.#delivery(item, plan, at);
      const bytes = encodeEntry(delivery, isShared ? undefined : sealed);
      lanes.add(plan.lane, item.priorityClass, { bytes, ttlMs });
      deliveries.push({
        d: delivery.deliveryId,
        lane: plan.lane,
        dest: plan.destination,
        groups: plan.groups,
        to: plan.recipients,
      });
    }
    const unknown = item.message?.isKeyUnknown === true ? { unknown: 1 as const } : {};
    return { e: 'accept', ...this.#header(item), deliveries, ...unknown };
  }

  #delivery(item: FrameItem, plan: DeliveryPlan, at: number): Delivery {
    const { message, from } = item;
    return {
      deliveryId: `${item.messageId}-${String(at)}`,
      generation: 1,
      messageId: item.messageId,
      messageKey: message?.messageKey ?? '',
      priorityClass: item.priorityClass,
      originatingOri: message?.originatingOri ?? '',
      destination: plan.destination,
      groups: plan.groups,
      recipients: plan.recipients,
      agency: from.line.agency,
      station: from.line.station,
      dialect: from.dialect.name,
      receivedAtMs: item.receivedAtMs,
      receivedCount: item.receivedCount,
      directoryVersion: this.#parts.directoryVersion,
      isTest: message?.isTest ?? false,
      traceparent: message?.traceparent ?? '',
      user: message?.user ?? '',
      terminal: message?.terminal ?? '',
      incident: message?.incident ?? '',
      resentOf: '',
      isNotice: false,
    };
  }

  /**
   * A refused header is a stranger's text: what it wrote where a key or an ORI belongs may be anything, so only parts that the
   * directory and the dialect know are repeated in the record. The bytes themselves are in the sealed journal.
   */
  #refuseRecord(item: FrameItem): RefuseRecord {
    const codes = item.refusals.map((refusal) => ({ ...refusal }));
    const header = this.#header(item);
    const key = keyOf(item.from.dialect, header.mke);
    const isKeyKnown = key !== undefined && key.isUnknown !== true;
    const isOriOurs = item.from.line.oris.has(header.ori);
    return {
      e: 'refuse',
      ...header,
      mke: isKeyKnown ? header.mke : '',
      ori: isOriOurs ? header.ori : '',
      to: [],
      codes,
    };
  }

  #header(item: FrameItem): Omit<AcceptRecord, 'e' | 'deliveries'> {
    const { message, from } = item;
    return {
      id: item.messageId,
      t: item.receivedAtMs,
      line: from.line.name,
      station: from.line.station,
      agency: from.line.agency,
      ori: message?.originatingOri ?? '',
      mke: message?.messageKey ?? '',
      dialect: from.dialect.name,
      cls: item.priorityClass,
      to: message?.destinations.map(({ text }) => text) ?? [],
      bytes: item.bytes.length,
      dir: this.#parts.directoryVersion,
      user: message?.user ?? '',
      terminal: message?.terminal ?? '',
      incident: message?.incident ?? '',
      test: message?.isTest === true ? 1 : 0,
      tp: message?.traceparent ?? '',
      stamps: item.stamps,
    };
  }
}

const ttlMsOf = ({ message, from }: FrameItem): number =>
  message === undefined ? 0 : expiresMsOf(message, from.dialect);

const memoryShareMax = ({ priorityClass }: FrameItem): number => {
  if (priorityClass <= OFFICER_SAFETY_CLASS_MAX) return MEMORY_SHARES.all;
  return priorityClass >= ROUTINE_CLASS_MIN ? MEMORY_SHARES.routine : MEMORY_SHARES.allButOfficerSafety;
};

const countRefusal = (
  counted: Map<string, { line: string; code: string; n: number }>,
  item: FrameItem,
): void => {
  const code = item.refusals[0]?.code ?? '';
  const key = `${item.from.line.name} ${code}`;
  const row = counted.get(key);
  if (row === undefined) counted.set(key, { line: item.from.line.name, code, n: 1 });
  else row.n += 1;
};
