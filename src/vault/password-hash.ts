import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/**
 * `$scrypt$ln=15,r=8,p=3$SALT$HASH`: the parameters, then 16 and 32 bytes in base64 without padding. Between 14 and 17 for `ln` a check
 * takes 16 to 128 MiB.
 */
export const passwordHashPattern =
  /^\$scrypt\$ln=(1[4-7]),r=8,p=([1-5])\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

const BLOCK = 8;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** What OWASP names as the least for 32 MiB: a check takes some 200 ms of one processor. */
const made = { ln: 15, p: 3 };

/** A hash for a directory's users.json. The salt is random unless it is given. */
export async function hashPassword(password: Buffer, salt = randomBytes(SALT_BYTES)): Promise<string> {
  const hash = await derived(password, salt, made.ln, made.p);
  return `$scrypt$ln=${String(made.ln)},r=${String(BLOCK)},p=${String(made.p)}$${text(salt)}$${text(hash)}`;
}

/** Takes as long for a wrong password as for the right one. A text that is no hash matches nothing. */
export async function isPassword(password: Buffer, hash: string): Promise<boolean> {
  const [, ln, p, salt, expected] = passwordHashPattern.exec(hash) ?? [];
  if (ln === undefined || p === undefined || salt === undefined || expected === undefined) return false;
  const found = await derived(password, Buffer.from(salt, 'base64'), Number(ln), Number(p));
  return timingSafeEqual(found, Buffer.from(expected, 'base64'));
}

function derived(password: Buffer, salt: Buffer, ln: number, p: number): Promise<Buffer> {
  const N = 2 ** ln;
  // Node's own limit is just below what 2^15 needs.
  const maxmem = 160 * N * BLOCK;
  return new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, { N, r: BLOCK, p, maxmem }, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}

const text = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
