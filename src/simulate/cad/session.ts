import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import type { LineFacts } from '../wire/line-facts.ts';
import type { Delivered, LineVoice } from '../wire/line-voice.ts';
import { wireControl, type WireEvent, wireFrame, WireReader } from '../wire/wire-codec.ts';
import { OwedAnswers } from './owed-answers.ts';

const connectMsMax = 10_000;

export type SessionEvents = {
  readonly onDelivery: (session: Session, message: Delivered) => void;
  readonly onClosed: (session: Session) => void;
};

/** One TCP connection to a line: frames out, answers and deliveries in. */
export class Session {
  readonly owed: OwedAnswers;
  readonly #facts: LineFacts;
  readonly #voice: LineVoice;
  readonly #socket: Socket;
  readonly #reader: WireReader;
  readonly #events: SessionEvents;

  private constructor(facts: LineFacts, voice: LineVoice, socket: Socket, events: SessionEvents) {
    this.#facts = facts;
    this.#voice = voice;
    this.#socket = socket;
    this.#events = events;
    this.#reader = new WireReader(facts.framing);
    this.owed = new OwedAnswers(facts.confirm);
    socket.on('data', (chunk: Buffer) => {
      for (const event of this.#reader.push(chunk)) this.#hear(event);
    });
    socket.on('end', () => socket.destroy());
    socket.once('close', () => {
      this.owed.end();
      events.onClosed(this);
    });
  }

  /** Rejects when nobody listens, nobody answers in time, or `stopped` says so. */
  static async open(
    facts: LineFacts,
    voice: LineVoice,
    events: SessionEvents,
    stopped: AbortSignal,
  ): Promise<Session> {
    const socket = connect({ host: facts.host, port: facts.port, noDelay: true });
    socket.on('error', () => undefined);
    try {
      await once(socket, 'connect', {
        signal: AbortSignal.any([stopped, AbortSignal.timeout(connectMsMax)]),
      });
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return new Session(facts, voice, socket, events);
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** Resolves when the bytes are handed to the system; also when the connection is gone. */
  write(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) resolve();
      else {
        this.#socket.write(bytes, () => {
          resolve();
        });
      }
    });
  }

  /** Says what the line's confirmation is for a message that came: nothing at all on a line without one. */
  async confirm(message: Delivered, isAccepted: boolean): Promise<void> {
    const { confirm, framing } = this.#facts;
    if (confirm === 'link') await this.write(wireControl(framing, isAccepted ? 'ACK' : 'NAK'));
    if (confirm !== 'application') return;
    const receipt = this.#voice.receipt(message.sentCount, isAccepted);
    await this.write(wireFrame(framing, Buffer.from(receipt, 'latin1')));
  }

  close(): void {
    this.#socket.destroy();
  }

  #hear(event: WireEvent): void {
    const heard = this.#voice.hear(event);
    if (heard.kind === 'delivery') {
      // A refusal is written right behind its ACK: whatever else comes next, the ACK stands.
      this.owed.hear({ kind: 'other' });
      this.#events.onDelivery(this, heard.message);
      return;
    }
    this.owed.hear(heard);
    if (heard.kind === 'refusal' && this.#facts.answersAcked && this.#facts.confirm === 'link')
      void this.write(wireControl(this.#facts.framing, 'ACK'));
  }
}
