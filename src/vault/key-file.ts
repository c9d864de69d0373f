import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { Fault } from '../message/codes.ts';

/** A key file is small: what is larger is not one. */
const fileBytesMax = 1_048_576;
/** AES-256. */
const keyBytes = 32;
/** 32 bytes in base64url without padding. */
const keyText = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
/** It travels in a one-byte length field and in a JWE header, unescaped. */
const keyId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/);

const storageFile = z
  .strictObject({
    format: z.literal(1),
    current: keyId,
    keys: z
      .array(z.strictObject({ kid: keyId, k: keyText }))
      .min(1)
      .max(1_000),
  })
  .refine(({ keys }) => new Set(keys.map(({ kid }) => kid)).size === keys.length, { path: ['keys'] })
  .refine(({ current, keys }) => keys.some(({ kid }) => kid === current), { path: ['current'] });

const busFile = z
  .strictObject({
    format: z.literal(1),
    keys: z
      .array(z.strictObject({ owner: keyId, epoch: z.int().min(1).max(999_999), k: keyText }))
      .max(10_000),
  })
  .refine(
    ({ keys }) => new Set(keys.map(({ owner, epoch }) => `${owner}.${String(epoch)}`)).size === keys.length,
    {
      path: ['keys'],
    },
  );

export type StorageKeyFile = z.infer<typeof storageFile>;
export type BusKeyFile = z.infer<typeof busFile>;

/** The master keys of the storage ring; `current` seals, every one of them opens. */
export const readStorageKeyFile = (path: string): StorageKeyFile => readKeyFile(path, storageFile);
/** The keys of agencies and groups; the highest epoch of an owner seals. */
export const readBusKeyFile = (path: string): BusKeyFile => readKeyFile(path, busFile);

/** Writes a new storage ring with one key. Refuses to overwrite: a lost storage key is lost messages. */
export function createStorageKeyFile(path: string): void {
  const kid = 's1';
  createKeyFile(path, { format: 1, current: kid, keys: [{ kid, k: newKey() }] } satisfies StorageKeyFile);
}

/** Writes a new bus ring with a first key for every owner (agency or group id). Refuses to overwrite. */
export function createBusKeyFile(path: string, owners: readonly string[]): void {
  const file: BusKeyFile = { format: 1, keys: owners.map((owner) => ({ owner, epoch: 1, k: newKey() })) };
  if (!busFile.safeParse(file).success) {
    throw new Fault('CONFIG_INVALID', 'key owners must differ and be letters, digits, - and _ (64 at most)');
  }
  createKeyFile(path, file);
}

const newKey = (): string => randomBytes(keyBytes).toString('base64url');

function createKeyFile(path: string, content: object): void {
  try {
    writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', `key file ${path} exists already or cannot be written`, { cause });
  }
}

function readKeyFile<T>(path: string, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(readJson(path));
  if (parsed.success) return parsed.data;
  // Where, never what: an issue's own text may quote the value.
  const where = parsed.error.issues.map((issue) => issue.path.join('.') || 'the file').join(', ');
  throw new Fault('CONFIG_INVALID', `key file ${path} is not valid at: ${where}`);
}

function readJson(path: string): unknown {
  const text = readPrivateFile(path);
  try {
    return JSON.parse(text);
  } catch {
    // A JSON error quotes the text around it, which may be a key: no cause.
    throw new Fault('CONFIG_INVALID', `key file ${path} is not JSON`);
  }
}

/** The text of a file that holds a private key. Throws CONFIG_INVALID when others than we and root may read it, or past 1 MiB. */
export function readPrivateFile(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', `key file ${path} cannot be opened`, { cause });
  }
  try {
    const { mode, size, uid, gid } = fstatSync(file);
    // A file of root may be read by our own group, not by any we are in: so a cluster mounts a secret for a process that is not root.
    const isRoots = uid === 0 && process.getuid?.() !== 0 && gid === process.getgid?.();
    // Windows has no such bits; there the folder's access list must do.
    if (process.platform !== 'win32' && (mode & (isRoots ? 0o037 : 0o077)) !== 0) {
      throw new Fault('CONFIG_INVALID', `key file ${path} is open to group or others: chmod 600`);
    }
    if (size > fileBytesMax) throw new Fault('CONFIG_INVALID', `key file ${path} is longer than 1 MiB`);
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('CONFIG_INVALID', `key file ${path} cannot be read`, { cause });
  } finally {
    closeSync(file);
  }
}
