import { createCipheriv, createSecretKey, randomFillSync, type KeyObject } from 'node:crypto';
import { Fault } from '../message/codes.ts';
import { keyFileStamp, readBusKeyFile, type BusKeyFile } from './key-file.ts';
import { Nonces } from './nonces.ts';

const cipherName = 'aes-256-gcm';
const contentKeyBytes = 32;
/** RFC 3394, section 2.2.3.1: what a wrapped key is checked by. */
const wrapCheck = Buffer.from('a6a6a6a6a6a6a6a6', 'hex');
const DOT = 0x2e;
const sharedHeader = base64url(JSON.stringify({ enc: 'A256GCM' }));
const sharedHeaderBytes = Buffer.from(sharedHeader);

/** One owner's current key, and the parts of a JWE that are the same for every message to that owner. */
type Recipient = {
  readonly keyObject: KeyObject;
  /** Protected header of the compact form, and all of that form before its nonce. */
  readonly headerBytes: Buffer;
  readonly start: Buffer;
  /** Everything of the JSON form's recipient before its wrapped key. */
  readonly jsonStart: string;
};

/**
 * Seals bodies for the bus as standard JWE (RFC 7516), so that any language reads them with its agency's key.
 * One recipient: compact serialisation, `alg` dir. Several: general JSON serialisation, a key for this message alone,
 * wrapped for each with `alg` A256KW. Always `enc` A256GCM, `kid` = `<owner>.<epoch>`.
 * Written by hand, for it runs for every delivery; the tests open every form with the jose library.
 */
export class BusSealer {
  readonly #path: string;
  readonly #nonces = new Nonces();
  readonly #contentKey = Buffer.alloc(contentKeyBytes);
  #stamp: string | undefined;
  #file: BusKeyFile;
  /** When the next key's time comes. */
  #nextAtMs = Infinity;
  #recipients: ReadonlyMap<string, Recipient> = new Map();

  private constructor(path: string) {
    this.#path = path;
    this.#stamp = keyFileStamp(path);
    this.#file = readBusKeyFile(path);
    this.#choose(Date.now());
  }

  /** Reads the key file (docs/keys.md); of an owner the highest epoch seals whose time has come. Throws CONFIG_INVALID. */
  static fromKeyFile(path: string): BusSealer {
    return new BusSealer(path);
  }

  /**
   * Takes up a key file that changed, and keys whose time has come by `nowMs`; looks at the file's times only, unless they are others.
   * Throws CONFIG_INVALID as long as the file is not valid, and goes on with the keys it has.
   */
  refresh(nowMs: number): void {
    const stamp = keyFileStamp(this.#path);
    const isSame = stamp !== undefined && stamp === this.#stamp;
    // Thousands of keys are not made anew every few seconds for nothing.
    if (isSame && nowMs < this.#nextAtMs) return;
    try {
      if (!isSame) this.#file = readBusKeyFile(this.#path);
      this.#stamp = stamp;
    } finally {
      this.#choose(nowMs);
    }
  }

  #choose(nowMs: number): void {
    const from = ({ activeFrom }: BusKeyFile['keys'][number]) =>
      activeFrom === undefined ? -Infinity : Date.parse(activeFrom);
    const active = this.#file.keys.filter((key) => from(key) <= nowMs);
    this.#nextAtMs = this.#file.keys
      .map(from)
      .reduce((next, at) => (at > nowMs && at < next ? at : next), Infinity);
    this.#recipients = new Map(
      active
        .toSorted((a, b) => a.epoch - b.epoch)
        .map((key) => [key.owner, recipient(key.owner, key.epoch, key.k)]),
    );
  }

  /** Seals `body` so that each of `recipients` (agency or group ids) can open it. Throws VAULT_KEY_MISSING. */
  seal(body: Buffer, recipients: readonly string[]): Buffer {
    const [first, ...others] = recipients.map((owner) => this.#recipient(owner));
    if (first === undefined)
      throw new Fault('VAULT_KEY_MISSING', 'a body for the bus needs at least one recipient');
    return others.length === 0 ? this.#compact(body, first) : this.#json(body, [first, ...others]);
  }

  #recipient(owner: string): Recipient {
    const found = this.#recipients.get(owner);
    if (found === undefined) throw new Fault('VAULT_KEY_MISSING', `no bus key for ${owner} in the key file`);
    return found;
  }

  #compact(body: Buffer, { keyObject, start, headerBytes }: Recipient): Buffer {
    const { iv, ciphertext, tag } = this.#encrypt(body, keyObject, headerBytes);
    const sealed = Buffer.allocUnsafe(start.length + iv.length + ciphertext.length + tag.length + 2);
    sealed.set(start);
    let at = start.length + sealed.write(iv, start.length, 'latin1');
    sealed[at] = DOT;
    at += 1 + sealed.write(ciphertext, at + 1, 'latin1');
    sealed[at] = DOT;
    sealed.write(tag, at + 1, 'latin1');
    return sealed;
  }

  #json(body: Buffer, recipients: readonly Recipient[]): Buffer {
    const wrapped = recipients.map(() => '');
    randomFillSync(this.#contentKey);
    for (const [index, { keyObject, jsonStart }] of recipients.entries()) {
      const wrap = createCipheriv('id-aes256-wrap', keyObject, wrapCheck);
      wrapped[index] = `${jsonStart}${base64url(wrap.update(this.#contentKey))}"}`;
    }
    const keyObject = createSecretKey(this.#contentKey);
    this.#contentKey.fill(0);
    const { iv, ciphertext, tag } = this.#encrypt(body, keyObject, sharedHeaderBytes);
    return Buffer.from(
      `{"protected":"${sharedHeader}","recipients":[${wrapped.join(',')}],"iv":"${iv}","ciphertext":"${ciphertext}","tag":"${tag}"}`,
      'latin1',
    );
  }

  #encrypt(body: Buffer, keyObject: KeyObject, associatedData: Buffer) {
    const nonce = this.#nonces.next();
    const cipher = createCipheriv(cipherName, keyObject, nonce);
    cipher.setAAD(associatedData);
    const ciphertext = base64url(cipher.update(body));
    cipher.final();
    return { iv: base64url(nonce), ciphertext, tag: base64url(cipher.getAuthTag()) };
  }
}

/** Owner and epoch need no escaping: the key file's schema allows letters, digits, `-` and `_` only. */
function recipient(owner: string, epoch: number, k: string): Recipient {
  const kid = `${owner}.${String(epoch)}`;
  const header = base64url(JSON.stringify({ alg: 'dir', enc: 'A256GCM', kid }));
  return {
    keyObject: createSecretKey(k, 'base64url'),
    headerBytes: Buffer.from(header),
    // The empty part is where another `alg` has its wrapped key.
    start: Buffer.from(`${header}..`),
    jsonStart: `{"header":{"alg":"A256KW","kid":"${kid}"},"encrypted_key":"`,
  };
}

function base64url(bytes: Buffer | string): string {
  return (typeof bytes === 'string' ? Buffer.from(bytes) : bytes).toString('base64url');
}
