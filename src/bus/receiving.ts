import { setTimeout as sleep } from 'node:timers/promises';
import { inTime } from './in-time.ts';
import { Link, Silence } from './receiving-link.ts';
import { receiveSessions } from './receiving-sessions.ts';
import {
  isStopped,
  patience,
  type EntityReceiverOptions,
  type Receiving,
  type ReceivingNotice,
  type RenewReason,
} from './receiving-terms.ts';

export type {
  EntityReceiverOptions,
  ReceivingNotice,
  RenewReason,
  SessionInHand,
  SessionOptions,
  Settle,
  SettleOutcome,
  Source,
} from './receiving-terms.ts';

const stopDefaultMs = 30_000;
/** After what is in hand was given back. */
const stopLastMs = 10_000;
const renewPauseMinMs = 250;
const renewPauseMaxMs = 10_000;
/** Failures in a row after which the client is made anew too; after a silence it is at once. */
const failuresPerClient = 3;
/** For a client that is made anew, which closes the old one; a silent peer never answers that. */
const renewClientMs = 5_000;

/**
 * Receives one subscription, queue or dead-letter queue in peek-lock, for as long as it is wanted and whatever the bus does. One message
 * at a time is awaited when idle, so that it is handed over at once; while messages come they are taken in batches.
 *
 * The SDK's receivers are known to go silent without an error, so every poll has a deadline, and a receiver that misses it is replaced.
 */
export class EntityReceiver {
  readonly #receiving: Receiving;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: EntityReceiverOptions) {
    const stopping = this.#stopping.signal;
    const pause = async (ms: number): Promise<void> => {
      await sleep(ms, undefined, { signal: stopping }).catch(() => undefined);
    };
    const notice = (what: ReceivingNotice): void => {
      try {
        options.onNotice?.(what);
      } catch {
        // A log that fails must not stop the messages.
      }
    };
    const recover = async (reason: RenewReason, failures: number): Promise<void> => {
      notice({ kind: 'receiver-renewed', reason });
      const isSuspect = reason === 'silent' || (failures > 0 && failures % failuresPerClient === 0);
      if (isSuspect && !stopping.aborted)
        await inTime(renewClientMs, options.renewClient?.() ?? Promise.resolve()).catch(() => undefined);
      if (failures > 0) await pause(Math.min(renewPauseMinMs * 2 ** (failures - 1), renewPauseMaxMs));
    };
    this.#receiving = { options, stopping, links: new Set(), notice, pause, recover };
  }

  /** Begins to receive; a second call changes nothing. */
  start(): void {
    const { options } = this.#receiving;
    this.#running ??=
      options.sessions === undefined
        ? receiveOne(this.#receiving)
        : receiveSessions(this.#receiving, options.sessions);
  }

  /**
   * Takes nothing new and lets what is in hand finish. What is not settled after `withinMs` is abandoned, and nothing that is done to it
   * later has an effect. Ends 10 s after `withinMs` at the latest, also when the bus is gone.
   */
  async stop(withinMs = stopDefaultMs): Promise<void> {
    this.#stopping.abort();
    const running = this.#running ?? Promise.resolve();
    if (
      (await inTime(
        withinMs,
        running.then(() => true),
      )) === true
    )
      return;
    const left = Promise.all([...this.#receiving.links].map((link) => link.leave()));
    // A session that is being accepted cannot be told to stop: the SDK waits for the bus, up to its own time-out.
    await inTime(
      stopLastMs,
      left.then(() => running),
    );
  }
}

async function receiveOne(receiving: Receiving): Promise<void> {
  const { options, stopping } = receiving;
  let link: Link | undefined;
  let failures = 0;
  let silences = 0;
  while (!stopping.aborted) {
    try {
      link ??= Link.open(receiving, patience(silences));
      await link.turn();
      failures = 0;
      silences = 0;
      if (link.idleMs <= (options.idleRenewMs ?? 600_000)) continue;
      await link.close();
      await receiving.recover('idle', 0);
    } catch (error) {
      if (isStopped(stopping)) break;
      // Whatever it was, a new receiver is the remedy; ours is the only patience, for the SDK gives up at once when a connection is
      // refused.
      failures += 1;
      const isSilent = error instanceof Silence;
      silences = isSilent ? silences + 1 : 0;
      const closing = link?.close();
      // Who is silent answers no close either.
      if (!isSilent) await closing;
      await receiving.recover(isSilent ? 'silent' : 'failed', failures);
    }
    link = undefined;
  }
  await link?.close();
}
