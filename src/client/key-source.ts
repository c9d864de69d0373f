import { open } from 'node:fs/promises';
import { z } from 'zod';
import { Fault } from '../message/codes.ts';

/** Where a client gets its agency's keys from: a file, Azure Key Vault, a hardware module. */
export interface KeySource {
  /**
   * The 32 bytes of the key called `kid` (`<owner>.<epoch>`), or undefined if this client does not hold it. Reject when the
   * answer is not known right now (vault unreachable): the message then stays on the bus and comes again.
   */
  keyFor(kid: string): Promise<Uint8Array | undefined>;
}

const fileBytesMax = 1_048_576;
/** A message sealed to somebody else asks for a key we do not have; a flood of them must not become a flood of reads. */
const rereadEveryMs = 1_000;

const keyFile = z.strictObject({
  format: z.literal(1),
  keys: z
    .array(
      z.strictObject({
        owner: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/),
        epoch: z.int().min(1).max(999_999),
        k: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
        // When the switch begins to seal with it; it opens at any time.
        activeFrom: z.iso.datetime().optional(),
      }),
    )
    .max(10_000),
});

/**
 * Keys from a file (docs/keys.md): `{"format":1,"keys":[{"owner":"sample-pd","epoch":1,"k":"<base64url>"}]}`, readable
 * by its owner only. Asked for a key it does not know it reads the file again, so a new epoch needs no restart.
 */
export class FileKeySource implements KeySource {
  readonly #path: string;
  #keys: ReadonlyMap<string, Uint8Array> = new Map();
  #readAt = -Infinity;
  #reading: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async keyFor(kid: string): Promise<Uint8Array | undefined> {
    const known = this.#keys.get(kid);
    if (known !== undefined || performance.now() - this.#readAt < rereadEveryMs) return known;
    // Those who ask meanwhile wait for the same read.
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
    return this.#keys.get(kid);
  }

  async #read(): Promise<void> {
    const parsed = keyFile.safeParse(await readPrivateJson(this.#path));
    if (!parsed.success) throw new Fault('CONFIG_INVALID', `key file ${this.#path} is not valid`);
    this.#keys = new Map(
      parsed.data.keys.map(({ owner, epoch, k }) => [
        `${owner}.${String(epoch)}`,
        Buffer.from(k, 'base64url'),
      ]),
    );
    this.#readAt = performance.now();
  }
}

async function readPrivateJson(path: string): Promise<unknown> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new Fault('CONFIG_INVALID', `key file ${path} cannot be opened`, { cause });
  });
  try {
    const { mode, size } = await file.stat();
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new Fault('CONFIG_INVALID', `key file ${path} is open to group or others: chmod 600`);
    }
    if (size > fileBytesMax) throw new Fault('CONFIG_INVALID', `key file ${path} is longer than 1 MiB`);
    return JSON.parse(await file.readFile('utf8'));
  } catch (error) {
    if (error instanceof Fault) throw error;
    // A JSON error quotes the text around it, which may be a key: no cause.
    throw new Fault('CONFIG_INVALID', `key file ${path} is not JSON`);
  } finally {
    await file.close();
  }
}
