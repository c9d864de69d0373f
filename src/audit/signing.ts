import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { z } from 'zod';
import { Fault } from '../message/codes.ts';
import { type HeadRecord, recordSchemas, writerPattern } from './records.ts';

/** A signed head outside its page: what heads.ndjson and an auditor's own note hold. */
export type SignedHead = Omit<HeadRecord, 'e'> & { readonly w: string };

/** A new Ed25519 key pair; `kid` is derived from the public key, so it needs no register. */
export function createSigningKey(): { privatePem: string; publicPem: string; kid: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    kid: kidOf(publicKey),
  };
}

/** First 16 hex digits of the SHA-256 of the key's SPKI bytes. */
function kidOf(key: KeyObject): string {
  return hash('sha256', key.export({ type: 'spki', format: 'der' })).slice(0, 16);
}

/** The bytes that are signed. Writer names hold no blank, so the text reads one way only. */
function signedText(w: string, n: number, head: string, t: number): Buffer {
  return Buffer.from(`tenfour-head 1 ${w} ${String(n)} ${head} ${String(t)}`, 'ascii');
}

/** Signs page heads; about 30 µs each, done once a minute and at close. */
export class HeadSigner {
  readonly kid: string;
  readonly publicPem: string;
  readonly #key: KeyObject;

  constructor(privatePem: string) {
    this.#key = privateKeyFrom(privatePem);
    const publicKey = createPublicKey(this.#key);
    this.kid = kidOf(publicKey);
    this.publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  }

  /** The record to put in the writer's next page. `t` is UTC ms. */
  sign(writer: string, n: number, head: string, t: number): HeadRecord {
    const sig = sign(null, signedText(writer, n, head, t), this.#key).toString('base64');
    return { e: 'head', n, head, t, kid: this.kid, sig };
  }
}

function privateKeyFrom(pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', 'audit signing key is not a private key in PEM', { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Fault('CONFIG_INVALID', 'audit signing key is not Ed25519');
  return key;
}

/** Public keys by kid, read once. A PEM under a name that is not its own is refused: it would prove nothing. */
export function readPublicKeys(pems: ReadonlyMap<string, string>): ReadonlyMap<string, KeyObject> {
  const keys = new Map<string, KeyObject>();
  for (const [kid, pem] of pems) {
    let key: KeyObject;
    try {
      key = createPublicKey(pem);
    } catch (cause) {
      throw new Fault('CONFIG_INVALID', 'audit public key is not in PEM', { cause });
    }
    if (kidOf(key) !== kid) throw new Fault('CONFIG_INVALID', 'audit public key does not belong to its kid');
    keys.set(kid, key);
  }
  return keys;
}

export function verifyHead(
  h: SignedHead,
  keys: ReadonlyMap<string, KeyObject>,
): 'good' | 'bad' | 'key-unknown' {
  const key = keys.get(h.kid);
  if (key === undefined) return 'key-unknown';
  const sig = Buffer.from(h.sig, 'base64');
  // 512 bits do not fill 86 base64 characters: the last has spare bits, which must not pass as a second spelling.
  if (sig.toString('base64') !== h.sig) return 'bad';
  return verify(null, signedText(h.w, h.n, h.head, h.t), key, sig) ? 'good' : 'bad';
}

const lineSchema = recordSchemas.head.omit({ e: true }).extend({ w: z.string().regex(writerPattern) });

export function headLineText(h: SignedHead): string {
  const { w, n, head, t, kid, sig } = h;
  return `${JSON.stringify({ w, n, head, t, kid, sig })}\n`;
}

/** Reads a line of heads.ndjson (without LF); null when it is not exactly what `headLineText` writes. */
export function readHeadLine(line: string): SignedHead | null {
  try {
    const checked = lineSchema.safeParse(JSON.parse(line));
    return checked.success && headLineText(checked.data) === `${line}\n` ? checked.data : null;
  } catch {
    return null;
  }
}
