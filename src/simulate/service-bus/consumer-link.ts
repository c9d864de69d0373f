import type { Delivery, Sender } from 'rhea';
import type { BusLog } from './bus-log.ts';
import type { Consumer } from './consumer.ts';
import { lockToken } from './lock-token.ts';
import type { Lock } from './locks.ts';
import type { Queue } from './queue.ts';
import { answerEveryDrain, outcomes, setAttach, settleBoth, transfersLeft } from './rhea-inside.ts';
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

type LockedDelivery = Delivery & { lock?: Lock };

/** A link on which a peer receives from a queue, or from the one session of it that the link holds. */
export class ConsumerLink implements Consumer {
  readonly isPresettled: boolean;
  readonly #sender: Sender;
  readonly #queue: Queue;
  readonly #session: Session | undefined;
  readonly #log: BusLog;
  readonly #unsentBytes: () => number;
  #isGone = false;

  constructor(sender: Sender, queue: Queue, log: BusLog, unsentBytes: () => number, session?: Session) {
    this.#sender = sender;
    this.#queue = queue;
    this.#session = session;
    this.#log = log;
    this.#unsentBytes = unsentBytes;
    this.isPresettled = sender.snd_settle_mode === 1;
    setAttach(sender, 'snd_settle_mode', sender.snd_settle_mode);
    setAttach(sender, 'rcv_settle_mode', sender.rcv_settle_mode);
    answerEveryDrain(sender);
    queue.attach(this, session);
  }

  capacity(): number {
    if (this.#isGone || !this.#sender.is_open() || this.#unsentBytes() > unsentBytesMax) return 0;
    return transfersLeft(this.#sender);
  }

  send(bytes: Buffer, lock: Lock | undefined): void {
    if (lock === undefined) {
      this.#sender.send(bytes, presettledTag, 0);
      return;
    }
    const delivery: LockedDelivery = this.#sender.send(bytes, lockToken(lock.key), 0);
    delivery.lock = lock;
  }

  onCredit(): void {
    this.#queue.pump(this.#session);
  }

  onDrain(): void {
    this.#queue.pump(this.#session);
    this.#sender.set_drained(true);
  }

  /** The peer settled one of our deliveries; it is answered once that is in the log. */
  onSettled(delivery: LockedDelivery, outcome: Outcome): void {
    const settlement = settlementOf(outcome, delivery.remote_state);
    const key = delivery.lock?.key;
    const settled = key === undefined ? 'lock-lost' : this.#queue.settle(key, settlement, this.#session);
    if (settled === 'lock-lost')
      this.#refuse(delivery, this.#session === undefined ? lockLost : sessionLockLost);
    else if (settled === 'too-large') this.#refuse(delivery, propertiesTooLarge);
    else {
      this.#log.whenWritten(() => {
        if (!this.#isGone) settleBoth(delivery, outcomes.accepted());
      });
    }
  }

  detach(error: Refusal): void {
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
    if (this.#session !== undefined) this.#queue.releaseSession(this.#session, isLost);
  }

  #refuse(delivery: Delivery, error: Refusal): void {
    settleBoth(delivery, outcomes.rejected({ error }));
  }
}
