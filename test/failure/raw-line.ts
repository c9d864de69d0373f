import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, AnswerReader } from '../../loadtest/witness/answers.ts';
import type { Site } from '../../src/simulate/site/site.ts';

/** Bytes on a line and what came back, for senders that do not behave. */
export class RawLine {
  readonly socket: Socket;
  readonly #reader = new AnswerReader();
  readonly answers: Answer[] = [];
  bytesRead = 0;
  isClosed = false;

  private constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.isClosed = true;
    });
    this.socket.on('end', () => this.socket.destroy());
    this.socket.on('data', (chunk: Buffer) => {
      this.bytesRead += chunk.length;
      this.answers.push(...this.#reader.read(chunk));
    });
  }

  /** Resolves when connected, or when the far side closed at once. */
  static async open(site: Pick<Site, 'linePorts'>, line: string): Promise<RawLine> {
    const raw = new RawLine(site.linePorts.get(line) ?? 0);
    await raw.until(() => raw.isClosed || raw.socket.readyState === 'open', 'connected');
    return raw;
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  async until(is: () => boolean, what: string, msMax = 10_000): Promise<void> {
    const deadline = performance.now() + msMax;
    while (!is()) {
      if (performance.now() > deadline) {
        const kinds = this.answers.map((answer) => answer.kind).join(' ');
        throw new Error(`not in time: ${what}; closed ${String(this.isClosed)}, answers: ${kinds}`);
      }
      await sleep(10);
    }
  }

  async answered(count: number): Promise<readonly Answer[]> {
    await this.until(() => this.answers.length >= count, `${String(count)} answers`);
    return this.answers;
  }

  async closed(msMax = 10_000): Promise<void> {
    await this.until(() => this.isClosed, 'line closed', msMax);
  }

  close(): void {
    this.socket.destroy();
  }
}

export const framed = (content: string): string => `\x02${content}\x03`;

/** The status lines of a refusal, such as `.61. FRAME TOO LONG - LIMIT 32768`. */
export const statusesOf = (answer: Answer | undefined): readonly string[] =>
  answer?.kind === 'frame' ? (answer.text.match(/^\.\d\d\. .*$/gm) ?? []).map((line) => line.trimEnd()) : [];
