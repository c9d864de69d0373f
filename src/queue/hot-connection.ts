import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../message/codes.ts';

export type ScriptArgument = string | Buffer | number;
/** A script's reply: nested arrays of buffers and numbers, as Redis sent them. */
export type Reply = readonly unknown[];

export type HotConnectionOptions = {
  readonly url: string;
  /** How long one attempt may stay without a reply before the connection is thrown away and the same bytes are sent anew. */
  readonly attemptTimeoutMs: number;
  readonly onDown: () => void;
  readonly onUp: () => void;
};

const BACKOFF_FIRST_MS = 10;
const BACKOFF_MAX_MS = 500;

/**
 * A Redis connection for calls whose outcome must become known (design 5.3). The client library neither queues nor resends by itself:
 * a call either got its reply, or it is unknown, and then the very same bytes are sent again until a reply comes.
 * That is safe only for scripts that compare before they append, or that change nothing when repeated.
 */
export class HotConnection {
  readonly redis: Redis;
  readonly #options: HotConnectionOptions;
  readonly #shas = new Map<string, string>();
  #isDown = false;
  #isClosed = false;

  constructor(options: HotConnectionOptions) {
    this.#options = options;
    this.redis = new Redis(options.url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      // INFO at every connect would wait for a Redis that does not answer; the calls themselves find that out.
      enableReadyCheck: false,
      connectTimeout: options.attemptTimeoutMs,
      retryStrategy: (attempt) => Math.min(BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 10), BACKOFF_MAX_MS),
      noDelay: true,
    });
    // Failures reach us through the calls; without a listener the library prints the foreign error's text.
    this.redis.on('error', () => {});
  }

  async connect(): Promise<void> {
    await this.redis.connect();
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  /** Runs a script until its reply is known. Rejects only with a Fault when closed, or with Redis' own error reply. */
  async run(script: string, keys: readonly string[], args: readonly ScriptArgument[]): Promise<Reply> {
    let backoffMs = BACKOFF_FIRST_MS;
    for (;;) {
      if (this.#isClosed) throw new Fault('ACCEPT_UNKNOWN', 'connection closed with a call outstanding');
      try {
        const reply = await this.#attempt(script, keys, args);
        if (this.#isDown) {
          this.#isDown = false;
          this.#options.onUp();
        }
        return reply;
      } catch (error) {
        if (isScriptMissing(error)) {
          this.#shas.delete(script);
          continue;
        }
        if (isErrorReply(error)) throw error;
        if (!this.#isDown) {
          this.#isDown = true;
          this.#options.onDown();
        }
        await sleep(backoffMs);
        backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
      }
    }
  }

  async #attempt(script: string, keys: readonly string[], args: readonly ScriptArgument[]): Promise<Reply> {
    const sha = await this.#sha(script);
    return (await this.#timed(this.redis.callBuffer('EVALSHA', sha, keys.length, ...keys, ...args))) as Reply;
  }

  async #sha(script: string): Promise<string> {
    const known = this.#shas.get(script);
    if (known !== undefined) return known;
    const sha = String(await this.#timed(this.redis.script('LOAD', script)));
    this.#shas.set(script, sha);
    return sha;
  }

  async #timed<T>(reply: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        // The old socket may still deliver this call later; compare-and-append makes that harmless.
        this.redis.disconnect(true);
        reject(new Fault('ACCEPT_UNKNOWN', 'no reply in time'));
      }, this.#options.attemptTimeoutMs);
    });
    try {
      return await Promise.race([reply, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.redis.disconnect();
  }
}

/** Redis answered, and its answer is an error: known, not unknown. */
export const isErrorReply = (error: unknown): boolean =>
  error instanceof Error && error.name === 'ReplyError' && !isScriptMissing(error) && !isLoading(error);

/** Memory is full: Redis refused the script before its first line. */
export const isOutOfMemory = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('OOM');

const isScriptMissing = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('NOSCRIPT');

// A restarted server reads its AOF first, and a server that lost its disk says MISCONF: both end, so they are waited for.
const isLoading = (error: unknown): boolean =>
  error instanceof Error &&
  /^(LOADING|MISCONF|READONLY|MASTERDOWN|BUSY |NOREPLICAS|CLUSTERDOWN|TRYAGAIN)/.test(error.message);
