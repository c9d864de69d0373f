import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameEvent } from '../frame/frame.ts';
import { LineServer, type Session, type SessionEvents } from '../listen/listen.ts';
import { Fault } from '../message/codes.ts';
import type { Refusal } from '../message/refusal.ts';
import { Acceptance } from './acceptance.ts';
import { Answering } from './answering.ts';
import { Conversation, LineCounts } from './conversation.ts';
import type { FrameItem } from './inbound-item.ts';
import type { InboundParts } from './inbound-parts.ts';
import { LogOns } from './log-ons.ts';
import { Pressure } from './pressure.ts';
import { framingFault, readFrame } from './read-frame.ts';
import { RefusalBudget } from './refusal-budget.ts';
import type { SessionStep } from './session-step.ts';

const CLOCK_MS = 50;
const CLOSE_MS_MAX = 1000;

/**
 * From socket to Redis: bytes → frames → messages → one accept call at a time → answers, in frame order. This is the only place where
 * the inbound rooms meet. Nothing is answered before it is durable; while too much is under way, sockets are not read.
 */
export class Inbound implements SessionEvents {
  readonly #parts: InboundParts;
  readonly #acceptance: Acceptance;
  readonly #answering: Answering;
  readonly #logOns: LogOns;
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
    this.#answering = new Answering(parts);
    this.#logOns = new LogOns(parts.directory, (item) => {
      this.#afterLogOn(item);
    });
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
    if (conversation.mayBeSent) this.#parts.stations.opened(conversation);
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
    const { strayBytes, keepAlives, headerBytes } = conversation.read(chunk, performance.now(), isTaken);
    // Frames that came since are left to their senders.
    if (this.#isDraining) return;
    const { metrics } = this.#parts;
    if (strayBytes > 0) metrics.strayBytes.inc({ line: session.line }, strayBytes);
    if (keepAlives > 0) metrics.keepAlives.inc({ line: session.line }, keepAlives);
    if (headerBytes > 0) metrics.headerBytes.inc({ line: session.line }, headerBytes);
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
    const { metrics, directory, reach, faces } = this.#parts;
    const line = conversation.line.name;
    let frames = 0;
    for (let event = conversation.next(); event !== undefined; event = conversation.next()) {
      const nowMs = Date.now();
      if (event.kind === 'frame') {
        frames += 1;
        const item = readFrame(event, conversation, directory, nowMs, reach, faces);
        if (item.session === undefined) this.#offer(item);
        else this.#logOn(item, item.session);
        continue;
      }
      if (this.#fault(event.refusal, conversation, event.isLast)) break;
    }
    conversation.frames += frames;
    // Once for all of a read: looking a label up costs more than counting.
    if (frames > 0) metrics.frames.inc({ line, outcome: 'frame' }, frames);
  }

  /** True when it was one too many, or the place in the stream is lost: answers still go out, then the session is closed. */
  #fault(refusal: Refusal, conversation: Conversation, isLast = false): boolean {
    this.#parts.metrics.frames.inc({ line: conversation.line.name, outcome: 'fault' });
    this.#offer(framingFault(refusal, conversation, Date.now()));
    const over = isLast ? refusal : conversation.countFault(performance.now());
    if (over === undefined) return false;
    conversation.closingCode = over.code;
    conversation.session.pause();
    return true;
  }

  /** Whoever was on is not any more, and gets nothing more, whatever becomes of it. */
  #logOn(item: FrameItem, step: SessionStep): void {
    this.#parts.stations.closed(item.from);
    this.#logOns.take(item, step);
  }

  #afterLogOn(item: FrameItem): void {
    if (this.#isDraining) return;
    this.#offer(item);
    // What came behind it was held.
    if (item.session?.kind === 'on' && item.from.closingCode === '') this.#advance(item.from);
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
    for (const conversation of this.#answering.answer(frames)) {
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

  #tick(now: number): void {
    for (const conversation of this.#conversations.values()) {
      if (!this.#isDraining && conversation.closingCode === '')
        for (const refusal of conversation.swept(now)) if (this.#fault(refusal, conversation)) break;
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
