import { writeSync } from 'node:fs';
import type { ReadStream, WriteStream } from 'node:tty';

/** Alternate screen, no cursor, no wrapping at the last column. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J\x1b[H';
const LEAVE = '\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l';
const CLEAR = '\x1b[2J';
const HOME = '\x1b[H';

export type Size = { readonly columns: number; readonly rows: number };

/** Neither a pipe nor a terminal that knows no escape codes. */
export const isLive = (
  { stdin, stdout }: { readonly stdin: { isTTY?: boolean }; readonly stdout: { isTTY?: boolean } },
  env: Readonly<Record<string, string | undefined>>,
): boolean =>
  stdin.isTTY === true && stdout.isTTY === true && env['TERM'] !== 'dumb' && (env['TERM'] ?? '') !== '';

/**
 * The terminal while it shows one screen. A frame is one write over the one before, from the upper left corner; nothing is cleared but when
 * the size changes. However the process ends, short of SIGKILL, the terminal is given back as it was.
 */
export class Terminal {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #onKey: (key: string) => void;
  readonly #onResize: () => void;
  #isEntered = false;
  #isBehind = false;

  constructor(
    input: ReadStream,
    output: WriteStream,
    { onKey, onResize }: { onKey: (key: string) => void; onResize: () => void },
  ) {
    this.#input = input;
    this.#output = output;
    this.#onKey = onKey;
    this.#onResize = onResize;
  }

  get size(): Size {
    const { columns, rows } = this.#output;
    // A terminal that was never told its size says 0.
    return columns > 0 && rows > 0 ? { columns, rows } : { columns: 80, rows: 24 };
  }

  enter(): void {
    this.#input.setRawMode(true);
    this.#input.on('data', this.#read);
    this.#input.resume();
    this.#output.on('resize', this.#resized);
    process.on('exit', this.#restore);
    process.on('SIGTSTP', this.#suspend);
    process.on('SIGCONT', this.#resumed);
    this.#isEntered = true;
    this.#output.write(ENTER);
  }

  /** Lines of exactly the size's columns, as many as its rows. A frame is left out while the terminal has not taken the one before. */
  show(lines: readonly string[]): void {
    if (!this.#isEntered || this.#isBehind) return;
    if (this.#output.write(HOME + lines.join('\r\n'))) return;
    this.#isBehind = true;
    this.#output.once('drain', () => (this.#isBehind = false));
  }

  leave(): void {
    this.#restore();
    this.#input.off('data', this.#read);
    this.#input.pause();
    this.#output.off('resize', this.#resized);
    process.off('exit', this.#restore);
    process.off('SIGTSTP', this.#suspend);
    process.off('SIGCONT', this.#resumed);
  }

  readonly #read = (chunk: Buffer): void => {
    // Arrow and function keys come as one chunk that begins with an escape: none of ours.
    if (chunk[0] !== 0x1b) for (const key of chunk.toString('latin1')) this.#onKey(key);
  };

  readonly #resized = (): void => {
    this.#output.write(CLEAR);
    this.#onResize();
  };

  /** Written at once: at the exit of a process nothing is waited for. */
  readonly #restore = (): void => {
    if (!this.#isEntered) return;
    this.#isEntered = false;
    try {
      writeSync(1, LEAVE);
      this.#input.setRawMode(false);
    } catch {
      // The terminal is gone.
    }
  };

  readonly #suspend = (): void => {
    this.#restore();
    process.kill(process.pid, 'SIGSTOP');
  };

  readonly #resumed = (): void => {
    if (this.#isEntered) return;
    this.#input.setRawMode(true);
    this.#isEntered = true;
    this.#output.write(ENTER);
    this.#onResize();
  };
}
