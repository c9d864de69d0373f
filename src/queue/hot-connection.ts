import { Command, Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../message/codes.ts';
import { type ScriptArgument, type ScriptCall, scriptCall } from './script-call.ts';

export type { ScriptArgument } from './script-call.ts';

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
  readonly #loaded = new Set<string>();
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

  /**
   * Runs a script until its reply is known. Rejects with ACCEPT_UNKNOWN when closed, with SCRIPT_REFUSED when Redis answered an error,
   * and with Redis' own OOM reply, which `isOutOfMemory` knows.
   */
  run(script: string, keys: readonly string[], args: readonly ScriptArgument[]): Promise<Reply> {
    return this.send(scriptCall(script, keys, args));
  }

  /** As `run`, for a call made before. */
  async send(call: ScriptCall): Promise<Reply> {
    let backoffMs = BACKOFF_FIRST_MS;
    for (;;) {
      if (this.#isClosed) throw new Fault('ACCEPT_UNKNOWN', 'connection closed with a call outstanding');
      try {
        const reply = await this.#attempt(call);
        if (this.#isDown) {
          this.#isDown = false;
          this.#options.onUp();
        }
        return reply;
      } catch (error) {
        if (isScriptMissing(error)) {
          this.#loaded.delete(call.script);
          continue;
        }
        if (isOutOfMemory(error)) throw error;
        if (isErrorReply(error)) {
          throw new Fault('SCRIPT_REFUSED', `Redis answered ${codeWord(error)}`, { cause: error });
        }
        if (!this.#isDown) {
          this.#isDown = true;
          this.#options.onDown();
        }
        await sleep(backoffMs);
        backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
      }
    }
  }

  async #attempt({ script, bytes }: ScriptCall): Promise<Reply> {
    if (!this.#loaded.has(script)) {
      await this.#timed(this.redis.script('LOAD', script));
      this.#loaded.add(script);
    }
    return this.#timed(this.redis.sendCommand(new EncodedCommand(bytes)) as Promise<Reply>);
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

/** The first word of an error reply, such as WRONGTYPE: a bounded set. The rest may quote arguments. */
const codeWord = (error: unknown): string =>
  /^[A-Z]{2,20}\b/.exec(error instanceof Error ? error.message : '')?.[0] ?? 'an error';

/** A command whose bytes are made already; the library only sends them and finds the reply. */
class EncodedCommand extends Command {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    super('evalsha', [], { replyEncoding: null });
    this.#bytes = bytes;
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }
}

/** Redis answered, and its answer is an error: known, not unknown. */
const isErrorReply = (error: unknown): boolean =>
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
