/** How the characters of an element and a field's value are made of each other; `fromXml` and `toXml` do it. */
export const xmlValueForms = ['plain', 'date', 'name', 'list', 'indicator'] as const;
/**
 * `plain`: the characters, blanks around them left out, and a line end in them with the blanks beside it taken for one blank, as in every
 * form. `date`: yyyy-mm-dd for ccyymmdd. `indicator`: true or false for Y or N.
 * `name`: the element holds the parts of a name for LAST,FIRST MIDDLE SUFFIX. `list`: the element comes once for each of the values
 * that have a comma between them in the field.
 */
export type XmlValueForm = (typeof xmlValueForms)[number];

/** Parts of the header, in the order in which a document is written. */
export const xmlHeaderParts = [
  'messageKey',
  'originatingOri',
  'destination',
  'control',
  'receivedDate',
  'receivedTime',
  'sentDate',
  'sentTime',
  'receivedCount',
  'sentCount',
] as const;
export type XmlHeaderPart = (typeof xmlHeaderParts)[number];

/** Parts of a name in a document; `full` is the whole of it, and then the others are not there. */
export const xmlNameParts = ['full', 'sur', 'given', 'middle', 'suffix'] as const;
export type XmlNamePart = (typeof xmlNameParts)[number];

/** Where a field stands: names of elements, one inside the other, below the body element. */
export type XmlField = {
  readonly code: string;
  readonly path: readonly string[];
  readonly form: XmlValueForm;
};

/** An element that holds an image or the like: base64 in the child `data`, the name of its format in the child `format`. */
export type XmlAttachment = {
  readonly path: readonly string[];
  readonly data: string;
  readonly format: string;
};

/** What an element below the body element is, found by going down its path. */
export type XmlPlace = {
  readonly children: ReadonlyMap<string, XmlPlace>;
  readonly field: XmlField | undefined;
  readonly isText: boolean;
  readonly attachment: XmlAttachment | undefined;
};

/** How messages of a key are written below the root, beside the header. */
export type XmlBody = {
  readonly element: string;
  /** Path of the element with the free text, below the body element; empty: messages of this key have none. */
  readonly text: readonly string[];
  /** Without such an element, or with an empty one, the contents of all elements are the text, a line each. */
  readonly isTextOfElements: boolean;
  /** Field code to its place, in the order in which a document is written. What is not here, XML does not carry. */
  readonly fields: ReadonlyMap<string, XmlField>;
  readonly attachments: readonly XmlAttachment[];
  /** All of the above by path, for reading. */
  readonly places: XmlPlace;
};

/** Bounds of what is read; a document that passes one is refused. */
export type XmlLimits = {
  readonly depthMax: number;
  readonly elementsMax: number;
  readonly attributesMax: number;
  /** Of one start tag: name, attributes and the blanks between. */
  readonly tagBytesMax: number;
  readonly namespacesMax: number;
};

/**
 * How a dialect's messages look as XML documents, from xml.json. Names of elements and attributes have the file's own prefixes
 * (`nh2:OriginatingORIID`), whatever prefixes a document declares; without a prefix they stand in no namespace.
 */
export type XmlForm = {
  readonly limits: XmlLimits;
  /** Prefix to the namespaces taken for it; the first is the one to write. */
  readonly namespaces: ReadonlyMap<string, readonly string[]>;
  /** The other way round: namespace to prefix. */
  readonly prefixes: ReadonlyMap<string, string>;
  /** Names that older documents use: `prefix:Name`, or `*:Name` in whatever namespace, to the name in this file. Read, never written. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly root: {
    readonly element: string;
    /** `values`: those that are read; the first is the one to write. */
    readonly version: { readonly attribute: string; readonly values: readonly string[] } | undefined;
  };
  readonly header: {
    readonly element: string;
    /** In the order in which they are written. What is not here, documents do not have. */
    readonly parts: ReadonlyMap<XmlHeaderPart, string>;
    /** The other way round, for reading: element to part. */
    readonly elements: ReadonlyMap<string, XmlHeaderPart>;
  };
  /** Attribute of the body element that repeats the message key; undefined where there is none. */
  readonly keyAttribute: string | undefined;
  readonly nameParts: ReadonlyMap<XmlNamePart, string>;
  /** The other way round, for reading: element to part. */
  readonly nameElements: ReadonlyMap<string, XmlNamePart>;
  /** Every element that the file names: none of them is an older name of another. */
  readonly names: ReadonlySet<string>;
  /** By message key: every key of the dialect has one. */
  readonly bodies: ReadonlyMap<string, XmlBody>;
};
