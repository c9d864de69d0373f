import { type Step, type Talk, TalkError } from '../../src/explain/talk-file.ts';
import type { TalkText } from '../../src/explain/talk-text.ts';
import type { WireFraming } from '../../src/simulate/wire/framing.ts';
import { Connection } from './connection.ts';
import { bytesOf, matched, shown } from './heard.ts';

/** Where a talk is played. */
export type Stage = {
  /** A line, the talk's own among them; undefined when there is none. Without a framing whole messages cannot be said or heard. */
  lineOf(
    talk: Talk,
    name: string,
  ): { readonly port: number; readonly framing: WireFraming | undefined } | undefined;
  /** Takes the first message off a subscription that `isMeant`; those before it stay. Undefined when none came by then. */
  takeFromBus(
    subscription: string,
    isMeant: (body: Buffer) => boolean,
    deadline: number,
  ): Promise<Buffer | undefined>;
  /** What waits on a subscription, oldest first. */
  onBus(subscription: string): readonly Buffer[];
};

/**
 * Plays a talk to its end, one step after the other. Throws TalkError at the first thing that is not as written. `waitMs`: how long a step
 * may wait for what it expects.
 */
export async function playTalk(talk: Talk, stage: Stage, waitMs: (step: Step) => number): Promise<void> {
  const play = new Play(talk, stage, waitMs);
  try {
    for (const step of talk.steps) await play.step(step);
    await play.end();
  } finally {
    play.stop();
  }
}

class Play {
  readonly #talk: Talk;
  readonly #stage: Stage;
  readonly #waitMs: (step: Step) => number;
  readonly #people = new Map<string, Connection>();
  readonly #remembered = new Map<string, string>();

  constructor(talk: Talk, stage: Stage, waitMs: (step: Step) => number) {
    this.#talk = talk;
    this.#stage = stage;
    this.#waitMs = waitMs;
  }

  async step(step: Step): Promise<void> {
    switch (step.does) {
      case 'connect':
        return this.#connect(step.who, step.to, step);
      case 'close':
        return this.#leave(step.who, step);
      case 'closed':
        return this.#closed(this.#person(step.who, step), step);
      case 'says':
        this.#speaker(step.who, step).say(bytesOf(step.text, this.#remembered));
        return;
      case 'sends':
        this.#person(step.who, step).send(bytesOf(step.text, this.#remembered));
        return;
      case 'hears':
        return this.#hears(this.#speaker(step.who, step), step.text, step);
      case 'gets':
        return this.#gets(this.#person(step.who, step), step.text, step);
      case 'bus':
        return this.#bus(step.subscription, step.text, step);
    }
  }

  /** Everybody leaves; what nobody expected comes to light. */
  async end(): Promise<void> {
    const last = this.#talk.steps.at(-1);
    if (last === undefined) return;
    for (const who of [...this.#people.keys()]) await this.#leave(who, { ...last, written: 'the end' });
  }

  stop(): void {
    for (const connection of this.#people.values()) connection.destroy();
  }

  async #connect(who: string, to: string, step: Step): Promise<void> {
    const line = this.#stage.lineOf(this.#talk, to);
    if (line === undefined) throw new TalkError(step.place, `there is no line ${to}`);
    if (this.#people.has(who)) throw new TalkError(step.place, `${who} is connected already`);
    this.#people.set(who, await Connection.open(line.port, line.framing));
  }

  #person(who: string, step: Step): Connection {
    const connection = this.#people.get(who);
    if (connection === undefined) throw new TalkError(step.place, `${who} is not connected any more`);
    return connection;
  }

  #speaker(who: string, step: Step): Connection {
    const connection = this.#person(who, step);
    if (connection.speaks) return connection;
    throw new TalkError(step.place, `the framing of ${who}'s line is not spoken here: send and get bytes`);
  }

  /** The other side has answered everything before it closes, so what is unread then is more than the talk says. */
  async #leave(who: string, step: Step): Promise<void> {
    const connection = this.#person(who, step);
    connection.end();
    const isClosed = await connection.until(() => connection.isClosed, this.#deadline(step));
    if (connection.unread.length > 0) {
      throw new TalkError(step.place, `${step.written}\n${who} was told more:\n${shown(connection.unread)}`);
    }
    if (!isClosed) throw new TalkError(step.place, `${step.written}\n${who} is still waited for`);
    this.#people.delete(who);
  }

  async #closed(connection: Connection, step: Step): Promise<void> {
    if (await connection.until(() => connection.isClosed, this.#deadline(step))) return;
    throw new TalkError(step.place, `${step.written}\nexpected: the line closed\nit is open`);
  }

  async #hears(connection: Connection, text: TalkText, step: Step): Promise<void> {
    const isThere = () => connection.next() !== undefined || connection.isClosed;
    await connection.until(isThere, this.#deadline(step));
    const next = connection.next();
    if (next === undefined) throw this.#otherwise(step, text, connection);
    if (matched(text, next.content, this.#remembered, true) === undefined) {
      throw this.#otherwise(step, text, next.content);
    }
    connection.take(next.used);
  }

  async #gets(connection: Connection, text: TalkText, step: Step): Promise<void> {
    let used: number | undefined;
    const isThere = () => {
      used ??= matched(text, connection.unread, this.#remembered, false);
      return used !== undefined || connection.isClosed || isOther(text, connection.unread, this.#remembered);
    };
    await connection.until(isThere, this.#deadline(step));
    if (used === undefined) throw this.#otherwise(step, text, connection);
    connection.take(used);
  }

  async #bus(subscription: string, text: TalkText, step: Step): Promise<void> {
    const isMeant = (body: Buffer) => matched(text, body, this.#remembered, true) !== undefined;
    const taken = await this.#stage.takeFromBus(subscription, isMeant, this.#deadline(step));
    if (taken === undefined) {
      throw this.#otherwise(
        step,
        text,
        Buffer.from(this.#stage.onBus(subscription).map(String).join('\r\n---\r\n')),
      );
    }
  }

  #deadline(step: Step): number {
    return performance.now() + this.#waitMs(step);
  }

  #otherwise(step: Step, text: TalkText, came: Buffer | Connection): TalkError {
    const expected = text.map((piece) => {
      if (piece.kind === 'bytes') return shown(Buffer.from(piece.bytes, 'latin1'));
      if (piece.kind === 'any') return `{${piece.what}}`;
      return shown(Buffer.from(this.#remembered.get(piece.name) ?? '', 'latin1'));
    });
    const bytes = came instanceof Connection ? came.unread : came;
    const closed = came instanceof Connection && came.isClosed ? ', and the line was closed' : '';
    const what = bytes.length === 0 ? `nothing${closed}` : `${shown(bytes)}${closed}`;
    const set = (lines: string) => lines.replaceAll('\n', '\n          ');
    return new TalkError(
      step.place,
      `${step.written}\nexpected: ${set(expected.join(''))}\n    came: ${set(what)}`,
    );
  }
}

/** Can nothing that still comes make it the expected bytes? Where something may vary we wait. */
function isOther(text: TalkText, came: Buffer, remembered: ReadonlyMap<string, string>): boolean {
  if (text.some(({ kind }) => kind === 'any')) return false;
  const expected = bytesOf(text, remembered).subarray(0, came.length);
  return came.length > 0 && !expected.equals(came.subarray(0, expected.length));
}
