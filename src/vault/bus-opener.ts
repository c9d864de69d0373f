import { createSecretKey, type KeyObject } from 'node:crypto';
import { compactDecrypt, decodeProtectedHeader, generalDecrypt, type GeneralJWE } from 'jose';
import { keyFileStamp, readBusKeyFile } from './key-file.ts';

/** Far above any body of ours. */
const BYTES_MAX = 4 * 1024 * 1024;
const RECIPIENTS_MAX = 1000;

/** What `BusSealer` seals with, and nothing else. */
const accepted = {
  keyManagementAlgorithms: ['dir', 'A256KW'],
  contentEncryptionAlgorithms: ['A256GCM'],
};

/** A body from the bus, open, and the owners it was sealed to, in their order. */
export type Opened = { readonly body: Buffer; readonly recipients: readonly string[] };

type Recipients = GeneralJWE['recipients'];

/** Opens what `BusSealer` sealed, with the same key file: every owner's keys, old epochs too as long as they are in it. */
export class BusOpener {
  readonly #path: string;
  #stamp: string | undefined;
  #keys: ReadonlyMap<string, KeyObject>;

  private constructor(path: string) {
    this.#path = path;
    this.#stamp = keyFileStamp(path);
    this.#keys = keysIn(path);
  }

  static fromKeyFile(path: string): BusOpener {
    return new BusOpener(path);
  }

  /** Takes up a key file that changed. Throws CONFIG_INVALID as long as the file is not valid, and keeps the keys it has. */
  refresh(): void {
    const stamp = keyFileStamp(this.#path);
    if (stamp !== undefined && stamp === this.#stamp) return;
    this.#keys = keysIn(this.#path);
    this.#stamp = stamp;
  }

  /** Undefined for what no key of the file opens: another key, changed, or no JWE at all. Never throws. */
  async open(sealed: Buffer): Promise<Opened | undefined> {
    if (sealed.length > BYTES_MAX) return undefined;
    const text = sealed.toString('latin1');
    try {
      return await (text.startsWith('{') ? this.#general(text) : this.#compact(text));
    } catch {
      return undefined;
    }
  }

  async #compact(text: string): Promise<Opened | undefined> {
    const { kid = '' } = decodeProtectedHeader(text) as { kid?: string };
    const key = this.#keys.get(kid);
    if (key === undefined) return undefined;
    const { plaintext } = await compactDecrypt(text, key, accepted);
    return { body: bufferOf(plaintext), recipients: [ownerOf(kid)] };
  }

  async #general(text: string): Promise<Opened | undefined> {
    const jwe = JSON.parse(text) as GeneralJWE;
    const recipients = jwe.recipients.slice(0, RECIPIENTS_MAX);
    for (const recipient of recipients) {
      const key = this.#keys.get(kidOf(recipient));
      if (key === undefined) continue;
      const { plaintext } = await generalDecrypt({ ...jwe, recipients: [recipient] }, key, accepted);
      return { body: bufferOf(plaintext), recipients: recipients.map((one) => ownerOf(kidOf(one))) };
    }
    return undefined;
  }
}

const kidOf = ({ header }: Recipients[number]): string => header?.kid ?? '';
const ownerOf = (kid: string): string => kid.slice(0, kid.lastIndexOf('.'));
const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

const keysIn = (path: string): ReadonlyMap<string, KeyObject> =>
  new Map(
    readBusKeyFile(path).keys.map(({ owner, epoch, k }) => [
      `${owner}.${String(epoch)}`,
      createSecretKey(k, 'base64url'),
    ]),
  );
