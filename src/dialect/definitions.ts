import type { PriorityClass } from '../message/delivery.ts';

/** How frames are cut from a line's bytes. A new `kind` is a code change on purpose; every dialect may use it then. */
export type Framing = {
  readonly kind: 'stx-etx';
  /** Most bytes between the marks, marks excluded. */
  readonly frameBytesMax: number;
  /** Framing faults a line may make in a minute before it is closed. */
  readonly frameFaultsMax: number;
};

export const destinationKinds = ['ori', 'state', 'region', 'group', 'all-points'] as const;
export type DestinationKind = (typeof destinationKinds)[number];

export const keyKinds = ['inquiry', 'response', 'administrative', 'hit-confirmation'] as const;
export type KeyKind = (typeof keyKinds)[number];

/** Which fields may and must stand together. `alternatives`: at least one of these lists must be there whole. */
export type FieldSet = {
  readonly permitted: ReadonlySet<string>;
  readonly required: readonly string[];
  readonly alternatives: readonly (readonly string[])[];
};

/** More fields, chosen by the value of one: `by.get('SV')` holds when `field` is SV. */
export type FieldCase = { readonly field: string; readonly by: ReadonlyMap<string, FieldSet> };

export type KeyDefinition = {
  readonly key: string;
  readonly title: string;
  readonly kind: KeyKind;
  readonly priorityClass: PriorityClass;
  /** A field whose value changes the class, as PRI does for a hit confirmation. */
  readonly priorityByField:
    | { readonly field: string; readonly classes: ReadonlyMap<string, PriorityClass> }
    | undefined;
  /** `fields`: code/value pairs between periods. `text`: anything printable, never empty. */
  readonly body: 'fields' | 'text';
  readonly destinations: { readonly kinds: ReadonlySet<DestinationKind>; readonly max: number };
  readonly fields: FieldSet;
  readonly cases: readonly FieldCase[];
  /** Keys that answer this one; empty where no answer is expected. */
  readonly repliedBy: readonly string[];
  /** How long a delivery of this key may wait before it is expired and its sender told; undefined: it does not expire. */
  readonly expiresMs: number | undefined;
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
  /** The value has one of these pictures; empty for any. */
  readonly pictures: readonly string[];
  /** Values that pass whatever the pictures say, as NX for a plate that does not expire. */
  readonly orValues: ReadonlySet<string>;
  readonly codes: ReadonlySet<string> | undefined;
  /** False where we know only some of the codes: then the table informs and does not refuse. */
  readonly isCodeTableComplete: boolean;
  readonly isSensitive: boolean;
};

export type HeaderForm = {
  readonly form: 'dotted';
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

/** Everything a state or network says about its messages, read from one folder of protocols/. */
export type Dialect = {
  readonly name: string;
  readonly title: string;
  readonly framing: Framing;
  readonly header: HeaderForm;
  readonly destinations: DestinationForms;
  readonly fieldsMax: number;
  readonly keys: ReadonlyMap<string, KeyDefinition>;
  readonly fields: ReadonlyMap<string, FieldDefinition>;
  /** Region code to its member states, in the order of the file. */
  readonly regions: ReadonlyMap<string, readonly string[]>;
  readonly answers: AnswerForms;
  readonly output: OutputForm;
};
