/** Limits every framing has. */
type FrameLimits = {
  /** Most bytes of one frame's content, in both directions; marks and prefix are not counted. */
  readonly frameBytesMax: number;
  /** Framing faults a line may make in a minute before it is closed. */
  readonly frameFaultsMax: number;
};

/** STX, content, ETX (domain sheet 2.1). */
export type StxEtxFraming = { readonly kind: 'stx-etx' } & FrameLimits;

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

/** How frames are cut from a line's bytes. A new `kind` is a code change on purpose; every dialect and line may use it then. */
export type Framing = StxEtxFraming | LengthPrefixFraming | DelimiterFraming;

/** What two ends tell each other at the link (domain sheet 2.1). */
export const controlBytes = { ACK: 0x06, NAK: 0x15, ENQ: 0x05 } as const;
export type ControlByte = keyof typeof controlBytes;

type PrefixOf = Pick<LengthPrefixFraming, 'encoding' | 'width' | 'countsSelf'>;

/** The longest content that a prefix can count. */
export function countableMax({ encoding, width, countsSelf }: PrefixOf): number {
  const numberMax = (encoding === 'binary' ? 256 ** width : 10 ** width) - 1;
  return countsSelf ? numberMax - width : numberMax;
}
