/**
 * One field of a fielded body. Offsets count bytes from the start of the frame; `offset`/`length` are the
 * value's, `codeOffset` that of the three letters before the slash. Values are never copied out of the frame:
 * who needs one reads it from `Message.bytes`.
 */
export type Field = {
  readonly code: string;
  readonly codeOffset: number;
  readonly offset: number;
  readonly length: number;
  /** What the bytes there stand for, where they are not the value itself: XML with its escapes, dates and names. Never log it. */
  readonly value?: string;
};

/** An image or the like inside the frame, by its place: `offset`/`length` are those of its base64 characters. */
export type Attachment = { readonly format: string; readonly offset: number; readonly length: number };

/** A part of the frame that nothing above was read from, kept where it stands. `name`: the element's; it may hold anything. */
export type Unread = { readonly name: string; readonly offset: number; readonly length: number };

/** Which part of a message that came in several (domain sheet 3.4). */
export type Part = { readonly number: number; readonly of: number };

/**
 * A destination as the sender wrote it: two characters, a mnemonic, a group code, or a nine-character ORI. One that is not written but
 * implied by the message key says so, and has the key's place.
 */
export type Destination = { readonly text: string; readonly offset: number; readonly isImplied?: true };

/**
 * A frame read by a dialect. Parsed, not yet permitted or checked.
 *
 * `user`, `terminal`, `incident`, `traceparent` are empty and `isTest` false where the dialect does not carry them;
 * they are part of the shape from the first day so that stored records need no second format.
 */
export type Message = {
  readonly dialect: string;
  readonly bytes: Buffer;
  readonly messageKey: string;
  readonly keyOffset: number;
  readonly originatingOri: string;
  readonly oriOffset: number;
  readonly destinations: readonly Destination[];
  /** It came in the network's output form: handed on, not written, by who is on the line. */
  readonly isRelayed: boolean;
  /** The sender's own reference, untouched; empty when absent. It may hold anything printable: never log it. */
  readonly control: string;
  /** First byte after TXT and its optional CR LF DEL; where destinations are implied, after the ORI; in XML the body element's. */
  readonly bodyOffset: number;
  /** End of the body, where something else follows it; undefined: the frame's. */
  readonly bodyEnd?: number;
  /** Empty for free text. */
  readonly fields: readonly Field[];
  /** The free text, where the bytes of the body are not the text itself. Never log it. */
  readonly text?: string;
  readonly attachments?: readonly Attachment[];
  readonly unread?: readonly Unread[];
  readonly part?: Part;
  /** The dialect does not know the key and lets it pass all the same (domain sheet 6.3). */
  readonly isKeyUnknown?: true;
  readonly user: string;
  readonly terminal: string;
  readonly incident: string;
  readonly isTest: boolean;
  readonly traceparent: string;
};

/** A message whose line may use its ORI, key and destinations. Only `authorize` makes one. */
export type PermittedMessage = Message & { readonly permitted: true };

/** A permitted message whose fields satisfy its key. Only `validate` makes one. */
export type ValidMessage = PermittedMessage & { readonly valid: true };
