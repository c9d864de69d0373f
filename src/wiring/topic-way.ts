import {
  BatchCut,
  type BusFault,
  busMessage,
  Circuit,
  classifyBusFault,
  type HoldAdvice,
  HoldPolicy,
  isThrottled,
  type ReadyMessage,
  type TopicSender,
} from '../deliver/deliver.ts';
import type { Config } from '../config/config.ts';
import type { OwnedLane, OwnedLanes } from '../queue/queue.ts';
import type { BusSealer } from '../vault/bus-sealer.ts';
import type { BusReport } from './bus-report.ts';
import type { Way } from './lane-drive.ts';
import type { LaneHand } from './lane-hand.ts';
import type { LaneRecord } from './lane-record.ts';
import type { LaneReport } from './lane-report.ts';
import type { Loading, Parcel } from './parcel.ts';
import { Pause } from './pause.ts';

type TopicParcel = Parcel<ReadyMessage>;

export type TopicWayParts = {
  readonly lanes: OwnedLanes<LaneRecord>;
  readonly sender: TopicSender;
  readonly report: LaneReport;
  readonly busReport: BusReport;
  readonly config: Config;
  /** Has `retry` called after so many ms, by whoever keeps time; the way waits by itself when this is left out. */
  readonly retryLater?: (ms: number) => void;
};

/** Shorter waits are not worth a job: BullMQ brings it up to 0.1 s late. */
const TIMED_MS_MIN = 1000;
/** A timer somebody else keeps may be lost; the way then goes on by itself this much later. */
const LATE_MS_MAX = 2000;

/** Seals a body for its recipients on the bus and encodes the message. */
export const loadForTopic =
  (busSealer: BusSealer, sender: TopicSender): Loading<ReadyMessage> =>
  (delivery, body, at) =>
    sender.ready(busMessage(delivery, busSealer.seal(body, delivery.recipients), at));

/**
 * To a Service Bus topic: one unacknowledged batch (design 6.4), and the poison and hold rules of design 5.7. Its circuit is its own: what
 * one topic refuses, others do not notice.
 */
export class TopicWay implements Way<ReadyMessage> {
  readonly #parts: TopicWayParts;
  readonly #policy: HoldPolicy;
  readonly #circuit: Circuit;
  readonly #cut: BatchCut<TopicParcel>;
  readonly #pause = new Pause();
  #fault: BusFault = { class: 'link', code: 'DELIVER_LINK', busCode: '' };
  #isStopping = false;

  constructor(parts: TopicWayParts) {
    this.#parts = parts;
    const { config, busReport } = parts;
    this.#policy = new HoldPolicy({
      backoffMsMax: config.HOLD_BACKOFF_MS_MAX,
      unknownTriesMax: config.UNKNOWN_TRIES_MAX,
      unknownTriesMs: config.UNKNOWN_TRIES_MS,
      throttleMs: config.BUS_THROTTLE_MS,
    });
    this.#circuit = new Circuit(config.BUS_CIRCUIT_FAILURES, (state) => {
      busReport.circuit(state, this.#fault, this.#policy.failures);
    });
    this.#cut = new BatchCut(config.TAKE_MESSAGES_MAX);
  }

  /** The time of a hold is over. */
  retry(): void {
    this.#pause.end();
  }

  stop(): void {
    this.#isStopping = true;
    this.#pause.end();
  }

  async send(hand: LaneHand<ReadyMessage>, owned: OwnedLane): Promise<readonly TopicParcel[]> {
    if (this.#isStopping) this.#cut.forget();
    this.#isStopping = false;
    const { lanes, sender } = this.#parts;
    const front = hand.front(this.#circuit.state === 'closed' ? this.#cut.next(isHere) : 1);
    const ready = readyOf(front);
    const parcels = front.slice(0, sender.fitting(ready));
    if (parcels.length === 0) return [];
    if (!lanes.mayAct(owned)) await lanes.keep(owned);
    hand.sending(parcels);
    try {
      await sender.send(ready.slice(0, parcels.length));
      this.#passed(parcels);
      return settled(hand.removeThrough(parcels));
    } catch (error) {
      return await this.#failed(classifyBusFault(error), parcels, hand, owned);
    }
  }

  async #failed(
    fault: BusFault,
    batch: readonly TopicParcel[],
    hand: LaneHand<ReadyMessage>,
    owned: OwnedLane,
  ): Promise<readonly TopicParcel[]> {
    const { report, sender } = this.#parts;
    this.#fault = fault;
    report.busFault(fault);
    for (const parcel of batch) markTried(parcel, sender);
    const advice = this.#advice(fault, batch);
    const [first] = batch;
    if (advice.do === 'dead' && first !== undefined) {
      condemn(first, fault);
      return settled(hand.removeThrough([first]));
    }
    if (advice.waitMs > 0) await this.#hold(fault, advice.waitMs);
    if (advice.do !== 'probe' || first === undefined || this.#isStopping) return [];
    return this.#probe(first, fault, hand, owned);
  }

  #advice(fault: BusFault, batch: readonly TopicParcel[]): HoldAdvice {
    const { busReport } = this.#parts;
    if (isThrottled(fault)) {
      this.#cut.throttled(batch.length);
      const advice = this.#policy.throttled(fault.askedMs);
      busReport.throttled(fault, advice.waitMs);
      this.#circuit.failed(this.#policy.failures);
      return advice;
    }
    const advice = this.#policy.failed(fault.class, batch.length, performance.now());
    if (advice.do === 'split') {
      this.#cut.split(batch);
      busReport.split(fault);
    }
    // A topic that refuses one message takes others.
    if (fault.class === 'message') this.#circuit.passed();
    else this.#circuit.failed(this.#policy.failures);
    return advice;
  }

  async #hold(fault: BusFault, ms: number): Promise<void> {
    const { report, sender } = this.#parts;
    report.holding(fault, this.#policy.failures);
    if (this.#isStopping) return;
    // The namespace may have another name by now, or another key.
    if (this.#circuit.state === 'open') await sender.renewAccess();
    await this.#wait(ms);
    this.#circuit.waited();
  }

  async #wait(ms: number): Promise<void> {
    const { retryLater } = this.#parts;
    const isTimed = retryLater !== undefined && ms >= TIMED_MS_MIN;
    if (isTimed) retryLater(ms);
    const untilMs = performance.now() + ms;
    let leftMs = isTimed ? ms + LATE_MS_MAX : ms;
    while (leftMs > 0 && !this.#isStopping) {
      await this.#pause.wait(leftMs);
      // What ended it may be the timer of a hold before, come late.
      leftMs = untilMs - performance.now();
    }
  }

  /** The first message failed for no known reason, often enough: if another one passes, the first was the poison. */
  async #probe(
    first: TopicParcel,
    fault: BusFault,
    hand: LaneHand<ReadyMessage>,
    owned: OwnedLane,
  ): Promise<readonly TopicParcel[]> {
    const { lanes, sender } = this.#parts;
    const next = hand.sendableBeside(first);
    if (next?.cargo === undefined) return [];
    if (!lanes.mayAct(owned)) await lanes.keep(owned);
    hand.sending([next]);
    try {
      await sender.send([next.cargo]);
    } catch {
      markTried(next, sender);
      return [];
    }
    const tried = await this.#lastTry(first);
    if (tried === 'held') {
      // It is there, and will be sent again.
      markRepeat(next, sender);
      return [];
    }
    if (tried === 'dead') condemn(first, fault);
    this.#passed([first, next]);
    return settled(hand.removeThrough([first, next]));
  }

  /** The bus is well, for another message passed; it may have been ill at each of this one's tries, so this one gets another. */
  async #lastTry(first: TopicParcel): Promise<'delivered' | 'dead' | 'held'> {
    try {
      await this.#parts.sender.send(readyOf([first]));
      return 'delivered';
    } catch (error) {
      const { class: faultClass } = classifyBusFault(error);
      return faultClass === 'unknown' || faultClass === 'message' ? 'dead' : 'held';
    }
  }

  #passed(parcels: readonly TopicParcel[]): void {
    this.#policy.passed();
    this.#circuit.passed();
    this.#cut.passed(parcels);
    this.#parts.report.flowing();
  }
}

const isHere = ({ fate }: TopicParcel): boolean => fate === undefined;

const readyOf = (parcels: readonly TopicParcel[]): readonly ReadyMessage[] =>
  parcels.flatMap(({ cargo }) => (cargo === undefined ? [] : [cargo]));

const condemn = (parcel: TopicParcel, { code, busCode }: BusFault): void => {
  parcel.fate = { outcome: 'dead', code, busCode };
};

/** Those without a fate yet are there. */
const settled = (parcels: readonly TopicParcel[]): readonly TopicParcel[] => {
  for (const parcel of parcels) parcel.fate ??= { outcome: 'delivered', code: '', busCode: '' };
  return parcels;
};

/** A send of it failed. When nobody knows whether the bus has it, it says so from now on. MessageId stays, so the bus can drop the copy. */
const markTried = (parcel: TopicParcel, sender: TopicSender): void => {
  parcel.tries += 1;
  if (sender.wasOut) markRepeat(parcel, sender);
};

const markRepeat = (parcel: TopicParcel, sender: TopicSender): void => {
  if (parcel.isPossibleDuplicate || parcel.cargo === undefined) return;
  parcel.isPossibleDuplicate = true;
  const { message } = parcel.cargo;
  parcel.cargo = sender.ready({
    ...message,
    properties: { ...message.properties, possibleDuplicate: true },
  });
};
