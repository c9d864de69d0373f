import { Deferred } from './deferred.ts';
import { Lane } from './lane.ts';
import { Session, Sessions } from './sessions.ts';
import { expiryOf, type Held, heldBytes, messageStates, type Peeked } from './stored-message.ts';
import { sessionIdOf } from './wire-message.ts';

export type ContentsOptions = {
  readonly lockMs: number;
  /** The queue's own default time to live; Infinity for none. */
  readonly ttlMs: number;
  readonly requiresSession: boolean;
};

/** A message, and what was done with it when it was last moved. */
export type Place = { readonly held: Held; readonly isLocked: boolean; readonly isDeferred: boolean };

/** Why deferred messages were not handed out. */
export type NotTaken = 'missing' | 'too-much';

/** Deferred messages go out in one answer, which is put together in memory. */
const takenBytesMax = 8 * 1024 * 1024;

/** What a queue holds: messages waiting and under lock, in one lane or in a lane a session, and deferred ones. */
export class Contents {
  /** Where messages without a session wait; empty in a queue that requires sessions. */
  readonly lane: Lane;
  readonly sessions: Sessions | undefined;
  readonly deferred = new Deferred();
  #ttlMs: number;

  constructor({ lockMs, ttlMs, requiresSession }: ContentsOptions) {
    this.lane = new Lane(lockMs);
    this.sessions = requiresSession ? new Sessions(lockMs) : undefined;
    this.#ttlMs = ttlMs;
  }

  /** What `RequiresSession` made of it stays; locks taken before keep their end. */
  configure({ lockMs, ttlMs }: ContentsOptions): void {
    const isTtlChanged = ttlMs !== this.#ttlMs;
    this.#ttlMs = ttlMs;
    if (this.sessions !== undefined) this.sessions.lockMs = lockMs;
    for (const lane of this.#lanes()) {
      lane.lockMs = lockMs;
      if (isTtlChanged) lane.expectAnyExpiry();
    }
  }

  /** Forgets everything; locks whose links are still about are lost. */
  clear(): void {
    for (const lane of this.#lanes()) {
      lane.locks.clear();
      lane.waiting.clear();
    }
    this.deferred.clear();
  }

  get counts() {
    let [active, locked] = [0, 0];
    for (const { waiting, locks } of this.#lanes()) {
      active += waiting.length;
      locked += locks.size;
    }
    return { active, locked, deferred: this.deferred.size };
  }

  /** The lane a message belongs in; undefined when it needs a session and names none. */
  laneOf(held: Held): Lane | undefined {
    if (this.sessions === undefined) return this.lane;
    const id = sessionIdOf(held.message.bare);
    return id === undefined ? undefined : this.sessions.open(id);
  }

  expiryOf(held: Held): number {
    return expiryOf(held.message, this.#ttlMs);
  }

  isExpired(held: Held, nowMs: number): boolean {
    return expiryOf(held.message, this.#ttlMs) <= nowMs;
  }

  /** Takes deferred messages out: all, or none when one is not there, expired or of another lane, or they are too many. */
  takeDeferred(sequences: readonly number[], lane: Lane, nowMs: number): readonly Held[] | NotTaken {
    const found: Held[] = [];
    let bytes = 0;
    for (const sequence of new Set(sequences)) {
      const held = this.deferred.get(sequence);
      if (held === undefined || this.isExpired(held, nowMs) || !isOf(held, lane)) return 'missing';
      bytes += heldBytes(held.message);
      if (found.push(held) > 1 && bytes > takenBytesMax) return 'too-much';
    }
    for (const { message } of found) this.deferred.delete(message.sequence);
    return found;
  }

  /** Messages from a sequence number on, waiting, locked or deferred, in order; of one session or of all. */
  peek(fromSequence: number, count: number, sessionId: string | undefined): readonly Peeked[] {
    const nowMs = Date.now();
    const found = new Map<Held, Peeked['state']>();
    const session = sessionId === undefined ? undefined : this.sessions?.find(sessionId);
    for (const { waiting, locks } of session === undefined ? this.#lanes() : [session]) {
      for (const held of waiting.from(fromSequence, count)) found.set(held, messageStates.active);
      for (const { held } of locks.all()) found.set(held, messageStates.active);
    }
    for (const held of this.deferred.all()) found.set(held, messageStates.deferred);
    return [...found.keys()]
      .filter((held) => held.message.sequence >= fromSequence && !this.isExpired(held, nowMs))
      .filter((held) => sessionId === undefined || sessionIdOf(held.message.bare) === sessionId)
      .sort((a, b) => a.message.sequence - b.message.sequence)
      .slice(0, count)
      .map((held) => ({ ...held, state: found.get(held) ?? 0, expiresAtMs: this.expiryOf(held) }));
  }

  /** Everything, for the log's snapshot. */
  *all(): Generator<Place> {
    for (const { waiting, locks } of this.#lanes()) {
      for (const held of waiting) yield { held, isLocked: false, isDeferred: false };
      for (const { held, isDeferred } of locks.all()) yield { held, isLocked: true, isDeferred };
    }
    for (const held of this.deferred.all()) yield { held, isLocked: false, isDeferred: true };
  }

  *#lanes(): Generator<Lane> {
    yield this.lane;
    yield* this.sessions?.all() ?? [];
  }
}

function isOf(held: Held, lane: Lane): boolean {
  return !(lane instanceof Session) || sessionIdOf(held.message.bare) === lane.id;
}
