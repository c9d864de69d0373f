import { createHash } from 'node:crypto';
import { Fault } from '../message/codes.ts';
import type { KeySource } from './key-source.ts';

/** What is needed of a `SecretClient` of `@azure/keyvault-secrets`. Its vault's address also says which cloud it is in. */
export type SecretReader = {
  /** Rejects with an error whose `statusCode` is 404 where there is no such secret. */
  getSecret(
    name: string,
    options: { abortSignal: AbortSignal },
  ): Promise<{ readonly value?: string | undefined }>;
};

export type KeyVaultOptions = {
  /** What the names of the secrets begin with; default `tenfour-bus`. */
  readonly prefix?: string;
  /** How long a key is used without asking again, so how long a withdrawn one still works; default 3,600,000. */
  readonly keepMs?: number;
  /** How long a key that was not there is not asked for again; default 60,000. */
  readonly absentMs?: number;
  /** How long one question may take; default 10,000. */
  readonly timeoutMs?: number;
};

type Known = { readonly key: Uint8Array | undefined; readonly untilMs: number };

const knownMax = 10_000;
/** Questions at once; the vault answers a few thousand in ten seconds to all its clients together. */
const askingMax = 8;
const waitingMax = 1_000;
const kidPattern = /^([A-Za-z0-9][A-Za-z0-9_-]{0,63})\.([1-9]\d{0,5})$/;
const plainOwner = /^[a-z0-9][a-z0-9-]{0,63}$/;
const keyText = /^[A-Za-z0-9_-]{43}$/;

/**
 * The name of the secret that holds key `kid`: `<prefix>-<owner>-<epoch>`. Names in a vault have no `_` and do not tell capitals from
 * small letters, so an owner with either is named by `sha256-` and its digest in hex. Undefined for what is no key id.
 */
export function secretName(kid: string, prefix = 'tenfour-bus'): string | undefined {
  const [, owner, epoch] = kidPattern.exec(kid) ?? [];
  if (owner === undefined || epoch === undefined) return undefined;
  const isPlain = plainOwner.test(owner) && !owner.startsWith('sha256-');
  const named = isPlain ? owner : `sha256-${createHash('sha256').update(owner).digest('hex')}`;
  return `${prefix}-${named}-${epoch}`;
}

/**
 * Keys from Azure Key Vault, each a secret whose value is the key as it stands in a key file: 32 bytes in base64url. Rejects while the
 * vault does not answer or refuses; a subscriber then takes nothing until it does.
 */
export class KeyVaultKeySource implements KeySource {
  readonly #secrets: SecretReader;
  readonly #options: KeyVaultOptions;
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<Uint8Array | undefined>>();
  /** Woken one by one when a question is answered. */
  readonly #waiting: (() => void)[] = [];
  #out = 0;

  constructor(secrets: SecretReader, options: KeyVaultOptions = {}) {
    this.#secrets = secrets;
    this.#options = options;
  }

  keyFor(kid: string): Promise<Uint8Array | undefined> {
    const known = this.#known.get(kid);
    if (known !== undefined && known.untilMs > performance.now()) return Promise.resolve(known.key);
    const name = secretName(kid, this.#options.prefix);
    // The kid is the sender's to choose: what cannot be one costs no question.
    if (name === undefined) return Promise.resolve(undefined);
    const asked =
      this.#asking.get(kid) ??
      this.#inTurn(() => this.#ask(kid, name)).finally(() => this.#asking.delete(kid));
    this.#asking.set(kid, asked);
    return asked;
  }

  async #ask(kid: string, name: string): Promise<Uint8Array | undefined> {
    const { keepMs = 3_600_000, absentMs = 60_000, timeoutMs = 10_000 } = this.#options;
    const abortSignal = AbortSignal.timeout(timeoutMs);
    let value: string | undefined;
    try {
      ({ value } = await this.#secrets.getSecret(name, { abortSignal }));
    } catch (cause) {
      if ((cause as { readonly statusCode?: unknown } | null)?.statusCode !== 404) throw cause;
      this.#keep(kid, { key: undefined, untilMs: performance.now() + absentMs });
      return undefined;
    }
    // Said without the value, and not kept: it may be mended at any moment.
    if (value === undefined || !keyText.test(value))
      throw new Fault('CONFIG_INVALID', `secret ${name} is no key: 32 bytes in base64url`);
    const key = Buffer.from(value, 'base64url');
    this.#keep(kid, { key, untilMs: performance.now() + keepMs });
    return key;
  }

  #keep(kid: string, known: Known): void {
    this.#known.delete(kid);
    this.#known.set(kid, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > knownMax && oldest !== undefined) this.#known.delete(oldest);
  }

  async #inTurn<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#out >= askingMax) {
      if (this.#waiting.length >= waitingMax) throw new Error('too many keys are being asked for');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#out += 1;
    try {
      return await ask();
    } finally {
      // Whoever waited longest takes the place.
      const next = this.#waiting.shift();
      if (next === undefined) this.#out -= 1;
      else next();
    }
  }
}
