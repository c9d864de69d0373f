import type { Message, Unread } from '../message/message.ts';

/**
 * Something of a message that a face cannot carry: by kind and name, never by value. `name`: a field code, `TEXT`, `IMAGE`, a destination,
 * the message key, or an element's name. `offset` and `length` say where it stands in the frame that was received.
 */
export type Dropped = {
  /** `message`: nothing of it can be carried. `characters`: some were replaced, the rest is there. */
  readonly kind:
    | 'message'
    | 'destination'
    | 'control'
    | 'field'
    | 'text'
    | 'characters'
    | 'attachment'
    | 'element';
  readonly name: string;
  readonly offset: number;
  readonly length: number;
};

/** Named one by one; a note is read by people. */
const namedMax = 8;
const nameLengthMax = 40;

/** What a reader of the message is told, such as `FIELD VMO, IMAGE`; empty when all was carried. Printable ASCII, one line. */
export function noteOf(dropped: readonly Dropped[]): string {
  const all = [...new Set(dropped.map(wordsOf))];
  const left = all.length - namedMax;
  return [...all.slice(0, namedMax), ...(left > 0 ? [`AND ${String(left)} MORE`] : [])].join(', ');
}

function wordsOf({ kind, name }: Dropped): string {
  switch (kind) {
    case 'message':
      return 'MESSAGE';
    case 'control':
      return 'CONTROL FIELD';
    case 'text':
      return 'TEXT';
    case 'attachment':
      return 'IMAGE';
    case 'field':
      return `FIELD ${name}`;
    case 'destination':
      return `DESTINATION ${name}`;
    case 'characters':
      return `CHARACTERS OF ${name}`;
    case 'element':
      // An element may have any name its sender thought of.
      return `ELEMENT ${name
        .slice(name.lastIndexOf(':') + 1)
        .slice(0, nameLengthMax)
        .replaceAll(/[^!-~]/g, '?')}`;
  }
}

/**
 * What a record or a refusal calls it: a field by its code, everything else by its kind. An element may have any name its sender thought
 * of, so that is never among them.
 */
export function fieldNameOf({ kind, name }: Dropped): string {
  switch (kind) {
    case 'message':
      return 'key';
    case 'attachment':
      return 'image';
    case 'field':
      return name;
    case 'characters':
      return name === 'TEXT' ? 'text' : name;
    case 'destination':
    case 'control':
    case 'text':
    case 'element':
      return kind;
  }
}

/** Nothing of the message can be carried: there is nothing to send. */
export function isNothing(dropped: readonly Dropped[]): boolean {
  return dropped.some(({ kind }) => kind === 'message');
}

/** What only a document of the dialect it came in has: images, and elements nobody read. */
export function otherParts({ attachments = [], unread = [] }: Message): readonly Dropped[] {
  return [
    ...attachments.map(
      ({ offset, length }): Dropped => ({ kind: 'attachment', name: 'IMAGE', offset, length }),
    ),
    ...elementsOf(unread),
  ];
}

export function elementsOf(unread: readonly Unread[]): readonly Dropped[] {
  return unread.map(({ name, offset, length }) => ({ kind: 'element', name, offset, length }));
}
