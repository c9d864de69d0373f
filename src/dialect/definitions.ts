import type { PriorityClass } from '../message/delivery.ts';
import type { Destination } from '../message/message.ts';
import type { Framing } from './framing.ts';
import type { NcicForm } from './ncic-form.ts';
import type { PartForms } from './part-markers.ts';
import type { XmlForm } from './xml-form.ts';
import type { SessionForm } from './session-form.ts';

/** How sure we are of what a file or row says: of its weakest part. `read`: it stands in a published source. */
export const confidences = ['read', 'well-known', 'convention', 'uncertain'] as const;
export type Confidence = (typeof confidences)[number];

/** How a message is written: header parts between periods, NCIC's reference first, or an XML document. */
export const headerForms = ['dotted', 'ncic', 'xml'] as const;

/** `state`: any two-letter code, a service of the network too; `mnemonic`: one station, by the name its network gave it. */
export const destinationKinds = ['ori', 'state', 'region', 'mnemonic', 'group', 'all-points'] as const;
export type DestinationKind = (typeof destinationKinds)[number];

/**
 * `entry`: a record is put in, changed or taken out. `status`: the network's own word on a message or on itself, which no station may send.
 * `session`: a station's log-on or log-off, which is for the switch and goes no further.
 */
export const keyKinds = [
  'inquiry',
  'entry',
  'response',
  'administrative',
  'hit-confirmation',
  'status',
  'session',
] as const;
export type KeyKind = (typeof keyKinds)[number];

/** Which fields may and must stand together. `alternatives`: at least one of these lists must be there whole. */
export type FieldSet = {
  readonly permitted: ReadonlySet<string>;
  readonly required: readonly string[];
  readonly alternatives: readonly (readonly string[])[];
};

/** More fields, chosen by the value of one: `by.get('SV')` holds when `field` is SV. */
export type FieldCase = { readonly field: string; readonly by: ReadonlyMap<string, FieldSet> };

/** Where messages of a key may go. One with `implied` destinations has none written, and no control field or text mark either. */
export type KeyDestinations = {
  readonly kinds: ReadonlySet<DestinationKind>;
  readonly max: number;
  /** How many of `max` may be codes of the network: states, regions, all points. */
  readonly codesMax: number;
  /** When it is not empty: nothing but these. */
  readonly only: ReadonlySet<string>;
  /** Codes this key does not take, whatever their kind. */
  readonly except: ReadonlySet<string>;
  /** Pictures: no other destination may be written with one that fits. */
  readonly alone: readonly string[];
  readonly implied: readonly Destination[];
};

/**
 * Fields that hang on where a message goes. `only`, unless it is empty: where one of `destinations` is written no other field may be there.
 * `also`: these may be there only where every destination is one of `destinations`.
 */
export type DestinationRule = {
  readonly destinations: ReadonlySet<string>;
  readonly only: ReadonlySet<string>;
  readonly also: ReadonlySet<string>;
};

export type KeyDefinition = {
  readonly key: string;
  readonly title: string;
  readonly kind: KeyKind;
  /** Letters that may stand behind the key and a hyphen, as in EW-C: the same key, with a caution or the like (domain sheet 5.1). */
  readonly suffixes: readonly string[] | 'any';
  readonly priorityClass: PriorityClass;
  /** A field whose value changes the class, as PRI does for a hit confirmation. */
  readonly priorityByField:
    | { readonly field: string; readonly classes: ReadonlyMap<string, PriorityClass> }
    | undefined;
  /** `fields`: code/value pairs between periods. `text`: anything printable, never empty. */
  readonly body: 'fields' | 'text';
  readonly destinations: KeyDestinations;
  readonly fields: FieldSet;
  readonly cases: readonly FieldCase[];
  /** Of each list one field at most may be there. */
  readonly exclusive: readonly (readonly string[])[];
  /** The alternative stands at the beginning, before all other fields; `again`: its fields may be there once more behind it. */
  readonly alternativesFirst: 'once' | 'again' | undefined;
  readonly byDestination: readonly DestinationRule[];
  /** The dialect's fields, those of this key's own making in place of the dialect's. */
  readonly dictionary: ReadonlyMap<string, FieldDefinition>;
  /** Keys that answer this one; empty where no answer is expected. */
  readonly repliedBy: readonly string[];
  /** How long a delivery of this key may wait before it is expired and its sender told; undefined: it does not expire. */
  readonly expiresMs: number | undefined;
  /** A field whose value says how long instead, as PRI does for a hit confirmation. */
  readonly expiresByField: { readonly field: string; readonly ms: ReadonlyMap<string, number> } | undefined;
  /** The table of the numbers its text may begin with, as `.14.` of an error; empty for none. */
  readonly numbers: string;
  /** It has no file: the dialect lets it pass all the same. */
  readonly isUnknown?: true;
};

/** What keys without a file are like, by what their last letter says they are. */
export type UnknownKeys = {
  readonly inquiry: KeyDefinition;
  readonly response: KeyDefinition;
  readonly administrative: KeyDefinition;
  /** Where one goes whose first field stands right behind the ORI; empty: no key without a file may be written so. */
  readonly implied: readonly Destination[];
  /** Keys that do not pass: a dialect that this one stands on has them, and they were left out. */
  readonly except: ReadonlySet<string>;
};

export type FieldDefinition = {
  readonly code: string;
  readonly title: string;
  /** Lengths count the value without line ends that were folded into it. */
  readonly lengthMin: number;
  readonly lengthMax: number;
  /** By byte, 256 entries. */
  readonly allowed: readonly boolean[];
  /** A character the value must hold, as the comma of a name; empty for none. */
  readonly contains: string;
  /** The value has one of these pictures, in which a character that is no class stands for itself; empty for any. */
  readonly pictures: readonly string[];
  /** Values that pass whatever the pictures say, as NX for a plate that does not expire. */
  readonly orValues: ReadonlySet<string>;
  /** The table's name and what it holds; empty and undefined where there is none. */
  readonly codeTable: string;
  readonly codes: ReadonlySet<string> | undefined;
  /** False where we know only some of the codes: then the table informs and does not refuse. */
  readonly isCodeTableComplete: boolean;
  readonly isSensitive: boolean;
};

export type HeaderForm = {
  readonly form: (typeof headerForms)[number];
  readonly messageKey: { readonly lengthMin: number; readonly lengthMax: number };
  readonly originatingOri: string;
  /** Bound of what parse reads; how many a key allows is authorize's question. */
  readonly destinationsReadMax: number;
  readonly control: { readonly mark: string; readonly lengthMax: number };
  readonly textMark: string;
};

/** Pictures of destinations, tried in this order after the all-points codes. */
export type DestinationForms = {
  readonly allPoints: ReadonlySet<string>;
  /** Other names of destinations, and what they are read as. */
  readonly aliases: ReadonlyMap<string, string>;
  /** The table of ORIs that every state has, with xx for the state; empty for none. */
  readonly genericOris: string;
  readonly pictures: readonly { readonly kind: DestinationKind; readonly picture: string }[];
};

export type AnswerForms = {
  readonly utcOffsetMinutes: number;
  readonly originalCharactersMax: number;
  readonly refused: readonly string[];
  readonly accepted: readonly string[];
};

/** What goes out to a station, and by which keys a station on an application line says what became of it. */
export type OutputForm = {
  /** Header lines; the last is the text mark, the body follows. Its clocks show the answers' `utcOffsetMinutes`. */
  readonly form: readonly string[];
  readonly possibleDuplicate: string;
  readonly receipts: { readonly accepted: string; readonly refused: string };
};

/** One piece of a line of a network's header. A destination or control field ends where a line or the next text begins. */
export type RelayedPiece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'clock'; readonly picture: string }
  | { readonly kind: 'destination' }
  | { readonly kind: 'control' };

/** `isOptional`: a line with nothing but the control field may be missing, as it is left out when there is none. */
export type RelayedLine = { readonly pieces: readonly RelayedPiece[]; readonly isOptional: boolean };

/** The lines between the first one, KEY.ORI, and the text mark on a line of its own. */
export type RelayedForm = readonly RelayedLine[];

/** Everything a state or network says about its messages, read from one folder of protocols/. */
export type Dialect = {
  readonly name: string;
  readonly title: string;
  /** Of the dialect, or of the line it is used on. */
  readonly framing: Framing;
  readonly header: HeaderForm;
  readonly destinations: DestinationForms;
  readonly fieldsMax: number;
  readonly keys: ReadonlyMap<string, KeyDefinition>;
  /** How keys that are not in `keys` are taken; undefined: they are refused. Ask `keyOf`. */
  readonly unknownKeys: UnknownKeys | undefined;
  readonly fields: ReadonlyMap<string, FieldDefinition>;
  /** Region code to its member states, in the order of the file. */
  readonly regions: ReadonlyMap<string, readonly string[]>;
  /** Every code table by its name: those of fields, those of numbers, and those that are only there to be read. Code to meaning. */
  readonly tables: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** How a response says that it is one part of several; undefined: none does. */
  readonly parts: PartForms | undefined;
  readonly answers: AnswerForms;
  readonly output: OutputForm;
  /** How messages look that a network hands on to us; the first form that fits is taken. Empty: this dialect has no such form. */
  readonly relayed: readonly RelayedForm[];
  /** How a station logs on and off; undefined: this dialect has no such messages. */
  readonly session: SessionForm | undefined;
  /** Where the header's form is `ncic`. */
  readonly ncic: NcicForm | undefined;
  /** Where the header's form is `xml`. */
  readonly xml: XmlForm | undefined;
};
