const JUMP_MS_MAX = 30_000;

/**
 * Redis' clock as its replies told it. Deadlines are judged by it alone (design 5.15): a message in our hands is past its deadline when a
 * reply has said so, never by our own clock. A jump of over 30 s against our monotonic clock suspends expiry until the two agree again
 * or the process is started anew: a clock set wrong must not throw away messages.
 */
export class ServerClock {
  readonly #onJump: (jumpMs: number) => void;
  #nowMs = 0;
  #offsetMs: number | undefined;
  #isSuspended = false;

  constructor(onJump: (jumpMs: number) => void) {
    this.#onJump = onJump;
  }

  /** `monotonicMs` is when the reply came. */
  observe(redisMs: number, monotonicMs: number = performance.now()): void {
    const offset = redisMs - monotonicMs;
    this.#offsetMs ??= offset;
    const jumpMs = offset - this.#offsetMs;
    const isJump = Math.abs(jumpMs) > JUMP_MS_MAX;
    if (isJump && !this.#isSuspended) this.#onJump(jumpMs);
    this.#isSuspended = isJump;
    // Slow drift is no jump: the comparison follows it.
    if (!isJump) this.#offsetMs = offset;
    this.#nowMs = redisMs;
  }

  /** No deadline may be judged now. */
  get isSuspended(): boolean {
    return this.#isSuspended;
  }

  isPast(deadlineMs: number): boolean {
    return !this.#isSuspended && deadlineMs > 0 && deadlineMs <= this.#nowMs;
  }
}
