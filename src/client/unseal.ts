import { compactDecrypt, decodeProtectedHeader, generalDecrypt } from 'jose';
import { z } from 'zod';
import { Fault } from '../message/codes.ts';
import type { KeySource } from './key-source.ts';

/** Far above any message; what is longer was not sealed by tenfour. */
const sealedBytesMax = 4_194_304;
const recipientsMax = 1_000;

/** What tenfour seals with, and nothing else: an attacker must not choose a weaker algorithm for us. */
const accepted = {
  keyManagementAlgorithms: ['dir', 'A256KW'],
  contentEncryptionAlgorithms: ['A256GCM'],
};

const generalJwe = z.object({
  protected: z.string(),
  recipients: z
    .array(z.object({ header: z.object({ alg: z.string(), kid: z.string() }), encrypted_key: z.string() }))
    .min(1)
    .max(recipientsMax),
  iv: z.string(),
  ciphertext: z.string(),
  tag: z.string(),
});

/**
 * Opens a body from the bus: a JWE in compact form (one recipient) or general JSON form (several). Throws
 * VAULT_KEY_MISSING when `keys` has no key it is sealed to, VAULT_SEAL_BROKEN when it is not such a JWE or was changed.
 * What `keys` itself throws passes through.
 */
export async function unseal(jwe: Uint8Array, keys: KeySource): Promise<Buffer> {
  if (jwe.length > sealedBytesMax) throw broken();
  const text = Buffer.from(jwe.buffer, jwe.byteOffset, jwe.length).toString('latin1');
  return text.startsWith('{') ? unsealGeneral(text, keys) : unsealCompact(text, keys);
}

async function unsealCompact(text: string, keys: KeySource): Promise<Buffer> {
  const kid = kidOf(text);
  const key = await keys.keyFor(kid);
  if (key === undefined) throw missing([kid]);
  return plaintextOf(compactDecrypt(text, key, accepted));
}

async function unsealGeneral(text: string, keys: KeySource): Promise<Buffer> {
  const jwe = parsed(text);
  for (const recipient of jwe.recipients) {
    const key = await keys.keyFor(recipient.header.kid);
    if (key === undefined) continue;
    return plaintextOf(generalDecrypt({ ...jwe, recipients: [recipient] }, key, accepted));
  }
  throw missing(jwe.recipients.map(({ header }) => header.kid));
}

async function plaintextOf(decrypted: Promise<{ plaintext: Uint8Array }>): Promise<Buffer> {
  try {
    const { plaintext } = await decrypted;
    return Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.length);
  } catch {
    // Why it failed would help an attacker only; the text could quote bytes.
    throw broken();
  }
}

function kidOf(text: string): string {
  try {
    const { kid } = decodeProtectedHeader(text);
    if (typeof kid === 'string') return kid;
  } catch {
    // Not a JWE: said below.
  }
  throw broken();
}

function parsed(text: string): z.infer<typeof generalJwe> {
  try {
    return generalJwe.parse(JSON.parse(text));
  } catch {
    throw broken();
  }
}

const broken = () =>
  new Fault('VAULT_SEAL_BROKEN', 'the body is not a JWE this client reads, or it was changed');

/** Key ids go into a log line: as many as help, and only if they look like key ids. */
function missing(kids: readonly string[]): Fault {
  const shown = kids.filter((kid) => /^[A-Za-z0-9_-]{1,64}\.\d{1,6}$/.test(kid)).slice(0, 5);
  return new Fault('VAULT_KEY_MISSING', `this client holds none of the keys ${shown.join(', ')}`);
}
