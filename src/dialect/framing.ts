/** Limits every framing has. */
type FrameLimits = {
  /** Most bytes of one frame's content, in both directions; marks and prefix are not counted. */
  readonly frameBytesMax: number;
  /** Framing faults a line may make in a minute before it is closed. */
  readonly frameFaultsMax: number;
};

/**
 * STX, content, ETX (domain sheet 2.1). `lrc`: one byte follows ETX, the exclusive or of the bytes behind STX up to and with ETX. `soh`: SOH
 * and a header may or must stand before STX; what it holds is dropped, at most `bytesMax` of it, and `text` is written.
 */
export type StxEtxFraming = {
  readonly kind: 'stx-etx';
  readonly lrc?: 'xor';
  readonly soh?: { readonly isRequired: boolean; readonly text: string; readonly bytesMax: number };
} & FrameLimits;

/** How the number before a content is written: binary, or decimal digits padded with zeros. */
type Prefix =
  | { readonly encoding: 'binary'; readonly width: 2 | 4; readonly endian: 'big' | 'little' }
  | { readonly encoding: 'ascii'; readonly width: 4 | 5 | 6 };

/** The content's length, then the content (domain sheet 2.2). `countsSelf`: the number counts the prefix as well. */
export type LengthPrefixFraming = {
  readonly kind: 'length-prefix';
  readonly countsSelf: boolean;
} & Prefix &
  FrameLimits;

/** Content, then the delimiter: one to four bytes, here as the characters with these codes. */
export type DelimiterFraming = { readonly kind: 'delimiter'; readonly delimiter: string } & FrameLimits;

type Endian = 'big' | 'little';

/** A number in the header of a block; `offset` counts from the first byte of the block. */
export type TemplateField = {
  readonly name: string;
  readonly offset: number;
  readonly width: 1 | 2 | 4;
  readonly endian: Endian;
  /** What is written where nothing else is to be said. */
  readonly default: number;
};

/** Numbers that say what a block is. */
export type BlockTypes = {
  readonly data: number;
  readonly ack?: number | undefined;
  readonly nak?: number | undefined;
  readonly keepAliveRequest?: number | undefined;
  readonly keepAliveReply?: number | undefined;
};

/** How messages travel in several blocks. Each number is a limit of what one line may make us hold. */
export type Segments = {
  readonly number: TemplateField;
  readonly count: TemplateField;
  readonly messageId: TemplateField;
  /** Most content of a block we write. */
  readonly segmentBytesMax: number;
  readonly segmentsMax: number;
  /** Unfinished messages, and their bytes together. */
  readonly messagesMax: number;
  readonly bytesMax: number;
  /** After so long without another segment an unfinished message is dropped. */
  readonly timeoutMs: number;
};

/**
 * Blocks (domain sheet 2.3): a start mark, a length, numbers, content, a stop mark; the marks here as characters with these codes, empty
 * for none. `length.counts`: the whole block, the rest behind the length, or the content alone. `headBytes` are those before the content.
 */
export type HeaderTemplateFraming = {
  readonly kind: 'header-template';
  readonly start: string;
  readonly stop: string;
  readonly length: { readonly width: 2 | 4; readonly endian: Endian; readonly counts: LengthCounts };
  readonly headBytes: number;
  readonly fields: readonly TemplateField[];
  readonly blockType: { readonly field: TemplateField; readonly types: BlockTypes } | undefined;
  readonly session: TemplateField | undefined;
  readonly segments: Segments | undefined;
} & FrameLimits;

export const lengthCounts = ['frame', 'rest', 'content'] as const;
export type LengthCounts = (typeof lengthCounts)[number];

/** How frames are cut from a line's bytes. A new `kind` is a code change on purpose; every dialect and line may use it then. */
export type Framing = StxEtxFraming | LengthPrefixFraming | DelimiterFraming | HeaderTemplateFraming;

/** What two ends tell each other at the link (domain sheet 2.1). */
export const controlBytes = { ACK: 0x06, NAK: 0x15, ENQ: 0x05 } as const;
export type ControlByte = keyof typeof controlBytes;

type PrefixOf = Pick<LengthPrefixFraming, 'encoding' | 'width' | 'countsSelf'>;

/** The longest content that a prefix can count. */
export function countableMax({ encoding, width, countsSelf }: PrefixOf): number {
  const numberMax = (encoding === 'binary' ? 256 ** width : 10 ** width) - 1;
  return countsSelf ? numberMax - width : numberMax;
}

type Blocks = Pick<HeaderTemplateFraming, 'start' | 'stop' | 'length' | 'headBytes'>;

/** Bytes of a block besides its content. */
export const blockOverhead = ({ headBytes, stop }: Blocks): number => headBytes + stop.length;

/** Bytes that the length of a block counts besides its content. */
export function countedBesides({ start, stop, length, headBytes }: Blocks): number {
  if (length.counts === 'content') return 0;
  return headBytes + stop.length - (length.counts === 'rest' ? start.length + length.width : 0);
}

export function readNumber(bytes: Buffer, at: number, { width, endian }: NumberForm): number {
  return endian === 'big' ? bytes.readUIntBE(at, width) : bytes.readUIntLE(at, width);
}

export function writeNumber(bytes: Buffer, at: number, { width, endian }: NumberForm, value: number): void {
  if (endian === 'big') bytes.writeUIntBE(value, at, width);
  else bytes.writeUIntLE(value, at, width);
}

type NumberForm = { readonly width: number; readonly endian: Endian };
