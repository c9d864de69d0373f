import { createCipheriv, createDecipheriv } from 'node:crypto';
import { Fault } from '../message/codes.ts';
import { DerivedKeys } from './derived-keys.ts';
import { readStorageKeyFile } from './key-file.ts';
import { Nonces } from './nonces.ts';

export { createBusKeyFile, createStorageKeyFile } from './key-file.ts';

const format = 1;
const cipherName = 'aes-256-gcm';
const hourBytes = 4;
const tagBytes = 16;
/** Of what is made in place; a longer one (ids are far shorter) gets a buffer of its own. */
const associatedBytesMax = 1024;
const cipherOptions = { authTagLength: tagBytes } as const;

/** Whose message it is. The lane is left out on purpose: a diverted message must still open. */
export type SealedFor = { readonly agency: string; readonly messageId: string };

/**
 * Seals message bodies before they reach Redis, disk or a segment, and opens them again. Storage keys never leave the
 * switch; what goes on the bus is sealed by `BusSealer` to the receiving agency.
 *
 * Sealed bytes: u8 format = 1 · u8 length of key id · key id · u32 hour · 12 nonce · 16 tag · ciphertext, big-endian.
 * The tag also covers format, agency and message id, so bytes moved to another message or agency do not open.
 */
export class StorageVault {
  readonly #keys: DerivedKeys;
  readonly #nonces = new Nonces();
  readonly #currentKid: Buffer;
  readonly #associated = Buffer.alloc(associatedBytesMax);

  private constructor(keys: DerivedKeys) {
    this.#keys = keys;
    this.#currentKid = Buffer.from(keys.current, 'latin1');
  }

  /** Reads the key file (docs/keys.md), which must be readable by its owner only. */
  static fromKeyFile(path: string): StorageVault {
    return new StorageVault(new DerivedKeys(readStorageKeyFile(path)));
  }

  /** Seals `body`. `hour` counts hours since 1970 UTC; it picks the key and need not be exact. */
  seal(body: Buffer, at: SealedFor & { readonly hour: number }): Buffer {
    const kid = this.#currentKid;
    const keyObject = this.#keys.keyFor(this.#keys.current, at.messageId, at.hour);
    const nonce = this.#nonces.next();
    const cipher = createCipheriv(cipherName, keyObject, nonce, cipherOptions);
    cipher.setAAD(this.#associatedData(at));

    const nonceAt = 2 + kid.length + hourBytes;
    const tagAt = nonceAt + Nonces.bytes;
    const sealed = Buffer.allocUnsafe(tagAt + tagBytes + body.length);
    sealed[0] = format;
    sealed[1] = kid.length;
    sealed.set(kid, 2);
    sealed.writeUInt32BE(at.hour, 2 + kid.length);
    sealed.set(nonce, nonceAt);
    // GCM is a stream: update gives everything, final only closes the tag.
    sealed.set(cipher.update(body), tagAt + tagBytes);
    cipher.final();
    sealed.set(cipher.getAuthTag(), tagAt);
    return sealed;
  }

  /** Opens what `seal` made for the same agency and message. Throws VAULT_SEAL_BROKEN or VAULT_KEY_MISSING. */
  open(sealed: Buffer, at: SealedFor): Buffer {
    const kidBytes = sealed[1] ?? 0;
    const nonceAt = 2 + kidBytes + hourBytes;
    const tagAt = nonceAt + Nonces.bytes;
    if (sealed[0] !== format || sealed.length < tagAt + tagBytes) {
      throw new Fault('VAULT_SEAL_BROKEN', 'not sealed bytes of a format this version knows');
    }
    const kid = sealed.toString('latin1', 2, 2 + kidBytes);
    const keyObject = this.#keys.keyFor(kid, at.messageId, sealed.readUInt32BE(2 + kidBytes));
    const decipher = createDecipheriv(cipherName, keyObject, sealed.subarray(nonceAt, tagAt), cipherOptions);
    decipher.setAAD(this.#associatedData(at));
    decipher.setAuthTag(sealed.subarray(tagAt, tagAt + tagBytes));
    const body = decipher.update(sealed.subarray(tagAt + tagBytes));
    try {
      decipher.final();
    } catch {
      // OpenSSL does not say what was wrong; neither tells it here.
      throw new Fault(
        'VAULT_SEAL_BROKEN',
        'the seal does not fit these bytes, this agency and this message id',
      );
    }
    return body;
  }

  /** With the agency's length in front no other pair of agency and message id gives the same bytes. Good until the next call. */
  #associatedData({ agency, messageId }: SealedFor): Buffer {
    const text = `${String(format)}|${String(agency.length)}|${agency}|${messageId}`;
    // A character is at most three bytes of UTF-8; `write` would cut a text that does not fit.
    if (text.length * 3 > associatedBytesMax) return Buffer.from(text);
    return this.#associated.subarray(0, this.#associated.write(text));
  }
}
