import { setTimeout as sleep } from 'node:timers/promises';
import type { OperationOptionsBase, ServiceBusAdministrationClient } from '@azure/service-bus';
import { Fault } from '../message/codes.ts';

/** Times in ms. `triesMax` is of one call; a pause doubles each time, or is what the service asks for. */
export type CallLimits = {
  readonly triesMax: number;
  readonly pauseMs: number;
  readonly pauseMsMax: number;
  readonly callMsMax: number;
  /** Calls under way at once: the service gives administration a share of its own and answers 429 or 503 past it. */
  readonly atOnceMax: number;
};

/** A bus that is not there is given up after some 15 s of pauses. */
export const callLimits: CallLimits = {
  triesMax: 6,
  pauseMs: 500,
  pauseMsMax: 30_000,
  callMsMax: 15_000,
  atOnceMax: 8,
};

export type CallOptions = Required<Pick<OperationOptionsBase, 'abortSignal'>>;

const BUSY = new Set([408, 429, 500, 502, 503, 504]);
const UNREACHED = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'REQUEST_SEND_ERROR',
  'AbortError',
  'TimeoutError',
]);

/**
 * The administration client with its calls bounded in number, time and tries. The SDK's own retries are taken out: one retries, not two.
 */
export class BusCalls {
  readonly client: ServiceBusAdministrationClient;
  readonly #limits: CallLimits;

  constructor(client: ServiceBusAdministrationClient, limits: CallLimits = callLimits) {
    client.pipeline.removePolicy({ name: 'defaultRetryPolicy' });
    this.client = client;
    this.#limits = limits;
  }

  /** Throws TOPOLOGY_BUS, which says `what` was tried and the answer's code; undefined when there is no such entity. */
  async found<T>(what: string, call: (options: CallOptions) => Promise<T>): Promise<T | undefined> {
    const outcome = await this.#tried(call);
    if ('value' in outcome) return outcome.value;
    if (statusOf(outcome.error) === 404) return undefined;
    throw faultOf(what, outcome.error);
  }

  /** As `found`, where an entity that is not there is a fault as well. */
  async done<T>(what: string, call: (options: CallOptions) => Promise<T>): Promise<T> {
    const outcome = await this.#tried(call);
    if ('value' in outcome) return outcome.value;
    throw faultOf(what, outcome.error);
  }

  /** As `done`; what is there already counts as made: the answer to an earlier try may have been lost. */
  async made(what: string, call: (options: CallOptions) => Promise<unknown>): Promise<void> {
    const outcome = await this.#tried(call);
    if ('error' in outcome && !isThere(outcome.error)) throw faultOf(what, outcome.error);
  }

  /** Each item in its turn, a few at once, in any order; stops at the first that fails, when those under way are done. */
  async each<I>(items: readonly I[], work: (item: I) => Promise<void>): Promise<void> {
    const left = items.values();
    let failure: { readonly error: unknown } | undefined;
    const worker = async (): Promise<void> => {
      for (const item of left) {
        try {
          await work(item);
        } catch (error) {
          failure ??= { error };
        }
        if (failure !== undefined) return;
      }
    };
    await Promise.all(Array.from({ length: this.#limits.atOnceMax }, worker));
    if (failure !== undefined) throw failure.error;
  }

  async #tried<T>(
    call: (options: CallOptions) => Promise<T>,
  ): Promise<{ readonly value: T } | { readonly error: unknown }> {
    const { triesMax, pauseMs, pauseMsMax, callMsMax } = this.#limits;
    for (let tries = 1; ; tries += 1) {
      try {
        return { value: await call({ abortSignal: AbortSignal.timeout(callMsMax) }) };
      } catch (error) {
        if (tries === triesMax || !mayPass(error)) return { error };
        const asked = askedPauseMs(error) ?? pauseMs * 2 ** (tries - 1) * (0.5 + Math.random());
        await sleep(Math.min(asked, pauseMsMax));
      }
    }
  }
}

type RestLike = {
  readonly statusCode?: unknown;
  readonly code?: unknown;
  readonly name?: unknown;
  readonly message?: unknown;
  readonly response?: { readonly headers?: { get(name: string): string | undefined } };
};

const restLike = (error: unknown): RestLike => (typeof error === 'object' && error !== null ? error : {});

function statusOf(error: unknown): number | undefined {
  const { statusCode } = restLike(error);
  return typeof statusCode === 'number' ? statusCode : undefined;
}

const isThere = (error: unknown): boolean =>
  statusOf(error) === 409 && restLike(error).code === 'MessageEntityAlreadyExistsError';

function mayPass(error: unknown): boolean {
  const status = statusOf(error);
  if (status !== undefined && BUSY.has(status)) return true;
  const { code, name, message } = restLike(error);
  // Another change of the same entity is under way.
  if (status === 409) return typeof message === 'string' && /subcode=40901/i.test(message);
  return [code, name].some((word) => typeof word === 'string' && UNREACHED.has(word));
}

function askedPauseMs(error: unknown): number | undefined {
  const header = restLike(error).response?.headers?.get('retry-after');
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined;
}

/** Says the answer's number and code word, never its text. */
function faultOf(what: string, error: unknown): Fault {
  const { code, name } = restLike(error);
  const words = [statusOf(error)?.toString(), code, name].filter((one) => typeof one === 'string');
  return new Fault('TOPOLOGY_BUS', `${what}: ${words.slice(0, 2).join(' ')}`, { cause: error });
}
