/** The text of a talk: what is written stands for itself, what stands in braces for bytes, for what may vary, or for what came before. */
export type Piece =
  | { readonly kind: 'bytes'; readonly bytes: string }
  | { readonly kind: 'any'; readonly what: Any; readonly as: string | undefined }
  | { readonly kind: 'known'; readonly name: string };

export type TalkText = readonly Piece[];

/** What may vary, by its name in braces. Bytes are latin1 characters. */
export const anys = {
  time: String.raw`\d\d:\d\d`,
  date: String.raw`\d\d/\d\d/\d{4}`,
  /** ccyy-mm-dd, as XML has it. */
  day: String.raw`\d{4}-\d\d-\d\d`,
  count: String.raw`\d{5}`,
  id: '[A-Za-z0-9._:-]+-[0-9]+',
  line: String.raw`[^\r\n]*`,
  text: '[^]*',
} as const;
type Any = keyof typeof anys;

export const controls: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ...{ NUL: 0x00, SOH: 0x01, STX: 0x02, ETX: 0x03, EOT: 0x04, ENQ: 0x05, ACK: 0x06, LF: 0x0a, CR: 0x0d },
    ...{ NAK: 0x15, FS: 0x1c, DEL: 0x7f },
  }).map(([name, byte]) => [name, String.fromCharCode(byte)]),
);

/** Reads what stands in braces. `known`: names remembered before; a new one is added. Throws with what is wrong. */
export function readText(written: string, known: Set<string>, isExpected: boolean): TalkText {
  return written.split(/(\{[^{}]*\})/).flatMap((part): Piece[] => {
    if (part === '') return [];
    if (!part.startsWith('{')) {
      if (/[{}]/.test(part)) throw new Error('a brace that stands alone is written {x 7B} or {x 7D}');
      return [{ kind: 'bytes', bytes: Buffer.from(part).toString('latin1') }];
    }
    return readBraces(part.slice(1, -1), known, isExpected);
  });
}

function readBraces(inside: string, known: Set<string>, isExpected: boolean): Piece[] {
  if (inside === '') return [];
  const control = controls.get(inside);
  if (control !== undefined) return [{ kind: 'bytes', bytes: control }];
  const [, hex] = /^x ((?:[0-9A-F]{2} ?)+)$/.exec(inside) ?? [];
  if (hex !== undefined) {
    return [{ kind: 'bytes', bytes: Buffer.from(hex.replaceAll(' ', ''), 'hex').toString('latin1') }];
  }
  if (known.has(inside)) return [{ kind: 'known', name: inside }];
  const [, what = '', as] = /^([a-z]+)(?: as ([a-z][a-z0-9-]*))?$/.exec(inside) ?? [];
  if (!Object.hasOwn(anys, what)) throw new Error(`{${inside}} is not known here`);
  if (!isExpected) throw new Error(`{${inside}} varies: what is sent must be known`);
  if (as !== undefined) {
    if (Object.hasOwn(anys, as) || controls.has(as)) throw new Error(`{${as}} means something else`);
    known.add(as);
  }
  return [{ kind: 'any', what: what as Any, as }];
}
