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
    const keyObject = this.#keys.keyFor(this.#keys.current, writerOf(at.messageId), at.hour);

    const nonceAt = 2 + kid.length + hourBytes;
    const tagAt = nonceAt + Nonces.bytes;
    const sealed = Buffer.allocUnsafe(tagAt + tagBytes + body.length);
    sealed[0] = format;
    sealed[1] = kid.length;
    kid.copy(sealed, 2);
    sealed.writeUInt32BE(at.hour, 2 + kid.length);
    this.#nonces.writeNext(sealed, nonceAt);

    const cipher = createCipheriv(cipherName, keyObject, sealed.subarray(nonceAt, tagAt), cipherOptions);
    cipher.setAAD(associatedData(at));
    // GCM is a stream: update gives everything, final only closes the tag.
    cipher.update(body).copy(sealed, tagAt + tagBytes);
    cipher.final();
    cipher.getAuthTag().copy(sealed, tagAt);
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
    const keyObject = this.#keys.keyFor(kid, writerOf(at.messageId), sealed.readUInt32BE(2 + kidBytes));
    const decipher = createDecipheriv(cipherName, keyObject, sealed.subarray(nonceAt, tagAt), cipherOptions);
    decipher.setAAD(associatedData(at));
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
}

/** With the agency's length in front no other pair of agency and message id gives the same bytes. */
const associatedData = ({ agency, messageId }: SealedFor): Buffer =>
  Buffer.from(`${String(format)}|${String(agency.length)}|${agency}|${messageId}`);

/** The process that accepted the message: its id is `<writer>-<sequence>`. */
function writerOf(messageId: string): string {
  const end = messageId.lastIndexOf('-');
  if (end < 1) throw new Fault('VAULT_SEAL_BROKEN', 'the message id names no writer');
  return messageId.slice(0, end);
}
