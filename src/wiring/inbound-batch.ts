import { type JournalEntry, writeJournal } from '../audit/journal.ts';
import { recordText } from '../audit/record-text.ts';
import type { AcceptRecord, RefuseRecord } from '../audit/records.ts';
import type { Delivery, DeliveryPlan } from '../message/delivery.ts';
import { type AcceptBatch, encodeEntry } from '../queue/queue.ts';
import type { StorageVault } from '../vault/vault.ts';
import type { FrameItem, InboundItem } from './inbound-item.ts';
import type { Writer } from './writer.ts';

const HOUR_MS = 3_600_000;
/** Soft limits by class (design 5.9): the share of memory past which a class is refused. */
const MEMORY_SHARES = { all: 0.9, allButOfficerSafety: 0.8, routine: 0.7 } as const;
const OFFICER_SAFETY_CLASS_MAX = 1;
const ROUTINE_CLASS_MIN = 3;

/**
 * Builds accept calls: numbers the messages, seals their bodies at flush (so nothing sealed grows old in memory), writes their audit
 * records and lane entries. Building changes nothing that lasts; `stored` moves the numbering on once the call is durable, so a batch
 * may be built again when a lane turned out full.
 */
export class InboundBatch {
  readonly #writer: Writer;
  readonly #vault: StorageVault;
  readonly #directoryVersion: string;
  #sequence = 0;
  #sequenceAfter = 0;
  #signedAtMs: number | undefined;
  #head: string | undefined;
  memoryShare = 0;

  constructor(writer: Writer, vault: StorageVault, directoryVersion: string) {
    this.#writer = writer;
    this.#vault = vault;
    this.#directoryVersion = directoryVersion;
  }

  build(items: readonly InboundItem[], fullLanes: ReadonlySet<string>, nowMs: number): AcceptBatch {
    const records: string[] = [];
    const journal: JournalEntry[] = [];
    const lanes = new Map<string, Buffer[]>();
    const counted = new Map<string, { line: string; code: string; n: number }>();
    let sequence = this.#sequence;
    if (this.#head === undefined && this.#writer.isHeadDue(nowMs)) {
      const head = this.#writer.head(nowMs);
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
      item.messageId = `${this.#writer.name.writer}-${String(sequence)}`;
      this.#refuseWhatDoesNotFit(item, fullLanes);
      if (item.isCounted) {
        countRefusal(counted, item);
        continue;
      }
      const sealed = this.#seal(item, nowMs);
      if (sealed !== undefined) {
        journal.push({ id: item.messageId, agency: item.from.line.agency, sealed });
      }
      if (item.refusals.length > 0) records.push(recordText(this.#refuseRecord(item)));
      else if (sealed !== undefined) records.push(recordText(this.#accept(item, sealed, lanes)));
    }
    for (const { line, code, n } of counted.values()) {
      records.push(recordText({ e: 'refused-count', line, code, n }));
    }
    this.#sequenceAfter = sequence;
    const page = this.#writer.chain.build(records, writeJournal(journal), nowMs);
    return { page, lanes: [...lanes].map(([lane, entries]) => ({ lane, entries })) };
  }

  /** The last built batch is durable; to be called after its page was committed to the chain. */
  stored(): void {
    if (this.#signedAtMs !== undefined) this.#writer.signed(this.#writer.chain.n - 1, this.#signedAtMs);
    this.#sequence = this.#sequenceAfter;
    this.#head = undefined;
    this.#signedAtMs = undefined;
  }

  #refuseWhatDoesNotFit(item: FrameItem, fullLanes: ReadonlySet<string>): void {
    if (item.refusals.length > 0) return;
    if (item.plans.some(({ topic }) => fullLanes.has(topic))) item.refusals = [{ code: 'QUEUE_LANE_FULL' }];
    else if (this.memoryShare > memoryShareMax(item)) item.refusals = [{ code: 'QUEUE_MEMORY' }];
  }

  /** Framing faults have no whole frame to keep. */
  #seal(item: FrameItem, nowMs: number): Buffer | undefined {
    if (item.isFramingFault || item.bytes.length === 0) return undefined;
    return this.#vault.seal(item.bytes, {
      agency: item.from.line.agency,
      messageId: item.messageId,
      hour: Math.floor(nowMs / HOUR_MS),
    });
  }

  #accept(item: FrameItem, sealed: Buffer, lanes: Map<string, Buffer[]>): AcceptRecord {
    const deliveries: AcceptRecord['deliveries'][number][] = [];
    for (const [at, plan] of item.plans.entries()) {
      const delivery = this.#delivery(item, plan, at);
      const entries = lanes.get(plan.topic);
      if (entries === undefined) lanes.set(plan.topic, [encodeEntry(delivery, sealed)]);
      else entries.push(encodeEntry(delivery, sealed));
      deliveries.push({
        d: delivery.deliveryId,
        lane: plan.topic,
        dest: plan.destination,
        groups: plan.groups,
        to: plan.recipients,
      });
    }
    return { e: 'accept', ...this.#header(item), deliveries };
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
      dialect: from.dialect.name,
      receivedAtMs: item.receivedAtMs,
      directoryVersion: this.#directoryVersion,
      isTest: message?.isTest ?? false,
      traceparent: message?.traceparent ?? '',
      user: message?.user ?? '',
      terminal: message?.terminal ?? '',
      incident: message?.incident ?? '',
      resentOf: '',
    };
  }

  /**
   * A refused header is a stranger's text: what it wrote where a key or an ORI belongs may be anything, so only parts that the
   * directory and the dialect know are repeated in the record. The bytes themselves are in the sealed journal.
   */
  #refuseRecord(item: FrameItem): RefuseRecord {
    const codes = item.refusals.map((refusal) => ({ ...refusal }));
    const header = this.#header(item);
    const isKeyKnown = item.from.dialect.keys.has(header.mke);
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
      dir: this.#directoryVersion,
      user: message?.user ?? '',
      terminal: message?.terminal ?? '',
      incident: message?.incident ?? '',
      test: message?.isTest === true ? 1 : 0,
      tp: message?.traceparent ?? '',
      stamps: item.stamps,
    };
  }
}

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
