import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';

/**
 * Looks for one word in any bytes, as it stands and in the forms a careless program would leave it in: other case, UTF-16, hex,
 * base64 and base64url at any of the three alignments. The word must be rare enough not to turn up in random bytes.
 */
export class CanarySearch {
  readonly #forms: ReadonlyMap<string, Buffer>;

  constructor(word: string) {
    const forms = new Map<string, Buffer>();
    const cases = { 'upper case': word.toUpperCase(), 'lower case': word.toLowerCase() };
    for (const [name, text] of Object.entries(cases)) {
      forms.set(name, Buffer.from(text, 'latin1'));
      forms.set(`${name}, UTF-16`, Buffer.from(text, 'utf16le'));
      const hex = Buffer.from(text, 'latin1').toString('hex');
      forms.set(`${name}, hex`, Buffer.from(hex));
      forms.set(`${name}, HEX`, Buffer.from(hex.toUpperCase()));
      for (const encoding of ['base64', 'base64url'] as const) {
        for (const shift of [0, 1, 2]) {
          const name64 = `${name}, ${encoding} at ${String(shift)}`;
          forms.set(name64, Buffer.from(stableBase64(text, shift, encoding)));
        }
      }
    }
    this.#forms = forms;
  }

  /** The form in which the word stands there, or undefined. */
  formIn(bytes: Buffer | string): string | undefined {
    const where = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    for (const [name, form] of this.#forms) if (where.includes(form)) return name;
    return undefined;
  }

  /** `path: form` of every file below a folder that holds the word, in its bytes or its name. */
  inFolder(folder: string): {
    readonly found: readonly string[];
    readonly files: number;
    readonly bytes: number;
  } {
    const found: string[] = [];
    let [files, total] = [0, 0];
    for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
      const path = join(entry.parentPath, entry.name);
      const inName = this.formIn(entry.name);
      if (inName !== undefined) found.push(`${path}: name, ${inName}`);
      if (!entry.isFile() || statSync(path).size === 0) continue;
      const content = readFileSync(path);
      files += 1;
      total += content.length;
      const form = this.formIn(content);
      if (form !== undefined) found.push(`${path}: ${form}`);
    }
    return { found, files, bytes: total };
  }

  /** The same for everything a Redis holds, key names and values, read as they are and not as a compressed dump. */
  async inRedis(url: string): Promise<{ readonly found: readonly string[]; readonly keys: number }> {
    const redis = new Redis(url);
    try {
      const found: string[] = [];
      const keys = await redis.keys('*');
      for (const key of keys) {
        const form = this.formIn(key) ?? this.formIn(flat(await valueOf(redis, key)));
        if (form !== undefined) found.push(`${await redis.type(key)}: ${form}`);
      }
      return { found, keys: keys.length };
    } finally {
      redis.disconnect();
    }
  }
}

/** The characters that depend on the word alone, wherever in a longer text it stands. */
function stableBase64(text: string, shift: number, encoding: 'base64' | 'base64url'): string {
  const encoded = Buffer.from('\0'.repeat(shift) + text, 'latin1').toString(encoding);
  const end = Math.floor(((shift + text.length) * 8) / 6);
  return encoded.slice(Math.ceil((shift * 8) / 6), end);
}

const reads: Readonly<Record<string, readonly [string, ...string[]]>> = {
  string: ['GET'],
  hash: ['HGETALL'],
  set: ['SMEMBERS'],
  list: ['LRANGE', '0', '-1'],
  zset: ['ZRANGE', '0', '-1'],
  stream: ['XRANGE', '-', '+'],
};

async function valueOf(redis: Redis, key: string): Promise<unknown> {
  const type = await redis.type(key);
  // A key may go while we look; one of a kind we cannot read would be a hole in the search.
  if (type === 'none') return undefined;
  const [command, ...args] = reads[type] ?? [];
  if (command === undefined) throw new Error(`a Redis type the search cannot read: ${type}`);
  return await redis.callBuffer(command, key, ...args);
}

/** Every byte of a nested reply, end to end. */
function flat(reply: unknown): Buffer {
  if (Buffer.isBuffer(reply)) return reply;
  if (Array.isArray(reply)) return Buffer.concat(reply.map(flat));
  if (reply instanceof Map) return Buffer.concat([...reply].map(flat));
  if (typeof reply === 'object' && reply !== null) return Buffer.concat(Object.entries(reply).map(flat));
  return Buffer.from(typeof reply === 'string' || typeof reply === 'number' ? String(reply) : '', 'latin1');
}
