import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StandInError } from './stand-in-error.ts';

const SQLITE_BUSY = 5;

/**
 * Keeps a folder for this process; returns what gives it up. Throws STAND_IN_LOG when another holds it. SQLite takes
 * the operating system's own lock on a file, which ends with the process however that ends: no lock outlives a kill, and
 * of two that start together one is refused.
 */
export function lockFolder(folder: string): () => void {
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(folder, { recursive: true });
    database = new DatabaseSync(join(folder, 'bus.lock'), { timeout: 0 });
    // Nothing is ever written, so no journal is needed and none is left behind.
    database.exec('PRAGMA journal_mode=OFF; BEGIN EXCLUSIVE');
  } catch (cause) {
    database?.close();
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY)
      throw new StandInError('STAND_IN_LOG', 'another stand-in is running on this data folder');
    throw new StandInError('STAND_IN_LOG', 'the data folder cannot be locked', { cause });
  }
  const locked = database;
  return () => {
    if (locked.isOpen) locked.close();
  };
}
