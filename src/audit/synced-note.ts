import { constants } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SegmentSizes } from './segment-tail.ts';

export const syncedFile = 'synced';
export type Synced = SegmentSizes & { readonly number: number };

/**
 * The sizes of the newest segment after its last fdatasync, written after it and before the batch is confirmed. It is
 * never synced itself: after a power loss it may be old, which is safe, or unreadable, which means nothing is known.
 */
export class SyncedNote {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(folder: string): Promise<SyncedNote> {
    return new SyncedNote(await open(join(folder, syncedFile), constants.O_RDWR | constants.O_CREAT, 0o600));
  }

  async write(s: Synced): Promise<void> {
    // One length always, so that a new note covers the old one wholly.
    const pad = (n: number) => String(n).padStart(16, '0');
    await this.#file.write(`${pad(s.number)} ${pad(s.pagesBytes)} ${pad(s.bodiesBytes)}\n`, 0);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

export async function readSynced(folder: string): Promise<Synced | null> {
  const text = await readFile(join(folder, syncedFile), 'latin1').catch(() => '');
  const m = /^(\d{16}) (\d{16}) (\d{16})\n$/.exec(text);
  return m === null ? null : { number: Number(m[1]), pagesBytes: Number(m[2]), bodiesBytes: Number(m[3]) };
}
