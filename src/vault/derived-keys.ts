import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { Fault } from '../message/codes.ts';
import type { StorageKeyFile } from './key-file.ts';

const keyBytes = 32;
/** A day of hours from 40 writers; one more costs 15 µs, not a failure. */
const cachedMax = 1_000;

/**
 * The keys a message is sealed with: one per master key, writer (process) and hour, by HKDF-SHA256. A key thus seals one
 * process's hour of messages, far below what AES-GCM allows, and a leaked one opens no other hour. Nothing is stored:
 * whoever has the key file derives it again from what the sealed bytes and the message id say.
 */
export class DerivedKeys {
  readonly current: string;
  readonly #masters: ReadonlyMap<string, KeyObject>;
  readonly #derived = new Map<string, KeyObject>();

  constructor(file: StorageKeyFile) {
    this.current = file.current;
    this.#masters = new Map(file.keys.map(({ kid, k }) => [kid, createSecretKey(k, 'base64url')]));
  }

  keyFor(kid: string, writer: string, hour: number): KeyObject {
    const name = `${kid} ${String(hour)} ${writer}`;
    return this.#derived.get(name) ?? this.#derive(name, kid, writer, hour);
  }

  #derive(name: string, kid: string, writer: string, hour: number): KeyObject {
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
    this.#derived.set(name, keyObject);
    return keyObject;
  }
}
