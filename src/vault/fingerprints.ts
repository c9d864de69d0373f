import { createSecretKey, hash, hkdfSync } from 'node:crypto';
import { readStorageKeyFile } from './key-file.ts';

const keyBytes = 32;
/** 96 bits: what is compared are messages of one station within minutes. */
const characters = 16;
const TEXT = 0;
const BYTES = 1;

/**
 * Keyed fingerprints of what may not stand open in Redis: a control field, a body. Whoever lacks the storage key can neither read one nor
 * make one to compare. SHA-256 over key and text, cut to 96 bits: cut as it is, it cannot be continued to another text's.
 */
export class Fingerprints {
  readonly #key: Buffer;
  #scratch = Buffer.alloc(8 * 1024);

  private constructor(key: Buffer) {
    this.#key = key;
    key.copy(this.#scratch);
  }

  /** The same for all processes with the same current storage key. */
  static fromKeyFile(path: string): Fingerprints {
    const file = readStorageKeyFile(path);
    const master = file.keys.find(({ kid }) => kid === file.current)?.k ?? '';
    const secret = createSecretKey(master, 'base64url');
    return new Fingerprints(Buffer.from(hkdfSync('sha256', secret, '', 'tenfour fingerprints 1', keyBytes)));
  }

  /** 16 characters of base64 for a text of one byte a character. */
  ofText(text: string): string {
    this.#room(text.length);
    return this.#of(TEXT, this.#scratch.write(text, keyBytes + 1, 'latin1'));
  }

  /** 16 characters of base64; never the one of a text with the same bytes. */
  ofBytes(bytes: Buffer): string {
    this.#room(bytes.length);
    return this.#of(BYTES, bytes.copy(this.#scratch, keyBytes + 1));
  }

  #of(kind: number, length: number): string {
    this.#scratch[keyBytes] = kind;
    return hash('sha256', this.#scratch.subarray(0, keyBytes + 1 + length), 'base64').slice(0, characters);
  }

  #room(length: number): void {
    if (keyBytes + 1 + length <= this.#scratch.length) return;
    this.#scratch = Buffer.alloc(2 * (keyBytes + 1 + length));
    this.#key.copy(this.#scratch);
  }
}
