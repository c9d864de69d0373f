import type { Delivery, Sender } from 'rhea';
import type { BusLog } from './bus-log.ts';
import type { Consumer } from './consumer.ts';
import { faultError } from './faults/fault-conditions.ts';
import type { Scope } from './faults/fault-plan.ts';
import type { FaultPeer, Faults } from './faults/faults.ts';
import type { InjectedSocket } from './faults/inject-socket.ts';
import { lockToken } from './lock-token.ts';
import type { Lock } from './locks.ts';
import type { Queue } from './queue.ts';
import {
  answerEveryDrain,
  forgetBoth,
  isAttachUnsent,
  outcomes,
  setAttach,
  settleBoth,
  transfersLeft,
} from './rhea-inside.ts';
import type { Session } from './sessions.ts';
import {
  lockLost,
  type Outcome,
  propertiesTooLarge,
  type Refusal,
  sessionLockLost,
  settlementOf,
} from './settlement.ts';

/** Unsent bytes on a socket above which nothing more is handed to it. */
const unsentBytesMax = 4 * 1024 * 1024;

/** Nobody settles a presettled delivery, so all may share one tag. */
const presettledTag = lockToken(0);

/** What a settlement is counted with while it waits for a pause to end. */
const heldSettlementBytes = 200;

/** What a receiving link has from its connection. */
export type ConsumerSurroundings = {
  readonly log: BusLog;
  readonly faults: Faults;
  readonly peer: FaultPeer;
  readonly wire: InjectedSocket;
};

type LockedDelivery = Delivery & { lock?: Lock };

/** A link on which a peer receives from a queue, or from the one session of it that the link holds. */
export class ConsumerLink implements Consumer {
  readonly scope: Scope;
  readonly isPresettled: boolean;
  readonly #sender: Sender;
  readonly #queue: Queue;
  readonly #session: Session | undefined;
  readonly #surroundings: ConsumerSurroundings;
  /** Deliveries kept back by a fault, in their order. */
  readonly #late: (() => void)[] = [];
  #lateUntilMs = 0;
  #isDrainDue = false;
  #isGone = false;

  constructor(sender: Sender, queue: Queue, surroundings: ConsumerSurroundings, session?: Session) {
    this.scope = { path: queue.path, direction: 'receive' };
    this.#sender = sender;
    this.#queue = queue;
    this.#session = session;
    this.#surroundings = surroundings;
    this.isPresettled = sender.snd_settle_mode === 1;
    setAttach(sender, 'snd_settle_mode', sender.snd_settle_mode);
    setAttach(sender, 'rcv_settle_mode', sender.rcv_settle_mode);
    answerEveryDrain(sender);
    queue.attach(this, session);
    queue.links.add(this);
  }

  /** Undefined when the link is for a whole queue. */
  get sessionId(): string | undefined {
    return this.#session?.id;
  }

  capacity(): number {
    const { wire } = this.#surroundings;
    if (this.#isGone || !this.#sender.is_open() || wire.unsentBytes > unsentBytesMax) return 0;
    if (isAttachUnsent(this.#sender)) return 0;
    return this.#isPaused() ? 0 : transfersLeft(this.#sender) - this.#late.length;
  }

  send(bytes: Buffer, lock: Lock | undefined): void {
    if (this.#surroundings.faults.isArmed || this.#late.length > 0) this.#sendFaulty(bytes, lock);
    else this.#transfer(bytes, lock);
  }

  #transfer(bytes: Buffer, lock: Lock | undefined): void {
    if (lock === undefined) {
      this.#sender.send(bytes, presettledTag, 0);
      return;
    }
    const delivery: LockedDelivery = this.#sender.send(bytes, lockToken(lock.key), 0);
    delivery.lock = lock;
  }

  onCredit(): void {
    this.#queue.pump(this.#session);
    this.#answerDrain();
  }

  onDrain(): void {
    this.#queue.pump(this.#session);
    this.#isDrainDue = true;
    this.#answerDrain();
  }

  /** The peer settled one of our deliveries. */
  onSettled(delivery: LockedDelivery, outcome: Outcome): void {
    const { faults } = this.#surroundings;
    if (!faults.isArmed) this.#settle(delivery, outcome);
    else if (faults.isPaused(this.scope)) {
      const isHeld = faults.hold(this.scope, heldSettlementBytes, () => {
        this.#settle(delivery, outcome, !this.#isGone);
      });
      if (!isHeld) forgetBoth(delivery);
    } else {
      const order = faults.strike(['refuse-settle', 'lose-settle', 'no-settle-answer'], this.scope);
      const { condition = lockLost.condition } = order ?? {};
      if (order?.fault === 'refuse-settle') this.#refuse(delivery, faultError(condition, this.scope.path));
      else if (order?.fault === 'lose-settle') forgetBoth(delivery);
      else this.#settle(delivery, outcome, order === undefined);
    }
  }

  /** The answer leaves once the settlement is in the log. */
  #settle(delivery: LockedDelivery, outcome: Outcome, isAnswered = true): void {
    const settlement = settlementOf(outcome, delivery.remote_state);
    const key = delivery.lock?.key;
    const settled = key === undefined ? 'lock-lost' : this.#queue.settle(key, settlement, this.#session);
    if (settled !== 'settled' && !isAnswered) forgetBoth(delivery);
    else if (settled === 'lock-lost')
      this.#refuse(delivery, this.#session === undefined ? lockLost : sessionLockLost);
    else if (settled === 'too-large') this.#refuse(delivery, propertiesTooLarge);
    else {
      this.#surroundings.log.whenWritten(() => {
        if (this.#isGone || !isAnswered) forgetBoth(delivery);
        else settleBoth(delivery, outcomes.accepted());
      });
    }
  }

  detach(error: Refusal): void {
    if (this.#isGone) return;
    this.end();
    this.#sender.close(error);
  }

  end(): void {
    this.#end(false);
  }

  /** The session's lock ran out. */
  loseSession(): void {
    this.#end(true);
    this.#sender.close(sessionLockLost);
  }

  #end(isLost: boolean): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#queue.detach(this, this.#session);
    this.#queue.links.remove(this);
    if (this.#session !== undefined) this.#queue.releaseSession(this.#session, isLost);
  }

  #refuse(delivery: Delivery, error: Refusal): void {
    settleBoth(delivery, outcomes.rejected({ error }));
  }

  #isPaused(): boolean {
    const { faults } = this.#surroundings;
    return faults.isArmed && faults.isPaused(this.scope);
  }

  /** A late delivery keeps those behind it back, too: they stay in order. */
  #sendFaulty(bytes: Buffer, lock: Lock | undefined): void {
    const { faults, peer, wire } = this.#surroundings;
    const order = faults.strike(['delay', 'corrupt'], this.scope);
    const nowMs = performance.now();
    const go = (): void => {
      if (this.#isGone) return;
      if (order?.fault === 'corrupt') wire.damageNext(order.how ?? 'performative');
      this.#transfer(bytes, lock);
      faults.afterTransfer(this.scope, peer);
    };
    const dueMs = nowMs + (order?.delayMs ?? 0);
    this.#lateUntilMs = Math.max(dueMs, this.#late.length === 0 ? 0 : this.#lateUntilMs);
    if (this.#lateUntilMs <= nowMs || !faults.held.later(this.#lateUntilMs - nowMs, this.#sendLate)) go();
    else this.#late.push(go);
  }

  readonly #sendLate = (): void => {
    this.#late.shift()?.();
    this.onCredit();
  };

  /** Not while something is on its way to a link, or nothing may go out on it. */
  #answerDrain(): void {
    if (!this.#isDrainDue || this.#isGone || isAttachUnsent(this.#sender)) return;
    const isKept = this.#late.length > 0 || this.#isPaused();
    this.#sender.set_drained(!isKept);
    if (!isKept) this.#isDrainDue = false;
  }
}
