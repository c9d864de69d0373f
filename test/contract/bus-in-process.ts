import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import rhea from 'rhea';
import { noLog } from '../../src/simulate/service-bus/bus-log.ts';
import type { Place } from '../../src/simulate/service-bus/contents.ts';
import { parseEmulatorConfig } from '../../src/simulate/service-bus/emulator-config.ts';
import { Entities } from '../../src/simulate/service-bus/entities.ts';
import { FileLog } from '../../src/simulate/service-bus/file-log.ts';
import type { Lane } from '../../src/simulate/service-bus/lane.ts';
import type { Lock } from '../../src/simulate/service-bus/locks.ts';
import type { Queue } from '../../src/simulate/service-bus/queue.ts';
import type { Session } from '../../src/simulate/service-bus/sessions.ts';
import type { Topic } from '../../src/simulate/service-bus/topic.ts';
import { DELIVERIES_MAX, type Ending, LOCK_MS, type Offer, WINDOW_MS } from './subscription-model.ts';

const limits = { messagesMax: 100_000, bytesMax: 1024 ** 3 };
const iso = (ms: number) => `PT${String(ms / 1_000)}S`;
const receiving = { LockDuration: iso(LOCK_MS), MaxDeliveryCount: DELIVERIES_MAX };
const config = parseEmulatorConfig({
  UserConfig: {
    Namespaces: [
      {
        Name: 'ns',
        Topics: [
          {
            Name: 't',
            Properties: {
              RequiresDuplicateDetection: true,
              DuplicateDetectionHistoryTimeWindow: iso(WINDOW_MS),
            },
            Subscriptions: [
              { Name: 'plain', Properties: { ...receiving, DeadLetteringOnMessageExpiration: true } },
              { Name: 'sessions', Properties: { ...receiving, RequiresSession: true } },
            ],
          },
        ],
      },
    ],
  },
});
const sections = rhea.message as unknown as { data_section(body: Buffer): unknown };

/** A message as it lies somewhere: number, id, tries. */
export type Seen = readonly [sequence: number, id: string, tries: number];

/** One subscription of the stand-in, asked directly: what its links and `$management` ask of it. */
export class SubscriptionInProcess {
  queue: Queue;
  /** In the order they were given, over or not, with the session they are of. */
  readonly #locks: { readonly lock: Lock; session: Session | undefined }[] = [];
  readonly #holds = new Map<string, Session>();

  constructor(queue: Queue) {
    this.queue = queue;
  }

  /** Goes on with what a new process made of the same queue: nothing is held there, and old locks mean nothing. */
  restart(queue: Queue): void {
    this.queue = queue;
    this.#holds.clear();
    for (const one of this.#locks) one.session = undefined;
  }

  take(count: number, isPresettled: boolean, sessionId?: string): readonly Seen[] {
    const session = sessionId === undefined ? undefined : this.#held(sessionId);
    const seen: Seen[] = [];
    receive(this.queue, count, isPresettled, session, (bytes, lock) => {
      if (lock !== undefined) this.#locks.push({ lock, session });
      seen.push(seenIn(bytes));
    });
    return seen;
  }

  /** For good, from the dead-letter queue. */
  takeDead(count: number): readonly Seen[] {
    const seen: Seen[] = [];
    const { deadLetters } = this.queue;
    assert.ok(deadLetters !== undefined);
    receive(deadLetters, count, true, undefined, (bytes) => seen.push(seenIn(bytes)));
    return seen;
  }

  settle(at: number, kind: Ending): boolean {
    const { lock, session } = this.#lockAt(at);
    const noted: [string, string][] = at % 2 === 0 ? [] : [['note', 'x']];
    const properties = new Map(kind === 'dead-letter' ? [['DeadLetterReason', 'TEST']] : noted);
    return this.queue.settle(lock.key, { kind, properties }, session) === 'settled';
  }

  renew(at: number): boolean {
    return this.queue.renew(this.#lockAt(at).lock.key) !== undefined;
  }

  takeDeferred(sequences: readonly number[], sessionId?: string): readonly Seen[] | undefined {
    const session = sessionId === undefined ? undefined : this.#held(sessionId);
    const taken = this.queue.takeDeferred(sequences, false, session);
    if (typeof taken === 'string') return undefined;
    return taken.map(({ bytes, lock }) => {
      if (lock !== undefined) this.#locks.push({ lock, session });
      return seenIn(bytes);
    });
  }

  accept(sessionId: string): boolean {
    const session = this.queue.sessions?.accept(
      sessionId,
      this.#owner(() => sessionId),
    );
    if (session !== undefined) this.#holds.set(sessionId, session);
    return session !== undefined;
  }

  acceptNext(): string | undefined {
    let taken: Session | undefined;
    const owner = this.#owner(() => taken?.id ?? '');
    const accepter = {
      owner,
      take: (session: Session) => {
        taken = session;
        this.#holds.set(session.id, session);
      },
    };
    this.queue.sessions?.acceptNext(accepter);
    this.queue.sessions?.stopWaiting(accepter);
    return taken?.id;
  }

  letGo(sessionId: string, isLost = false): void {
    this.queue.releaseSession(this.#held(sessionId), isLost);
    this.#holds.delete(sessionId);
  }

  renewSession(sessionId: string): void {
    this.queue.sessions?.renew(this.#held(sessionId));
  }

  setState(sessionId: string, state: string | undefined): void {
    this.queue.setState(this.#held(sessionId), state === undefined ? undefined : Buffer.from(state));
  }

  stateOf(sessionId: string): string | undefined {
    return this.queue.sessions?.find(sessionId)?.state?.toString();
  }

  get heldSessions(): readonly string[] {
    return [...this.#holds.keys()];
  }

  #owner(id: () => string) {
    return {
      name: 'link',
      onSessionLost: () => {
        this.letGo(id(), true);
      },
    };
  }

  #held(sessionId: string): Session {
    const session = this.#holds.get(sessionId);
    assert.ok(session !== undefined, `session ${sessionId} is held`);
    return session;
  }

  #lockAt(at: number) {
    const found = this.#locks[at];
    assert.ok(found !== undefined, `lock ${String(at)} was given`);
    return found;
  }
}

/** Writes in the instant it is asked to, not at the end of the turn: steps of the model take no turns. */
class PromptLog extends FileLog {
  override whenWritten(then: () => void): void {
    this.flush();
    then();
  }
}

/** The stand-in's topic without doors; its clock is `Date`, which the test moves. */
export class BusInProcess {
  readonly plain: SubscriptionInProcess;
  readonly sessions: SubscriptionInProcess;
  readonly #dataDir: string | undefined;
  #log: PromptLog | undefined;
  #entities = new Entities(config, limits, noLog);
  #topic: Topic;

  /** With a folder all is kept in a log there, which is begun anew. */
  constructor(dataDir?: string) {
    if (dataDir !== undefined) rmSync(join(dataDir, 'bus.log'), { force: true });
    this.#dataDir = dataDir;
    const { topic, plain, sessions } = this.#open();
    this.#topic = topic;
    this.plain = new SubscriptionInProcess(plain);
    this.sessions = new SubscriptionInProcess(sessions);
  }

  get topic(): Topic {
    return this.#topic;
  }

  /** What is left by a kill once everything told so far is in the log, read by a new start. */
  restart(): void {
    this.close();
    const { topic, plain, sessions } = this.#open();
    this.#topic = topic;
    this.plain.restart(plain);
    this.sessions.restart(sessions);
  }

  close(): void {
    this.#log?.close();
  }

  publish(offers: readonly Offer[], dueAtMs = 0): readonly number[] {
    let sequences: readonly number[] | undefined;
    this.topic.publish(
      offers.map((offer) => encode(offer, dueAtMs)),
      (publication) => {
        sequences = publication.ok ? publication.sequences : undefined;
      },
    );
    assert.ok(sequences !== undefined, 'there is room');
    return sequences;
  }

  sweep(): void {
    this.#entities.sweep(Date.now());
  }

  #open() {
    this.#log = this.#dataDir === undefined ? undefined : new PromptLog(this.#dataDir);
    this.#entities = new Entities(config, limits, this.#log ?? noLog);
    this.#log?.open(this.#entities);
    const topic = this.#entities.topics.get('t');
    const [plain, sessions] = ['plain', 'sessions'].map((name) => topic?.subscriptions.get(name)?.queue);
    assert.ok(topic !== undefined && plain !== undefined && sessions !== undefined);
    return { topic, plain, sessions };
  }
}

function encode({ id, session, ttlMs }: Offer, dueAtMs: number): Buffer {
  return rhea.message.encode({
    message_id: id,
    ...(session === undefined ? {} : { group_id: session }),
    ...(ttlMs === undefined ? {} : { ttl: ttlMs }),
    ...(dueAtMs === 0 ? {} : { message_annotations: { 'x-opt-scheduled-enqueue-time': new Date(dueAtMs) } }),
    body: sections.data_section(Buffer.from(id)),
  });
}

function receive(
  queue: Queue,
  count: number,
  isPresettled: boolean,
  lane: Lane | undefined,
  send: (bytes: Buffer, lock: Lock | undefined) => void,
): void {
  let left = count;
  const consumer = {
    isPresettled,
    capacity: () => left,
    send: (bytes: Buffer, lock: Lock | undefined) => {
      left--;
      send(bytes, lock);
    },
  };
  queue.attach(consumer, lane);
  queue.pump(lane);
  queue.detach(consumer, lane);
}

/** Reads what went out, as its receiver would. */
function seenIn(bytes: Buffer): Seen {
  const { message_id: id, delivery_count: tries, message_annotations } = rhea.message.decode(bytes);
  const annotations = message_annotations as Record<string, unknown>;
  return [Number(annotations['x-opt-sequence-number']), String(id), tries ?? 0];
}

/** What a queue's messages, its dead letters and its states take, by what README.md says a place costs. */
export function bytesIn(queue: Queue): number {
  const [place, ofSession] = [200, queue.sessions === undefined ? 0 : 1_000];
  const sum = (held: Iterable<Place>, each: number) =>
    [...held].reduce(
      (bytes, { held: { message } }) => bytes + message.bare.length + message.annotations.length + each,
      0,
    );
  const states = [...(queue.sessions?.all() ?? [])].flatMap(({ state }) => state ?? []);
  return (
    sum(queue.held(), place + ofSession) +
    sum(queue.deadLetters?.held() ?? [], place) +
    states.reduce((bytes, { length }) => bytes + length + ofSession, 0)
  );
}
