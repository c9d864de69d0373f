import { randomFillSync } from 'node:crypto';

const prefixBytes = 8;
const counterMax = 0xffff_ffff;

/**
 * Nonces for AES-GCM: 8 random bytes drawn once, then a 4-byte counter. Two seals under one key never share one:
 * within this object the counter tells them apart, and it never runs backwards (at its end a new prefix is drawn);
 * between processes, restarts and restored snapshots the prefix does, with a chance of meeting of n²/2^65 for n of them.
 * Random nonces would be worse (n counts messages, not processes) and cost a call into OpenSSL for each message.
 */
export class Nonces {
  static readonly bytes = 12;
  readonly #nonce = Buffer.alloc(Nonces.bytes);
  #counter: number;

  /** `counter` is where to start counting; only a test starts near the end. */
  constructor(counter = 0) {
    this.#counter = counter;
    this.#drawPrefix();
  }

  /** The next nonce. Always the same buffer, so that a seal makes none: use it before the next call. */
  next(): Buffer {
    if (this.#counter > counterMax) {
      this.#counter = 0;
      this.#drawPrefix();
    }
    this.#nonce.writeUInt32BE(this.#counter, prefixBytes);
    this.#counter += 1;
    return this.#nonce;
  }

  #drawPrefix(): void {
    randomFillSync(this.#nonce, 0, prefixBytes);
  }
}
