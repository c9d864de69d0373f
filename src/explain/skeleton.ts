import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Dialect, framedText, keyOf } from '../dialect/dialect.ts';
import type { FieldEntry, KeyEntry } from '../dialect/file-kinds.ts';
import { Layers } from '../dialect/layers.ts';
import type { Directory, Line } from '../directory/directory.ts';
import type { Message } from '../message/message.ts';
import type { DryRun } from './dry-event.ts';
import { sampleNames } from './file-findings.ts';

/** Stands where whoever makes the dialect has to say something. */
export const fillIn = 'FILL IN';
const fillInSource = `${fillIn}: the manual, its section and edition, and how sure you are`;
const exampleKeys = ['ZZQ', 'ZQ', 'ZZZQ', 'ZZZZQ', 'ZX'];
const exampleFields = ['ZZF', 'ZZG', 'ZZH'];
const exampleValue = 'ZZ1234';

/** The dialect below, and how messages run on it. */
export type Base = {
  readonly folder: string;
  readonly dialect: Dialect;
  readonly directory: Directory;
  readonly run: DryRun;
};
/** A message of the dialect below, to make the first one of the new dialect from. */
type Pattern = { readonly line: Line; readonly message: Message };

export type Skeleton = {
  /** File below the new folder to what it holds; those of `samples` still lack what becomes of them. */
  readonly files: ReadonlyMap<string, string | Buffer>;
  readonly accepted: string;
  readonly refused: string;
  readonly line: Line;
  readonly messageKey: string;
};

/**
 * The files of a new dialect that stands on `base`: one key, one field, a message that passes and one that does not. Where messages are
 * lines of text, key and field are new; where they are documents, they are the other dialect's, said again to be changed. Undefined when
 * the other dialect has no accepted sample to begin from.
 */
export function skeletonOf(name: string, base: Base): Skeleton | undefined {
  const pattern = patternOf(base);
  if (pattern === undefined) return undefined;
  const { dialect } = base;
  const layers = Layers.read(base.folder);
  const key = dialect.header.form === 'xml' ? undefined : newKey(dialect);
  const field = key === undefined ? undefined : exampleFields.find((code) => !dialect.fields.has(code));
  const made =
    key === undefined || field === undefined
      ? saidAgain(pattern.message, layers)
      : madeNew(key, field, pattern.message, layers);
  const { accepted, refused } = { accepted: 'samples/accepted/example', refused: 'samples/refused/example' };
  const wire = (bytes: Buffer) => framedText(dialect.framing, bytes);
  return {
    accepted,
    refused,
    line: pattern.line,
    messageKey: made.entry.key,
    files: new Map<string, string | Buffer>([
      ['dialect.json', jsonText(dialectFileOf(name, dialect))],
      ['fields.json', jsonText(fieldsFileOf(made.fields))],
      [`message-keys/${made.entry.key}.json`, jsonText(made.entry)],
      [`${accepted}/wire.msg`, wire(made.content)],
      [`${refused}/wire.msg`, wire(asStranger(made.content, made.oriOffset, pattern.message))],
    ]),
  };
}

function dialectFileOf(name: string, { name: base, answers }: Dialect): object {
  return {
    $schema: '../format/dialect-difference.schema.json',
    name,
    title: `${fillIn}: whose messages these are (${name})`,
    source: fillInSource,
    confidence: 'uncertain',
    extends: base,
    // Something to change: it says what the dialect below says, too.
    answers: { originalCharactersMax: answers.originalCharactersMax },
  };
}

function fieldsFileOf(fields: Readonly<Record<string, FieldEntry>>): object {
  return { $schema: '../format/fields-difference.schema.json', source: fillInSource, fields };
}

type Made = {
  readonly entry: KeyEntry;
  readonly fields: Readonly<Record<string, FieldEntry>>;
  readonly content: Buffer;
  readonly oriOffset: number;
};

const keySchema = '../../format/message-key.schema.json';
const unsure = { source: fillInSource, confidence: 'uncertain' } as const;

/** The pattern's header with another key, and a body of one field. */
function madeNew(key: string, code: string, message: Message, layers: Layers): Made {
  const { bytes, keyOffset, bodyOffset, messageKey, oriOffset } = message;
  const like = layers.keys().get(messageKey);
  const content = Buffer.concat([
    bytes.subarray(0, keyOffset),
    Buffer.from(key),
    bytes.subarray(keyOffset + messageKey.length, bodyOffset),
    Buffer.from(`${code}/${exampleValue}`),
  ]);
  const entry: KeyEntry = {
    $schema: keySchema,
    key,
    title: `${fillIn}: what this message asks or says`,
    ...unsure,
    kind: like?.kind ?? 'inquiry',
    priorityClass: like?.priorityClass ?? 2,
    body: 'fields',
    destinations: like?.destinations ?? { kinds: ['state'], max: 1 },
    required: [code],
  };
  const field: FieldEntry = {
    title: `${fillIn}: what this field holds`,
    ...unsure,
    lengthMin: 1,
    lengthMax: 10,
    characters: 'letters-digits',
    sensitive: true,
  };
  const moved = oriOffset > keyOffset ? key.length - messageKey.length : 0;
  return { entry, fields: { [code]: field }, content, oriOffset: oriOffset + moved };
}

/** The pattern's own key and one of its fields, as the dialect below has them. */
function saidAgain(message: Message, layers: Layers): Made {
  const { bytes, messageKey, oriOffset, fields } = message;
  const entry = layers.keys().get(messageKey);
  if (entry === undefined) throw new RangeError('the pattern has a key of its dialect');
  const [code, field] =
    Object.entries(layers.fields()).find(([one]) => fields.some((written) => written.code === one)) ?? [];
  const again = code === undefined || field === undefined ? {} : { [code]: { ...field, ...unsure } };
  return { entry: { ...entry, $schema: keySchema, ...unsure }, fields: again, content: bytes, oriOffset };
}

/** The same message from an ORI that is on no line. */
function asStranger(content: Buffer, oriOffset: number, { originatingOri }: Message): Buffer {
  const stranger = `${originatingOri.slice(0, 5)}${'Z'.repeat(originatingOri.length - 5)}`;
  const bytes = Buffer.from(content);
  bytes.write(stranger, oriOffset, 'latin1');
  return bytes;
}

function newKey(dialect: Dialect): string | undefined {
  const { lengthMin, lengthMax } = dialect.header.messageKey;
  const { accepted, refused } = dialect.output.receipts;
  return exampleKeys.find(
    (key) =>
      key.length >= lengthMin &&
      key.length <= lengthMax &&
      !dialect.keys.has(key) &&
      key !== accepted &&
      key !== refused,
  );
}

/** From the samples of the dialect below, or of those that one stands on. */
function patternOf(base: Base): Pattern | undefined {
  const pile = Layers.read(base.folder)
    .upwards()
    .map((layers) => join(dirname(base.folder), layers.origin('dialect.json', '/name').dialect));
  for (const folder of pile.toReversed()) {
    const pattern = patternIn(folder, base);
    if (pattern !== undefined) return pattern;
  }
  return undefined;
}

/** The shortest question with fields among the accepted samples, of a station and not handed on. */
function patternIn(folder: string, { dialect, directory, run }: Base): Pattern | undefined {
  const found = sampleNames(folder, 'accepted').flatMap((name): Pattern[] => {
    const at = join(folder, 'samples', 'accepted', name);
    const { line: lineName } = JSON.parse(readFileSync(join(at, 'message.json'), 'utf8')) as { line: string };
    const line = directory.lines.get(lineName);
    if (line === undefined) return [];
    const events = run(readFileSync(join(at, 'wire.msg')), { dialect, line, directory });
    return events.flatMap((event) => {
      if (event.kind !== 'frame' || event.message === undefined || event.refusals.length > 0) return [];
      return [{ line, message: event.message }];
    });
  });
  const useful = found.filter(
    ({ message }) => !message.isRelayed && message.fields.length > 0 && dialect.keys.has(message.messageKey),
  );
  const rank = ({ message }: Pattern) =>
    (keyOf(dialect, message.messageKey)?.kind === 'inquiry' ? 0 : 1_000_000) + message.bytes.length;
  return useful.toSorted((left, right) => rank(left) - rank(right))[0];
}

export function jsonText(content: unknown): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}
