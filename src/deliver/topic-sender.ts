import type { ServiceBusClient, ServiceBusMessageBatch, ServiceBusSender } from '@azure/service-bus';
import type { BusClient, Renewal } from '../bus/bus-client.ts';
import { classifyBusFault, isUnauthorised } from '../bus/bus-faults.ts';
import { Detached, isLinkGone, watchDetach, watchDrop } from '../bus/connection-drop.ts';
import type { Heard } from '../bus/connection-remains.ts';
import { guarded } from '../bus/guarded-signal.ts';
import { Fault } from '../message/codes.ts';
import { batchFrontRoom, batchRoom, type BusMessage, encodeMessage } from './amqp-message.ts';
import {
  encodedBatch,
  hasBatchShape,
  linkBytesMax,
  plain,
  type ReadyMessage,
  UNKNOWN_LINK_BYTES_MAX,
} from './sdk-batch.ts';
import { SendLimit } from './send-limit.ts';

/**
 * Why a link is made: the first of a topic; after a failed send; because the bus had detached it meanwhile; because nobody used it for so
 * long that it may be gone; for another access.
 */
export type LinkReason = 'first' | 'failed' | 'detached' | 'idle' | 'access';

export type SenderOptions = {
  readonly timeoutMs: number;
  /** Bytes of one batch, encoded, where the link would take more. The tightest of both holds. */
  readonly batchBytesMax: number;
  /** A link that was not used for so long is made anew before it is trusted. */
  readonly linkIdleMs: number;
};

/** What a sender tells of its link. */
export type SenderNotices = {
  readonly link?: (topic: string, why: LinkReason) => void;
  /** The connection said nothing while an answer was due, or opened no links any more, so it was dropped. */
  readonly mute?: (topic: string) => void;
  readonly renewal?: (topic: string, outcome: Renewal) => void;
};

/** Tries in a row that got no link in time; then it is the client that is stuck, or a new one does no harm. */
const UNOPENED_MAX = 2;

export type SenderClient = Pick<BusClient, 'sdk' | 'remains' | 'renew' | 'replace'>;

/** One topic's sender: the SDK's, made anew whenever it cannot be trusted. One `send` at a time. */
export class TopicSender {
  readonly #client: SenderClient;
  readonly #topic: string;
  readonly #options: SenderOptions;
  readonly #limit: SendLimit;
  readonly #notices: SenderNotices;
  #sdk: ServiceBusClient;
  #sender: ServiceBusSender;
  #why: LinkReason = 'first';
  #isOpened = false;
  #wasOut = false;
  #usedAt = 0;
  #isLate = false;
  #unopened = 0;
  #isShapeKnown = false;
  #linkBytesMax = UNKNOWN_LINK_BYTES_MAX;

  constructor(
    client: SenderClient,
    topic: string,
    options: SenderOptions,
    limit = new SendLimit(1),
    notices: SenderNotices = {},
  ) {
    this.#client = client;
    this.#topic = topic;
    this.#options = options;
    this.#limit = limit;
    this.#notices = notices;
    this.#sdk = client.sdk;
    this.#sender = this.#sdk.createSender(topic);
  }

  /** Encodes once. Throws TypeError or RangeError for what AMQP cannot carry: a fault of class `message`. */
  ready(message: BusMessage): ReadyMessage {
    const encoded = encodeMessage(message);
    return { message, encoded, room: batchRoom(encoded) };
  }

  /**
   * How many of these, from the first, fit one batch: at most what the link said when it was last opened. At least one: a message too
   * large alone is the bus's to refuse.
   */
  fitting(messages: readonly ReadyMessage[]): number {
    const first = messages[0];
    if (first === undefined) return 0;
    const bytesMax = Math.min(this.#options.batchBytesMax, this.#linkBytesMax);
    let room = batchFrontRoom(first.message, first.encoded);
    let count = 0;
    for (const { room: needed } of messages) {
      if (count > 0 && room + needed > bytesMax) break;
      room += needed;
      count += 1;
    }
    return count;
  }

  /** The last send failed after it had begun to write, and not by a refusal: the bus may have the batch. Else it certainly has not. */
  get wasOut(): boolean {
    return this.#wasOut;
  }

  /**
   * Sends one batch and resolves when the bus has accepted all of it; waits before for a place among those out. After a failure the link
   * is made anew for the next try, and after a refused token with the access of now.
   */
  async send(messages: readonly ReadyMessage[]): Promise<void> {
    const first = messages[0];
    if (first === undefined) return;
    this.#wasOut = false;
    const place = this.#limit.enter();
    if (place !== undefined) await place;
    try {
      await this.#sendNow(first, messages);
    } catch (error) {
      this.#replaceStuck();
      this.#remake('failed');
      if (isUnauthorised(classifyBusFault(error))) await this.renewAccess();
      throw error;
    } finally {
      this.#limit.leave();
      this.#usedAt = performance.now();
    }
  }

  /** Reads the access again; another one is used from the next send on. */
  async renewAccess(): Promise<void> {
    const outcome = await this.#client.renew();
    if (outcome !== 'unchanged') this.#notices.renewal?.(this.#topic, outcome);
  }

  async #sendNow(first: ReadyMessage, messages: readonly ReadyMessage[]): Promise<void> {
    this.#isLate = false;
    this.#distrust();
    const { remains } = this.#client;
    remains.tidy();
    const heard = remains.heard();
    await within(
      this.#options.timeoutMs,
      this.#sdk,
      (abortSignal) => this.#attempt(first, messages, abortSignal),
      () => {
        this.#dropMute(heard);
      },
    );
  }

  /**
   * The SDK would open a lost link itself, inside the send: then nobody could tell what was out from what was not. A link nobody used
   * may be gone without a word: the service detaches it after ten minutes. Opening one is a question and an answer.
   */
  #distrust(): void {
    if (this.#client.sdk !== this.#sdk) this.#remake('access');
    else if (!this.#isOpened) return;
    else if (isLinkGone(this.#sender)) this.#remake('detached');
    else if (performance.now() - this.#usedAt > this.#options.linkIdleMs) this.#remake('idle');
  }

  async #attempt(
    first: ReadyMessage,
    messages: readonly ReadyMessage[],
    abortSignal: AbortSignal,
  ): Promise<void> {
    const sender = this.#sender;
    if (!this.#isOpened) {
      const batch = await opened(sender, abortSignal);
      // Too late: the next attempt may be under way.
      abortSignal.throwIfAborted();
      this.#isShapeKnown = hasBatchShape(batch);
      this.#linkBytesMax = linkBytesMax(batch);
      this.#isOpened = true;
      this.#notices.link?.(this.#topic, this.#why);
    }
    const batch = this.#isShapeKnown ? encodedBatch(first, messages) : messages.map(plain);
    this.#wasOut = true;
    const { promise: detached, reject } = Promise.withResolvers<never>();
    const unwatch = watchDetach(sender, reject);
    try {
      await Promise.race([sender.sendMessages(batch, { abortSignal: guarded(abortSignal) }), detached]);
    } catch (error) {
      // Of an attempt that was given up nobody is told any more: this may be the time of the next.
      if (!abortSignal.aborted && isRefusal(error)) this.#wasOut = false;
      throw error;
    } finally {
      unwatch();
    }
  }

  /** A batch got no answer. If the whole connection said nothing meanwhile it is as good as gone; its own heart beat takes two minutes. */
  #dropMute(heard: Heard): void {
    this.#isLate = true;
    if (this.#client.remains.dropIfMute(heard)) this.#notices.mute?.(this.#topic);
  }

  #replaceStuck(): void {
    this.#unopened = this.#isLate && !this.#isOpened ? this.#unopened + 1 : 0;
    if (this.#unopened < UNOPENED_MAX) return;
    this.#unopened = 0;
    if (this.#client.replace(this.#sdk)) this.#notices.mute?.(this.#topic);
  }

  /** The SDK's sender may wait on a dead link for its whole timeout, so one that is not trusted is not used again. */
  #remake(why: LinkReason): void {
    const old = this.#sender;
    this.#isOpened = false;
    this.#why = why;
    // Before that another topic may be about to open it.
    if (this.#isLate) this.#client.remains.dropUnopened();
    this.#sdk = this.#client.sdk;
    this.#sender = this.#sdk.createSender(this.#topic);
    // Nobody waits for it: closing a link whose peer is silent takes as long as a send.
    old.close().catch(() => undefined);
  }
}

/** The bus answered that it did not take the batch. A detach is no such answer, unless it is for the batch's size. */
const isRefusal = (error: unknown): boolean => {
  const { class: faultClass } = classifyBusFault(error);
  return faultClass === 'message' || (faultClass === 'entity' && !(error instanceof Detached));
};

/**
 * Opens the sender's link. What goes wrong for no reason the SDK can name (its "Failed to connect" carries no code) is the link's doing:
 * no message was out yet, so none may be suspected.
 */
const opened = async (
  sender: ServiceBusSender,
  abortSignal: AbortSignal,
): Promise<ServiceBusMessageBatch> => {
  try {
    return await sender.createMessageBatch({ abortSignal: guarded(abortSignal) });
  } catch (cause) {
    if (classifyBusFault(cause).class !== 'unknown') throw cause;
    throw new Fault('DELIVER_LINK', 'no link to the bus', { cause });
  }
};

/** The SDK has waits that no signal reaches (opening a connection, asking for a token); ours end all the same. */
const within = async (
  ms: number,
  client: ServiceBusClient,
  attempt: (signal: AbortSignal) => Promise<void>,
  onLate: () => void,
): Promise<void> => {
  const controller = new AbortController();
  const { promise: lost, reject } = Promise.withResolvers<never>();
  const end = (why: string): void => {
    reject(new Fault('DELIVER_LINK', why));
    controller.abort();
  };
  const unwatch = watchDrop(client, () => {
    end('the connection to the bus was lost with a batch out');
  });
  const timer = setTimeout(() => {
    end('the bus did not settle the batch in time');
    onLate();
  }, ms);
  try {
    await Promise.race([attempt(controller.signal), lost]);
  } finally {
    clearTimeout(timer);
    unwatch();
  }
};
