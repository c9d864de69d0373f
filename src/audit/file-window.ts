import { type FileHandle, open } from 'node:fs/promises';

const windowBytes = 1024 * 1024;

/**
 * Reads a file of any size through one buffer. Every refill takes a new buffer, so a slice given out stays valid.
 * The size is that at opening: what a recorder appends meanwhile is not seen.
 */
export class FileWindow {
  readonly size: number;
  readonly #file: FileHandle;
  #start = 0;
  #bytes: Buffer = Buffer.alloc(0);

  private constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.size = size;
  }

  static async open(path: string): Promise<FileWindow> {
    const file = await open(path, 'r');
    const { size } = await file.stat();
    return new FileWindow(file, size);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** The bytes from `offset`, fewer than `length` only at the end of the file. */
  async read(offset: number, length: number): Promise<Buffer> {
    const wanted = Math.max(0, Math.min(length, this.size - offset));
    if (offset < this.#start || offset + wanted > this.#start + this.#bytes.length) {
      const bytes = Buffer.allocUnsafe(Math.min(Math.max(wanted, windowBytes), this.size - offset));
      let got = 0;
      while (got < bytes.length) {
        const { bytesRead } = await this.#file.read(bytes, got, bytes.length - got, offset + got);
        if (bytesRead === 0) break; // cut while we read it
        got += bytesRead;
      }
      this.#start = offset;
      this.#bytes = bytes.subarray(0, got);
    }
    const from = offset - this.#start;
    return this.#bytes.subarray(from, from + wanted);
  }

  /** The text from `offset` to the next LF, excluded; null when there is none within `max` bytes. */
  async line(offset: number, max: number): Promise<string | null> {
    const bytes = await this.read(offset, max);
    const lf = bytes.indexOf(10);
    return lf < 0 ? null : bytes.toString('latin1', 0, lf);
  }

  /** The first place at or after `from` where `mark` stands, or -1. */
  async find(mark: string, from: number): Promise<number> {
    for (let at = from; at + mark.length <= this.size; at += windowBytes - mark.length + 1) {
      const found = (await this.read(at, windowBytes)).indexOf(mark, 0, 'latin1');
      if (found >= 0) return at + found;
    }
    return -1;
  }
}
