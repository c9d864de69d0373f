import type { Receiver, Sender } from 'rhea';
import { creditOf, transferred } from './rhea-inside.ts';
import type { Refusal } from './settlement.ts';

/** How long what is not used stays, in milliseconds. */
export type IdleLimits = {
  /** Told to peers; AMQP has us wait twice as long before a silent one is dropped. */
  readonly heartbeatMs: number;
  /** A link on which nothing is transferred and, where it receives, nothing is asked for. */
  readonly linkMs: number;
  /** A connection with no link but that for tokens. */
  readonly connectionMs: number;
};

/** As the service: four, ten and five minutes. */
export const defaultIdleLimits: IdleLimits = {
  heartbeatMs: 240_000,
  linkMs: 600_000,
  connectionMs: 300_000,
};

/** Finds out, from looks taken now and then, which links of a connection lie idle. */
export class Idleness {
  readonly #limits: IdleLimits;
  readonly #seen = new WeakMap<Sender | Receiver, { readonly count: number; readonly sinceMs: number }>();
  #linkedAtMs = Date.now();

  constructor(limits: IdleLimits) {
    this.#limits = limits;
  }

  /** What an idle link is told; undefined while it is in use. */
  ofLink(link: Sender | Receiver, nowMs: number): Refusal | undefined {
    const count = transferred(link);
    const seen = this.#seen.get(link);
    const isWaiting = link.is_sender() && creditOf(link) > 0;
    if (seen?.count !== count || isWaiting) this.#seen.set(link, { count, sinceMs: nowMs });
    else if (nowMs - seen.sinceMs >= this.#limits.linkMs) return idleLink(link, this.#limits.linkMs);
    return undefined;
  }

  /** What a connection without links is told when it had none for too long. */
  ofConnection(hasLinks: boolean, nowMs: number): Refusal | undefined {
    const { connectionMs } = this.#limits;
    if (hasLinks) this.#linkedAtMs = nowMs;
    if (nowMs - this.#linkedAtMs < connectionMs) return undefined;
    const description = `The connection was inactive for more than the allowed ${String(connectionMs)} milliseconds and is closed.`;
    return { condition: 'amqp:connection:forced', description };
  }
}

function idleLink(link: Sender | Receiver, idleMs: number): Refusal {
  const [who, timer] = link.is_sender()
    ? ['consumer', 'AmqpMessageConsumer.IdleTimerExpired']
    : ['publisher', 'AmqpMessagePublisher.IdleTimerExpired'];
  const time = new Date(idleMs).toISOString().slice(11, 19);
  const description = `The link is force detached. Code: ${who}(link). Details: ${timer}: Idle timeout: ${time}.`;
  return { condition: 'amqp:link:detach-forced', description };
}
