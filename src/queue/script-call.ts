import { hash } from 'node:crypto';

export type ScriptArgument = string | Buffer | number;

/**
 * One call of a script as the bytes Redis reads. They are made once: what is sent again while an outcome is unknown, and what is kept
 * for a server that lost it, is one buffer rather than hundreds of arguments, which the collector would carry along for seconds.
 */
export type ScriptCall = { readonly script: string; readonly bytes: Buffer };

const shas = new Map<string, string>();
const LINE_END = 0x0d0a;
/** `$`, ten digits, CR LF, and the CR LF behind the argument. */
const FRAME_BYTES = 15;

/** EVALSHA in the Redis protocol: an array of length-prefixed strings. */
export const scriptCall = (
  script: string,
  keys: readonly string[],
  args: readonly ScriptArgument[],
): ScriptCall => {
  const parts: (string | Buffer)[] = ['EVALSHA', shaOf(script), String(keys.length), ...keys];
  for (const arg of args) parts.push(typeof arg === 'number' ? String(arg) : arg);
  let room = FRAME_BYTES;
  for (const part of parts) {
    room += FRAME_BYTES + (typeof part === 'string' ? part.length * 3 : part.length);
  }
  const out = Buffer.allocUnsafeSlow(room);
  let at = out.write(`*${String(parts.length)}\r\n`, 0, 'latin1');
  for (const part of parts) {
    const length = typeof part === 'string' ? Buffer.byteLength(part) : part.length;
    at += out.write(`$${String(length)}\r\n`, at, 'latin1');
    at += typeof part === 'string' ? out.write(part, at, 'utf8') : part.copy(out, at);
    at = out.writeUInt16BE(LINE_END, at);
  }
  return { script, bytes: out.subarray(0, at) };
};

const shaOf = (script: string): string => {
  const known = shas.get(script);
  if (known !== undefined) return known;
  const sha = hash('sha1', script);
  shas.set(script, sha);
  return sha;
};
