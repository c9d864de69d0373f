import type { AuditRecord } from '../audit/records.ts';
import { AcceptLoop, type AcceptBatch, type AcceptReceipt } from '../queue/queue.ts';
import { InboundBatch } from './inbound-batch.ts';
import type { FrameItem, InboundItem } from './inbound-item.ts';
import { acceptLimits, type InboundParts } from './inbound-parts.ts';

const RECORD_BYTES = 256;

/**
 * Everything this gateway makes durable, in one order: frames and the records that stand for themselves. Tells when a batch is
 * durable; until then nobody is answered.
 */
export class Acceptance {
  readonly #parts: InboundParts;
  readonly #batch: InboundBatch;
  readonly #loop: AcceptLoop<InboundItem>;
  readonly #durable: (frames: readonly FrameItem[]) => void;
  #blockedBy = '';

  constructor(parts: InboundParts, durable: (frames: readonly FrameItem[]) => void) {
    this.#parts = parts;
    this.#durable = durable;
    const { config, queue, writer, vault, fingerprints, directory, log } = parts;
    this.#batch = new InboundBatch({
      writer,
      vault,
      fingerprints,
      directoryVersion: directory.version,
      hasResends: config.RESENDS_PER_STATION_MAX > 0,
      copyBytesMax: config.COPY_BYTES_MAX,
      copiesMax: config.COPIES_MAX,
    });
    this.#loop = new AcceptLoop<InboundItem>(queue.hot, queue.keys, writer.name, acceptLimits(config), {
      prepare: (items, obstacles) => this.#batch.build(items, obstacles, Date.now()),
      settled: (items, batch, receipt) => {
        this.#settled(items, batch, receipt);
      },
      blocked: (why) => {
        if (this.#blockedBy !== why) log.event('queue.blocked', { code: why });
        this.#blockedBy = why;
      },
      rolledBack: (calls) => {
        log.event('queue.rolled-back', { code: 'STATE_ROLLED_BACK', calls });
        this.record({ e: 'fault', code: 'STATE_ROLLED_BACK' });
      },
    });
  }

  get waiting(): number {
    return this.#loop.waiting;
  }

  get waitingBytes(): number {
    return this.#loop.waitingBytes;
  }

  /** AUDIT_LAG or OUT_OF_MEMORY while Redis cannot take anything; empty otherwise. */
  get blockedBy(): string {
    return this.#blockedBy;
  }

  get failed(): Error | undefined {
    return this.#loop.failed;
  }

  frame(item: FrameItem): void {
    this.#loop.offer(item, item.bytes.length + RECORD_BYTES);
  }

  record(record: AuditRecord): void {
    this.#loop.offer({ kind: 'record', record }, RECORD_BYTES);
  }

  /** Signs the chain's head when it is time and nothing else is about to carry the signature. */
  signHeadIfDue(nowMs: number): void {
    if (this.#loop.waiting === 0 && this.#parts.writer.isHeadDue(nowMs)) this.#sign(nowMs);
  }

  idle(): Promise<void> {
    return this.#loop.idle();
  }

  /** The last page: a signature over all pages before it, and the record that closes the chain. */
  async close(): Promise<void> {
    await this.idle();
    this.#sign(Date.now());
    this.record({ e: 'close' });
    await this.idle();
  }

  #sign(nowMs: number): void {
    const head = this.#parts.writer.head(nowMs);
    if (head === undefined) return;
    this.#parts.writer.signed(this.#parts.writer.chain.n, nowMs);
    this.record(head);
  }

  #settled(items: readonly InboundItem[], batch: AcceptBatch, receipt: AcceptReceipt): void {
    const { writer, metrics, config } = this.#parts;
    writer.chain.commit({ ...batch.page, writer: writer.name.writer });
    this.#batch.stored();
    this.#blockedBy = '';
    const limit = receipt.maxMemory > 0 ? receipt.maxMemory : config.REDIS_MEMORY_BYTES_MAX;
    this.#batch.memoryShare = limit > 0 ? receipt.usedMemory / limit : 0;
    metrics.memoryShare.set(this.#batch.memoryShare);
    metrics.batchMessages.observe(items.length);
    if (batch.bodies.length > 0) metrics.bodiesShared.inc(batch.bodies.length);
    if (receipt.notRemembered > 0) metrics.notRemembered.inc(receipt.notRemembered);
    metrics.unaccepted.set(this.#loop.waiting);
    this.#durable(items.filter((item) => item.kind === 'frame'));
  }
}
