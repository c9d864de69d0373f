import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { Fault } from '../message/codes.ts';
import type { StorageKeyFile } from './key-file.ts';

const keyBytes = 32;
/** A day of hours from 40 writers; one more costs 15 µs, not a failure. */
const cachedMax = 1_000;

type DerivedKey = {
  readonly kid: string;
  readonly writer: string;
  readonly hour: number;
  readonly keyObject: KeyObject;
};

/**
 * The keys a message is sealed with: one per master key, writer (process) and hour, by HKDF-SHA256. A key thus seals one
 * process's hour of messages, far below what AES-GCM allows, and a leaked one opens no other hour. Nothing is stored:
 * whoever has the key file derives it again from what the sealed bytes and the message id say.
 */
export class DerivedKeys {
  readonly current: string;
  readonly #masters: ReadonlyMap<string, KeyObject>;
  readonly #derived = new Map<string, DerivedKey>();
  #last: DerivedKey | undefined;

  constructor(file: StorageKeyFile) {
    this.current = file.current;
    this.#masters = new Map(file.keys.map(({ kid, k }) => [kid, createSecretKey(k, 'base64url')]));
  }

  /** The key for a message by its id, `<writer>-<sequence>`. Throws VAULT_KEY_MISSING, or VAULT_SEAL_BROKEN for another id. */
  keyFor(kid: string, messageId: string, hour: number): KeyObject {
    const writerEnd = messageId.lastIndexOf('-');
    const last = this.#last;
    // Nearly always the same one again: it is known without making a name for it.
    if (
      last?.hour === hour &&
      last.kid === kid &&
      last.writer.length === writerEnd &&
      messageId.startsWith(last.writer)
    ) {
      return last.keyObject;
    }
    if (writerEnd < 1) throw new Fault('VAULT_SEAL_BROKEN', 'the message id names no writer');
    const writer = messageId.slice(0, writerEnd);
    const name = `${kid} ${String(hour)} ${writer}`;
    this.#last = this.#derived.get(name) ?? this.#derive(name, kid, writer, hour);
    return this.#last.keyObject;
  }

  #derive(name: string, kid: string, writer: string, hour: number): DerivedKey {
    const master = this.#masters.get(kid);
    if (master === undefined) throw new Fault('VAULT_KEY_MISSING', `no storage key ${kid} in the key file`);
    const info = `tenfour storage 1 ${String(hour)} ${writer}`;
    const keyObject = createSecretKey(Buffer.from(hkdfSync('sha256', master, '', info, keyBytes)));
    if (this.#derived.size >= cachedMax) {
      // A Map keeps the order of insertion: the first is the oldest.
      for (const oldest of this.#derived.keys()) {
        this.#derived.delete(oldest);
        break;
      }
    }
    const derived = { kid, writer, hour, keyObject };
    this.#derived.set(name, derived);
    return derived;
  }
}
