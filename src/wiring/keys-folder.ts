import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSigningKey, HeadSigner } from '../audit/signing.ts';
import { Fault } from '../message/codes.ts';
import { BusOpener } from '../vault/bus-opener.ts';
import { BusSealer } from '../vault/bus-sealer.ts';
import { Fingerprints } from '../vault/fingerprints.ts';
import { readPrivateFile } from '../vault/key-file.ts';
import { createBusKeyFile, createStorageKeyFile, StorageVault } from '../vault/vault.ts';

const STORAGE = 'storage.json';
const BUS = 'bus.json';
const SIGNING = 'audit-signing.pem';
const PUBLIC = 'audit-public';

/** Where the key files of a deployment lie; each role opens only those it needs. */
export class KeysFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get busFile(): string {
    return join(this.#folder, BUS);
  }

  get publicFolder(): string {
    return join(this.#folder, PUBLIC);
  }

  vault(): StorageVault {
    return StorageVault.fromKeyFile(join(this.#folder, STORAGE));
  }

  fingerprints(): Fingerprints {
    return Fingerprints.fromKeyFile(join(this.#folder, STORAGE));
  }

  busSealer(): BusSealer {
    return BusSealer.fromKeyFile(this.busFile);
  }

  busOpener(): BusOpener {
    return BusOpener.fromKeyFile(this.busFile);
  }

  signer(): HeadSigner {
    return new HeadSigner(readPrivateFile(join(this.#folder, SIGNING)));
  }

  /** kid → PEM of every public audit key kept here. */
  publicKeys(): ReadonlyMap<string, string> {
    const keys = new Map<string, string>();
    for (const name of readdirSync(this.publicFolder).toSorted()) {
      if (name.endsWith('.pem'))
        keys.set(name.slice(0, -'.pem'.length), this.#read(join(this.publicFolder, name)));
    }
    return keys;
  }

  /** Whether all private keys are there; half a set is none, and `create` will say which file is in its way. */
  static isComplete(folder: string): boolean {
    return [STORAGE, BUS, SIGNING].every((name) => existsSync(join(folder, name)));
  }

  /** Makes a new set. Refuses to overwrite: a lost storage key is a lost journal. `owners` are agency and group ids. */
  static create(folder: string, owners: readonly string[]): KeysFolder {
    const { privatePem, publicPem, kid } = createSigningKey();
    try {
      mkdirSync(join(folder, PUBLIC), { recursive: true, mode: 0o700 });
      createStorageKeyFile(join(folder, STORAGE));
      createBusKeyFile(join(folder, BUS), [...owners]);
      writeFileSync(join(folder, SIGNING), privatePem, { flag: 'wx', mode: 0o600 });
      writeFileSync(join(folder, PUBLIC, `${kid}.pem`), publicPem, { flag: 'wx', mode: 0o644 });
    } catch (cause) {
      if (cause instanceof Fault) throw cause;
      throw new Fault('CONFIG_INVALID', 'TENFOUR_KEYS cannot be written, or a key file is in the way', {
        cause,
      });
    }
    return new KeysFolder(folder);
  }

  #read(path: string): string {
    try {
      return readFileSync(path, 'utf8');
    } catch (cause) {
      throw new Fault('CONFIG_INVALID', 'a key file cannot be read', { cause });
    }
  }
}
