import { createSecretKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { compactDecrypt, decodeProtectedHeader, type GeneralJWE, generalDecrypt } from 'jose';

export type Keys = ReadonlyMap<string, KeyObject>;

/** Every key of the file, by `owner.epoch`: the witness reads as all agencies at once. */
export function readKeys(path: string): Keys {
  const { keys } = JSON.parse(readFileSync(path, 'utf8')) as {
    keys: { owner: string; epoch: number; k: string }[];
  };
  return new Map(
    keys.map(({ owner, epoch, k }) => [`${owner}.${String(epoch)}`, createSecretKey(k, 'base64url')]),
  );
}

/** Opens a body of the bus with the jose library: a JWE in compact form, or in JSON form for several recipients. */
export async function openBody(sealed: Buffer, keys: Keys): Promise<Buffer> {
  const text = sealed.toString('latin1');
  if (!text.startsWith('{')) {
    const { plaintext } = await compactDecrypt(text, keyOf(decodeProtectedHeader(text).kid, keys));
    return Buffer.from(plaintext);
  }
  const jwe = JSON.parse(text) as GeneralJWE;
  const [recipient] = jwe.recipients;
  const kid = recipient?.header?.kid;
  const { plaintext } = await generalDecrypt(
    { ...jwe, recipients: jwe.recipients.slice(0, 1) },
    keyOf(kid, keys),
  );
  return Buffer.from(plaintext);
}

const keyOf = (kid: string | undefined, keys: Keys): KeyObject => {
  const key = keys.get(kid ?? '');
  if (key === undefined) throw new Error('sealed to a key that is not in the file');
  return key;
};

/** The control field of an opened message, or `-`. */
export const controlOf = (body: Buffer): string =>
  /^[^\r\n]*?\.\*([^.*\s]{1,10})\.TXT/.exec(body.toString('latin1', 0, 512))?.[1] ?? '-';
