import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceBusClient, ServiceBusSessionReceiver } from '@azure/service-bus';
import { guarded } from './guarded-signal.ts';
import { inTime } from './in-time.ts';
import { Link, receiveOptions, Silence } from './receiving-link.ts';
import { SessionLock } from './receiving-locks.ts';
import {
  isStopped,
  patience,
  silenceDefaultMs,
  type Receiving,
  type SessionOptions,
} from './receiving-terms.ts';

const idleDefaultMs = 5_000;
const turnDefaultMs = 60_000;
/** How long an acceptance that is under way is waited for when the receiver stops: more than the 5 s that our clients give it. */
const stopAcceptMs = 7_000;
const closeTimeoutMs = 2_000;
/** The bus says at the client's own time-out that no session is free; so much later it should have. */
const acceptMarginMs = 2_000;
/** The SDK's own. */
const acceptDefaultMs = 60_000;

/** What a session tells the loop that accepts when it ends. A silence says that the connection is suspect. */
type Ended = { isSilent: boolean; freed: () => void; fellSilent: () => void };

/**
 * Takes the next free session whenever fewer than `max` are in hand, and receives each in order until it is idle, lost, or has had its
 * turn. One acceptance is under way at a time: a parked one costs the bus a link.
 */
export async function receiveSessions(receiving: Receiving, sessions: SessionOptions): Promise<void> {
  const { stopping } = receiving;
  const working = new Set<Promise<void>>();
  const ended: Ended = { isSilent: false, freed: () => undefined, fellSilent: () => undefined };
  let failures = 0;
  let silences = 0;
  while (!stopping.aborted) {
    if (working.size >= sessions.max) {
      // Not a race of the sessions: one that takes long would keep something of every round.
      await new Promise<void>((resolve) => {
        ended.freed = resolve;
      });
      continue;
    }
    try {
      if (ended.isSilent) throw new Silence();
      const receiver = await accepted(receiving, ended, patience(silences));
      failures = 0;
      silences = 0;
      if (receiver === undefined) continue;
      const work = receiveSession(receiving, receiver, sessions).then((wasSilent) => {
        working.delete(work);
        ended.freed();
        if (!wasSilent) return;
        ended.isSilent = true;
        ended.fellSilent();
      });
      working.add(work);
    } catch (error) {
      if (isStopped(stopping)) break;
      failures += 1;
      ended.isSilent = false;
      const isSilent = error instanceof Silence;
      silences = isSilent ? silences + 1 : 0;
      await receiving.recover(isSilent ? 'silent' : 'failed', failures);
    }
  }
  await Promise.all(working);
}

/** Undefined when none is free. Rejects when the bus cannot be asked. */
async function accepted(
  receiving: Receiving,
  ended: Ended,
  times: number,
): Promise<ServiceBusSessionReceiver | undefined> {
  const { options, stopping } = receiving;
  const { source } = options;
  const settings = { ...receiveOptions, abortSignal: guarded(stopping) };
  const client = options.client();
  const accepting =
    'queue' in source
      ? client.acceptNextSession(source.queue, settings)
      : client.acceptNextSession(source.topic, source.subscription, settings);
  const waiting = new AbortController();
  const silent = new Promise<undefined>((resolve) => {
    ended.fellSilent = () => {
      resolve(undefined);
    };
  });
  const silenceMs = Math.max(options.silenceMs ?? silenceDefaultMs, parkedMs(client) + acceptMarginMs);
  try {
    const receiver = await Promise.race([
      inTime(silenceMs * times, accepting),
      longAfter(stopping, waiting.signal),
      silent,
    ]);
    if (receiver !== undefined) return receiver;
  } catch (error) {
    if (isNoneFree(error)) return undefined;
    throw error;
  } finally {
    waiting.abort();
  }
  // A session that is accepted after all must not stay locked for nobody.
  accepting.then((late) => inTime(closeTimeoutMs, late.close())).catch(() => undefined);
  throw new Silence();
}

/** How long the bus keeps an acceptance while no session is free: the client's time-out, which its inside knows (SDK 7.9.5, pinned). */
function parkedMs(client: ServiceBusClient): number {
  const inside = client as unknown as { _clientOptions?: { retryOptions?: { timeoutInMs?: unknown } } };
  const given = inside._clientOptions?.retryOptions?.timeoutInMs;
  return typeof given === 'number' ? given : acceptDefaultMs;
}

/** The SDK does not end an acceptance that is parked at the bus, and keeps timers for good when its client is closed meanwhile. */
async function longAfter(stopping: AbortSignal, signal: AbortSignal): Promise<undefined> {
  await once(stopping, 'abort', { signal }).catch(() => undefined);
  await sleep(stopAcceptMs, undefined, { signal }).catch(() => undefined);
}

/** Says whether the session's link fell silent. Never rejects. */
async function receiveSession(
  receiving: Receiving,
  receiver: ServiceBusSessionReceiver,
  sessions: SessionOptions,
): Promise<boolean> {
  const { notice, stopping } = receiving;
  const lock = new SessionLock(receiver, () => {
    notice({ kind: 'lock-renewed' });
  });
  const link = Link.ofSession(receiving, receiver, lock);
  const idleMs = sessions.idleMs ?? idleDefaultMs;
  const turnEndsAt = performance.now() + (sessions.turnMs ?? turnDefaultMs);
  notice({ kind: 'session-accepted' });
  try {
    while (!stopping.aborted && link.idleMs < idleMs && performance.now() < turnEndsAt) {
      if (lock.lost.aborted) throw new Error('the session is lost');
      await link.turn(Math.max(1, idleMs - link.idleMs));
    }
    notice({ kind: 'session-released' });
    await link.close();
    return false;
  } catch (error) {
    notice({ kind: stopping.aborted ? 'session-released' : 'session-lost' });
    // Lost by the clock alone while nobody answered: the connection is suspect, too.
    const isSilent =
      error instanceof Silence || (lock.isUnanswered && !receiver.isClosed && !stopping.aborted);
    const closing = link.close();
    // Else not waited for: who fell silent answers no close, and the session is not ours any more.
    if (stopping.aborted) await closing;
    return isSilent;
  }
}

/** The SDK packs what it tried several times into one error; a time-out is how the bus says that no session is free. */
function isNoneFree(error: unknown): boolean {
  const all = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
  return all.every((one) => {
    const code = (one as { readonly code?: unknown } | null)?.code;
    return code === 'ServiceTimeout' || code === 'SessionCannotBeLocked';
  });
}
