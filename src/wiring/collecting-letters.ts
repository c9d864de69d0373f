import {
  type BusLetter,
  type ForeignMessage,
  type Returned,
  type ReturnedDelivery,
  readReturned,
  type Visited,
} from '../collect/collect.ts';
import type { Directory } from '../directory/directory.ts';
import { type Delivery, type TopicName, topicNames } from '../message/delivery.ts';
import {
  type BodyState,
  encodeEntry,
  LaneEntryList,
  type OwnedLanes,
  type ReturnedLetter,
  type ReturnedLetters,
} from '../queue/queue.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { ALL } from '../topology/topology.ts';
import type { BusOpener } from '../vault/bus-opener.ts';
import type { StorageVault } from '../vault/vault.ts';
import type { LaneRecord } from './lane-record.ts';
import type { Notices } from './notices.ts';

export type CollectingLettersParts = {
  readonly writer: string;
  readonly directory: Directory;
  readonly letters: ReturnedLetters;
  readonly lanes: OwnedLanes<LaneRecord>;
  readonly vault: StorageVault;
  readonly opener: BusOpener;
  readonly notices: Notices;
  readonly log: Log;
  readonly metrics: Metrics;
};

/** A body as it is kept. */
type Kept = { readonly state: BodyState; readonly sealed: Buffer; readonly recipients: readonly string[] };
/** `journalId`: what a foreign message's body is called in the journal. */
type Read = {
  readonly returned: Returned;
  readonly kept: Kept;
  readonly mid: string;
  readonly journalId: string;
};
type Letter = { readonly letter: ReturnedLetter; readonly records: readonly LaneRecord[] };

const HOUR_MS = 3_600_000;
/** What is longer is kept without its body; ours are shorter by far. */
const BODY_BYTES_MAX = 1024 * 1024;
const TRIES_MAX = 5;
const FOREIGN = 'foreign';
const NO_BODY: Kept = { state: 'none', sealed: Buffer.alloc(0), recipients: [] };
/** What died on `all` is a copy of what somebody else got: it is counted and let go. */
const ALL_COPY = 'ALL_COPY';

/**
 * Makes dead letters of what died on the bus: durable in Redis with its record and its sender's notice in one step, and only then let go by
 * the bus. Each once, whatever dies in between.
 */
export class CollectingLetters {
  readonly #parts: CollectingLettersParts;
  #foreign = 0;

  constructor(parts: CollectingLettersParts) {
    this.#parts = parts;
  }

  /** 'hold': there is no room for more dead letters, and nothing was written. Throws what the lane script throws. */
  async keep(from: Visited, messages: readonly BusLetter[]): Promise<'kept' | 'hold'> {
    const topic = topicNames.find((name) => name === from.topic);
    if (topic === undefined || from.subscription === ALL) {
      this.#parts.metrics.busReturned.inc({ lane: from.topic, code: ALL_COPY }, messages.length);
      return 'kept';
    }
    const nowMs = Date.now();
    const reads: Read[] = [];
    for (const message of messages) reads.push(await this.#read(message, topic, nowMs));
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const taken = await this.#take(topic, from.subscription, reads, nowMs);
      if (taken !== 'STALE') return taken === 'OK' ? 'kept' : 'hold';
    }
    return 'hold';
  }

  async #read(message: BusLetter, topic: TopicName, nowMs: number): Promise<Read> {
    const returned = readReturned(message);
    if (returned.kind === 'foreign') return this.#readForeign(returned, topic, nowMs);
    const { delivery, sealed, mid } = returned;
    const opened = sealed === undefined ? undefined : await this.#parts.opener.open(sealed);
    const recipients = opened?.recipients ?? [];
    if (!fitsEntry({ ...delivery, recipients })) {
      const busNumber = String(message.sequenceNumber ?? '');
      return this.#readForeign({ kind: 'foreign', busNumber, body: sealed }, topic, nowMs);
    }
    const kept =
      opened === undefined
        ? this.#sealed('jwe', sealed, delivery, nowMs)
        : { ...this.#sealed('sealed', opened.body, delivery, nowMs), recipients };
    return { returned, kept, mid, journalId: '' };
  }

  #readForeign(returned: ForeignMessage, topic: TopicName, nowMs: number): Read {
    this.#foreign += 1;
    const messageId = `${this.#parts.writer}-${FOREIGN}-${String(this.#foreign)}`;
    const kept = this.#sealed('jwe', returned.body, { agency: FOREIGN, messageId }, nowMs);
    // The bus's number is one queue's own: with the subscription behind it, it names the message for as long as the topic lives.
    return { returned, kept, mid: `${topic}#${returned.busNumber}`, journalId: messageId };
  }

  #sealed(
    state: BodyState,
    body: Buffer | undefined,
    { agency, messageId }: { readonly agency: string; readonly messageId: string },
    nowMs: number,
  ): Kept {
    if (body === undefined || body.length > BODY_BYTES_MAX) return NO_BODY;
    const hour = Math.floor(nowMs / HOUR_MS);
    return { state, sealed: this.#parts.vault.seal(body, { agency, messageId, hour }), recipients: [] };
  }

  async #take(
    topic: TopicName,
    subscription: string,
    reads: readonly Read[],
    nowMs: number,
  ): Promise<'OK' | 'STALE' | 'DEAD_FULL'> {
    const { letters, lanes } = this.#parts;
    const mids = reads.map(({ mid }) => mid);
    const known = await letters.known(subscription, mids, nowMs);
    const notices = new LaneEntryList();
    const made: Letter[] = [];
    const named = new Set<string>();
    for (const [at, read] of reads.entries()) {
      // The bus may have two of one id: a repeat that came after its window for duplicates.
      if (known[at]?.isKept === true || named.has(read.mid)) continue;
      named.add(read.mid);
      made.push(this.#letter(topic, subscription, read, known[at]?.isTold === true, notices, nowMs));
    }
    if (made.length === 0) return 'OK';
    const records = made.flatMap((one) => one.records);
    const list = made.map(({ letter }) => letter);
    const told = { records, notices: notices.all };
    const taken = await letters.take(lanes, { topic, subscription }, list, told, nowMs);
    if (taken === 'OK') this.#report(topic, subscription, reads, named);
    return taken;
  }

  #letter(
    topic: TopicName,
    subscription: string,
    { returned, kept, mid, journalId: id }: Read,
    isTold: boolean,
    notices: LaneEntryList,
    nowMs: number,
  ): Letter {
    const place = { e: 'returned', lane: topic, sub: subscription, body: kept.state, t: nowMs } as const;
    if (returned.kind === 'foreign') {
      const what = { d: '', mid: '', cls: 0, seq: 0, code: 'COLLECT_FOREIGN' } as const;
      const record = { ...place, ...what, id };
      const journal = { id, agency: FOREIGN, sealed: kept.sealed };
      const { cls: priorityClass, seq, code } = what;
      return {
        letter: { mid, priorityClass, seq, code, body: kept.state, entry: undefined, hasNotice: false },
        records: [kept.state === 'none' ? { record } : { record, journal }],
      };
    }
    const { code, seq } = returned;
    const delivery = { ...returned.delivery, recipients: kept.recipients };
    const { deliveryId: d, priorityClass } = delivery;
    const records: LaneRecord[] = [{ record: { ...place, d, mid, cls: priorityClass, seq, code } }];
    const notice = isTold ? undefined : this.#notice(returned, kept, subscription, nowMs);
    if (notice !== undefined) {
      records.push(notice.record);
      notices.add(notice.lane, notice.priorityClass, notice.entry);
    }
    const entry = encodeEntry(delivery, kept.sealed);
    return {
      letter: { mid, priorityClass, seq, code, body: kept.state, entry, hasNotice: notice !== undefined },
      records,
    };
  }

  /** One a delivery, however many subscriptions its copies die on; it names the first. A station that is gone is told nothing. */
  #notice({ delivery }: ReturnedDelivery, { state, sealed }: Kept, subscription: string, nowMs: number) {
    const { directory, notices } = this.#parts;
    if (!directory.stations.has(delivery.station)) return undefined;
    const body = state === 'sealed' ? sealed : undefined;
    return notices.make(delivery, body, 'COLLECT_RETURNED', nowMs, subscription);
  }

  #report(topic: TopicName, subscription: string, reads: readonly Read[], named: ReadonlySet<string>): void {
    const { log, metrics } = this.#parts;
    for (const { returned, mid } of reads) {
      if (!named.has(mid)) continue;
      const isOurs = returned.kind === 'ours';
      const code = isOurs ? returned.code : 'COLLECT_FOREIGN';
      const deliveryId = isOurs ? returned.delivery.deliveryId : '';
      metrics.busReturned.inc({ lane: topic, code });
      log.event('letter.returned', { lane: topic, subscription, deliveryId, code });
    }
  }
}

/** Who forges a message of ours may write more than an entry holds: then it is none. */
const fitsEntry = (delivery: Delivery): boolean => {
  try {
    encodeEntry(delivery, NO_BODY.sealed);
    return true;
  } catch {
    return false;
  }
};
