import { setTimeout as sleep } from 'node:timers/promises';
import type { Directory } from '../directory/directory.ts';
import { isPassword } from '../vault/password-hash.ts';
import type { FrameItem } from './inbound-item.ts';
import type { SessionStep } from './session-step.ts';

/** A check takes tens of MiB and a thread of Node's four; others wait their turn, one a session at most. */
const CHECKS_MAX = 2;

type LogOnStep = Extract<SessionStep, { kind: 'on' }>;

/**
 * Log-ons of all lines of a gateway. While one is looked at its session is held: what was sent behind it waits for what becomes of it.
 * A refused one is answered late, and after so many its session is closed, so passwords cannot be tried out fast.
 */
export class LogOns {
  readonly #hashes: ReadonlyMap<string, string>;
  readonly #onDone: (item: FrameItem) => void;
  readonly #waiting: (() => void)[] = [];
  #checks = 0;

  /** `onDone` gets a log-on or log-off once it is known what becomes of it. */
  constructor(directory: Pick<Directory, 'passwordHashes'>, onDone: (item: FrameItem) => void) {
    this.#hashes = directory.passwordHashes;
    this.#onDone = onDone;
  }

  take(item: FrameItem, step: SessionStep): void {
    const { from } = item;
    const { user } = from;
    from.loggedOff(performance.now());
    if (step.kind === 'off') this.#onDone(withUser(item, user));
    else {
      from.isHeld = true;
      void this.#logOn(item, step);
    }
  }

  async #logOn(item: FrameItem, step: LogOnStep): Promise<void> {
    const { from } = item;
    const { session, line } = from;
    const isRight = await this.#isRight(item, step);
    step.password.fill(0);
    if (!isRight && session.isOpen) await sleep(line.logOn?.failureDelayMs ?? 0);
    from.isHeld = false;
    if (isRight && session.isOpen && from.closingCode === '') {
      from.loggedOn(step);
      this.#onDone(withUser(item, step.user));
      return;
    }
    from.logOnFailures += 1;
    if (from.logOnFailures >= (line.logOn?.failuresMax ?? 1) && from.closingCode === '') {
      // Its answer still goes out; then the session is closed.
      from.closingCode = 'LISTEN_LOG_ON';
      session.pause();
    }
    // On the record also where the session has ended meanwhile: nobody tries passwords unseen.
    this.#onDone({ ...item, refusals: [{ code: 'LISTEN_LOG_ON' }] });
  }

  /** A user who may not log on here, or is none, takes as long as one who may. */
  async #isRight({ from }: FrameItem, { user, password }: LogOnStep): Promise<boolean> {
    const users = from.line.logOn?.users ?? new Set<string>();
    const [anybody = ''] = users;
    const isKnown = users.has(user);
    const hash = this.#hashes.get(isKnown ? user : anybody) ?? '';
    await this.#turn();
    try {
      return from.session.isOpen && (await isPassword(password, hash)) && isKnown;
    } catch {
      // No memory for the check, say: one log-on is refused, and every line goes on.
      return false;
    } finally {
      // The place goes to who waits longest, or is free.
      const next = this.#waiting.shift();
      if (next === undefined) this.#checks -= 1;
      else next();
    }
  }

  async #turn(): Promise<void> {
    if (this.#checks < CHECKS_MAX) this.#checks += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

const withUser = (item: FrameItem, user: string): FrameItem =>
  item.message === undefined ? item : { ...item, message: { ...item.message, user } };
