import { setTimeout as sleep } from 'node:timers/promises';
import { acknowledge } from '../acknowledge/acknowledge.ts';
import type { FrameEvent } from '../frame/frame.ts';
import { LineServer, type Session, type SessionEvents } from '../listen/listen.ts';
import { Fault } from '../message/codes.ts';
import { Acceptance } from './acceptance.ts';
import { answerOf } from './answer-text.ts';
import { Conversation, LineCounts } from './conversation.ts';
import type { FrameItem } from './inbound-item.ts';
import type { InboundParts } from './inbound-parts.ts';
import { Pressure } from './pressure.ts';
import { framingFault, readFrame } from './read-frame.ts';
import { RefusalBudget } from './refusal-budget.ts';

/** Frames of one session in a batch, by what their sender is told. */
type Told = { accepted: number; refused: number; duplicates: number };

const CLOCK_MS = 50;
const CLOSE_MS_MAX = 1000;

/**
 * From socket to Redis: bytes → frames → messages → one accept call at a time → answers, in frame order. This is the only place where
 * the inbound rooms meet. Nothing is answered before it is durable; while too much is under way, sockets are not read.
 */
export class Inbound implements SessionEvents {
  readonly #parts: InboundParts;
  readonly #acceptance: Acceptance;
  readonly #budget: RefusalBudget;
  readonly #pressure: Pressure;
  readonly #servers: LineServer[] = [];
  readonly #conversations = new Map<Session, Conversation>();
  readonly #counts = new Map<string, LineCounts>();
  readonly #onFailed: (error: Error) => void;
  /** Read under back-pressure, because a confirmation was awaited on them, and not yet looked through. */
  readonly #behind = new Set<Conversation>();
  #clock: NodeJS.Timeout | undefined;
  #isDraining = false;

  /** `onFailed` is told once when the chain cannot go on; the process must then end. */
  constructor(parts: InboundParts, onFailed: (error: Error) => void) {
    this.#parts = parts;
    this.#onFailed = onFailed;
    const { config, metrics } = parts;
    this.#budget = new RefusalBudget(config.REFUSALS_PER_SECOND_MAX);
    this.#acceptance = new Acceptance(parts, (frames) => {
      this.#durable(frames);
    });
    this.#pressure = new Pressure(
      {
        messagesMax: config.UNACCEPTED_MESSAGES_MAX,
        bytesMax: config.UNACCEPTED_BYTES_MAX,
        onPausedCount: (count) => {
          metrics.pausedSockets.set(count);
        },
      },
      this.#acceptance,
      this.#conversations,
    );
  }

  /** Writes the opening page, then serves the lines. Resolves when all listen; answers their ports by line name. */
  async start(): Promise<ReadonlyMap<string, number>> {
    this.#acceptance.record(this.#parts.writer.opening);
    await this.#acceptance.idle();
    this.#clock = setInterval(() => {
      this.#tick(performance.now());
    }, CLOCK_MS);
    const ports = new Map<string, number>();
    for (const line of this.#parts.lines) {
      this.#counts.set(line.name, new LineCounts());
      const server = new LineServer(line, this);
      const port = await server.start();
      this.#servers.push(server);
      ports.set(line.name, port);
      this.#parts.log.event('line.listening', { line: line.name, port });
    }
    return ports;
  }

  /** Why this gateway cannot accept now; empty when it can. */
  get reasons(): readonly string[] {
    const reasons: string[] = [];
    if (this.#isDraining) reasons.push('DRAINING');
    if (this.#servers.length < this.#parts.lines.length) reasons.push('STARTING');
    if (this.#parts.queue.hot.isDown) reasons.push('REDIS_DOWN');
    if (this.#acceptance.blockedBy !== '') reasons.push(this.#acceptance.blockedBy);
    if (this.#acceptance.failed !== undefined) reasons.push('FAILED');
    return reasons;
  }

  /** SIGTERM: read no more, finish and answer what was read, sign and close the chain. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    for (const server of this.#servers) server.stopAccepting();
    // Sessions are still read for confirmations of what is out to stations, also those that back-pressure had paused.
    for (const conversation of this.#conversations.values()) conversation.readForConfirmationOnly();
    await Promise.all([this.#acceptance.idle(), this.#parts.stations.stopSending()]);
    for (const { session } of this.#conversations.values()) session.pause();
    await this.#acceptance.idle();
    for (const { session } of this.#conversations.values()) session.close(false);
    // Their closing is on the record too; a peer that does not take its last bytes is not waited for.
    const deadline = performance.now() + CLOSE_MS_MAX;
    while (this.#conversations.size > 0 && performance.now() < deadline) await sleep(CLOCK_MS / 5);
    for (const server of this.#servers) server.closeAll();
    while (this.#conversations.size > 0) await sleep(CLOCK_MS / 5);
    await this.#acceptance.close();
    this.abort();
  }

  /** Ends at once, leaving what is not durable to the senders. */
  abort(): void {
    clearInterval(this.#clock);
    for (const server of this.#servers) {
      server.stopAccepting();
      server.closeAll();
    }
  }

  opened(session: Session): void {
    if (this.#pressure.isOver) {
      // Nothing can be made durable now; a session's records would pile up with every attempt to connect.
      this.#parts.metrics.refusals.inc({ line: session.line, code: 'LISTEN_SESSIONS_TOO_MANY' });
      session.close(true);
      return;
    }
    const line = this.#parts.directory.lines.get(session.line);
    const dialect = this.#parts.lineDialects.get(session.line);
    const counts = this.#counts.get(session.line);
    if (line === undefined || dialect === undefined || counts === undefined) {
      throw new Fault('DIRECTORY_INVALID', `line ${session.line} is not served`);
    }
    const conversation = new Conversation(session, line, dialect, counts);
    conversation.onAwaiting = () => {
      this.#pressure.letRead(conversation);
    };
    this.#conversations.set(session, conversation);
    this.#parts.metrics.sessions.inc({ line: line.name });
    this.#parts.log.event('session.opened', { line: line.name, session: session.id });
    this.#acceptance.record({ e: 'session', line: line.name, what: 'opened', why: 'connected' });
    this.#parts.stations.opened(conversation);
  }

  rejected(line: string): void {
    const code = 'LISTEN_SESSIONS_TOO_MANY';
    this.#parts.metrics.refusals.inc({ line, code });
    // A thousand of these a second would be a thousand records; past the budget the metric counts them.
    if (this.#budget.isSpent(line, code, performance.now())) return;
    this.#acceptance.record({ e: 'session', line, what: 'closed', code, why: 'rejected' });
  }

  bytes(session: Session, chunk: Buffer): void {
    const conversation = this.#conversations.get(session);
    if (conversation === undefined || conversation.closingCode !== '') return;
    // What confirms a delivery is taken out first: it must not wait behind frames that back-pressure holds.
    const isTaken = (event: FrameEvent) =>
      this.#parts.stations.takes(conversation, event) || this.#isDraining;
    const { strayBytes, keepAlives } = conversation.read(chunk, performance.now(), isTaken);
    // Frames that came since are left to their senders.
    if (this.#isDraining) return;
    const { metrics } = this.#parts;
    if (strayBytes > 0) metrics.strayBytes.inc({ line: session.line }, strayBytes);
    if (keepAlives > 0) metrics.keepAlives.inc({ line: session.line }, keepAlives);
    if (this.#pressure.isOver) this.#behind.add(conversation);
    else this.#advance(conversation);
    this.#pressure.afterRead(conversation);
  }

  drained(): void {
    if (!this.#isDraining) this.#pressure.afterAnswers();
  }

  ended(session: Session): void {
    const conversation = this.#conversations.get(session);
    if (conversation === undefined) return;
    conversation.isEnded = true;
    conversation.closeIfDone();
  }

  closed(session: Session): void {
    const conversation = this.#conversations.get(session);
    if (conversation === undefined) return;
    this.#conversations.delete(session);
    this.#pressure.forget(conversation);
    this.#behind.delete(conversation);
    this.#parts.stations.closed(conversation);
    const { frames, refused, closingCode: code } = conversation;
    const line = conversation.line.name;
    this.#parts.metrics.sessions.dec({ line });
    this.#parts.log.event('session.closed', { line, session: session.id, code, frames, refused });
    const why = code === '' ? { why: 'peer' } : { code, why: 'gateway' };
    this.#acceptance.record({ e: 'session', line, what: 'closed', ...why });
  }

  #advance(conversation: Conversation): void {
    const { metrics, directory, reach } = this.#parts;
    const line = conversation.line.name;
    let frames = 0;
    for (let event = conversation.next(); event !== undefined; event = conversation.next()) {
      if (event.kind === 'control') continue;
      const nowMs = Date.now();
      if (event.kind === 'frame') {
        frames += 1;
        this.#offer(readFrame(event, conversation, directory, nowMs, reach));
        continue;
      }
      metrics.frames.inc({ line, outcome: 'fault' });
      this.#offer(framingFault(event.refusal, conversation, nowMs));
      const over = event.isLast ? event.refusal : conversation.countFault(performance.now());
      if (over !== undefined) {
        // Its answers still go out; then the session is closed.
        conversation.closingCode = over.code;
        conversation.session.pause();
        break;
      }
    }
    conversation.frames += frames;
    // Once for all of a read: looking a label up costs more than counting.
    if (frames > 0) metrics.frames.inc({ line, outcome: 'frame' }, frames);
  }

  #offer(item: FrameItem): void {
    const { from, refusals } = item;
    const code = refusals[0]?.code;
    const isCounted = code !== undefined && this.#budget.isSpent(from.line.name, code, item.startedAt);
    item.receivedCount = from.counts.countReceived();
    from.started(item.startedAt, item.priorityClass);
    this.#acceptance.frame(isCounted ? { ...item, isCounted } : item);
  }

  #durable(frames: readonly FrameItem[]): void {
    const touched = new Map<Conversation, Told>();
    const now = performance.now();
    for (const item of frames) {
      let told = touched.get(item.from);
      if (told === undefined) {
        told = { accepted: 0, refused: 0, duplicates: 0 };
        touched.set(item.from, told);
        item.from.session.cork();
      }
      if (item.duplicateOf !== '') told.duplicates += 1;
      if (item.refusals.length > 0) told.refused += 1;
      else told.accepted += 1;
      this.#answer(item, now);
    }
    const { metrics } = this.#parts;
    for (const [conversation, { accepted, refused, duplicates }] of touched) {
      conversation.session.uncork();
      const line = conversation.line.name;
      if (accepted > 0) metrics.messages.inc({ line, outcome: 'accepted' }, accepted);
      if (refused > 0) metrics.messages.inc({ line, outcome: 'refused' }, refused);
      if (duplicates > 0) metrics.duplicates.inc({ line }, duplicates);
      metrics.lastProgress.set({ link: line }, Date.now() / 1000);
      if (conversation.closingCode === '') this.#advance(conversation);
      conversation.closeIfDone();
    }
    if (this.#isDraining) return;
    this.#catchUp();
    this.#pressure.afterAnswers();
  }

  #catchUp(): void {
    for (const conversation of this.#behind) {
      if (this.#pressure.isOver) return;
      this.#behind.delete(conversation);
      if (conversation.closingCode === '') this.#advance(conversation);
    }
  }

  #answer(item: FrameItem, now: number): void {
    const { from, refusals } = item;
    const { line, session } = from;
    const { metrics, directory } = this.#parts;
    from.answered();
    metrics.acceptSeconds.observe((now - item.startedAt) / 1000);
    if (refusals.length > 0) from.refused += 1;
    for (const { code } of refusals) metrics.refusals.inc({ line: line.name, code });
    // The deadline passed and the line was closed: the outcome is on the record, and nobody is told late.
    if (!session.isOpen) return;
    const answer = answerOf(item, directory.gatewayOri);
    for (const bytes of acknowledge(line.confirm, from.dialect.framing, answer)) session.write(bytes);
    if (answer.kind === 'refused') this.#parts.stations.answered(from);
  }

  #tick(now: number): void {
    for (const conversation of this.#conversations.values()) {
      const code = conversation.overdue(now);
      if (code === undefined || conversation.closingCode === code) continue;
      conversation.closingCode = code;
      if (code === 'ACCEPT_UNKNOWN') this.#acceptance.record({ e: 'fault', code });
      conversation.session.close(true);
    }
    if (this.#isDraining) return;
    this.#acceptance.signHeadIfDue(Date.now());
    const { failed } = this.#acceptance;
    if (failed !== undefined) {
      this.abort();
      this.#onFailed(failed);
    }
  }
}
