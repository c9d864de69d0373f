import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
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

const epochMax = 999_999;
const busKeysMax = 10_000;

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
      .array(
        z.strictObject({
          owner: keyId,
          epoch: z.int().min(1).max(epochMax),
          k: keyText,
          activeFrom: z.iso.datetime().optional(),
        }),
      )
      .max(busKeysMax),
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
/** The keys of agencies and groups; of an owner the highest epoch seals whose `activeFrom` has come. */
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

/**
 * Adds the next epoch of `owner` to a bus ring; it seals from `activeFrom` on, and every epoch goes on opening. Returns the epoch. The
 * file is replaced whole, so a reader sees the old ring or the new one. Throws CONFIG_INVALID for an owner without a key.
 */
export function addBusEpoch(path: string, owner: string, activeFrom: Date): number {
  const { format, keys } = readBusKeyFile(path);
  const last = Math.max(0, ...keys.filter((key) => key.owner === owner).map(({ epoch }) => epoch));
  if (last === 0) throw new Fault('CONFIG_INVALID', `key file ${path} has no key of ${owner}`);
  if (last === epochMax || keys.length === busKeysMax)
    throw new Fault('CONFIG_INVALID', `key file ${path} holds as many keys as it may`);
  const next = { owner, epoch: last + 1, k: newKey(), activeFrom: activeFrom.toISOString() };
  replaceKeyFile(path, { format, keys: [...keys, next] } satisfies BusKeyFile);
  return next.epoch;
}

/** Writes the keys of `owners`, every epoch, as a receiver's own file, whole. Throws CONFIG_INVALID for an owner without one. */
export function writeReceiverKeyFile(path: string, ring: BusKeyFile, owners: readonly string[]): void {
  for (const owner of owners) {
    if (!ring.keys.some((key) => key.owner === owner))
      throw new Fault('CONFIG_INVALID', `the bus ring has no key of ${owner}`);
  }
  // When a key begins to seal is the switch's affair.
  const keys = ring.keys
    .filter(({ owner }) => owners.includes(owner))
    .map(({ owner, epoch, k }) => ({ owner, epoch, k }));
  replaceKeyFile(path, { format: 1, keys } satisfies BusKeyFile);
}

/** What changes whenever the file does, also when a link to it is set anew, as Kubernetes does. Undefined when there is none. */
export function keyFileStamp(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat && [stat.dev, stat.ino, stat.size, stat.mtimeMs, stat.ctimeMs].join(' ');
}

const newKey = (): string => randomBytes(keyBytes).toString('base64url');

function createKeyFile(path: string, content: object): void {
  try {
    writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', `key file ${path} exists already or cannot be written`, { cause });
  }
}

/** By a name of its own first: whoever else replaces it at this moment fails instead of losing one of the two changes. */
function replaceKeyFile(path: string, content: object): void {
  const beside = `${path}.new`;
  createKeyFile(beside, content);
  try {
    const file = openSync(beside, 'r+');
    fsyncSync(file);
    closeSync(file);
    renameSync(beside, path);
    syncFolder(dirname(path));
  } catch (cause) {
    rmSync(beside, { force: true });
    throw new Fault('CONFIG_INVALID', `key file ${path} cannot be replaced`, { cause });
  }
}

/** A new key that a power cut takes back would be made again under the same name, and be another one. */
function syncFolder(path: string): void {
  // Windows opens no folders.
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  fsyncSync(folder);
  closeSync(folder);
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
