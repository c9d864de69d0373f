import {
  destinationKindOf,
  type Dialect,
  type KeyDefinition,
  keyOf,
  genericOriOf,
  numbersIn,
  priorityClassOf,
} from '../dialect/dialect.ts';
import { codes } from '../message/codes.ts';
import type { Field, Message } from '../message/message.ts';
import type { Refusal } from '../message/refusal.ts';
import { advice } from './advice.ts';
import type { DryFrame } from './dry-event.ts';
import { type Masks, masksOf, type Range, shownText } from './masks.ts';

/** One part of a message: where it stands in the frame, what it is, and what stands there, masked. `offset` -1: nowhere. */
export type Part = {
  readonly offset: number;
  readonly length: number;
  readonly name: string;
  readonly shown: string;
  readonly says: string;
  /** Codes of what is wrong with it; empty: it is fine. */
  readonly wrong: readonly string[];
};

/** A refusal with what the documents say of it. `isTold`: the sender is told so; else it shows once that is mended. */
export type Wrong = Refusal & {
  readonly status: string;
  readonly means: string;
  readonly does: string;
  readonly isTold: boolean;
};

export type Explained = {
  readonly masks: Masks;
  readonly parts: readonly Part[];
  readonly wrong: readonly Wrong[];
};

/** What a frame is read as, part by part. `isShown`: nothing is masked but a password. */
export function explained(frame: DryFrame, dialect: Dialect, isShown: boolean): Explained {
  const { bytes, message, refusals, hidden } = frame;
  const masks = masksOf(bytes, message, dialect, isShown);
  const wrong = [
    ...refusals.map((refusal) => wrongOf(refusal, true)),
    ...hidden.map((refusal) => wrongOf(refusal, false)),
  ];
  const parts = message === undefined ? [] : partsOf(message, dialect, masks, wrong);
  return { masks, parts, wrong };
}

export function wrongOf(refusal: Refusal, isTold: boolean): Wrong {
  const { means = '', does = '' } = advice[refusal.code] ?? {};
  return { ...refusal, status: codes[refusal.code].status, means, does, isTold };
}

function partsOf(message: Message, dialect: Dialect, masks: Masks, wrong: readonly Wrong[]): readonly Part[] {
  const { bytes, messageKey, keyOffset, originatingOri, oriOffset, control, bodyOffset, fields } = message;
  const key = keyOf(dialect, messageKey);
  const part = (name: string, offset: number, length: number, says: string, field: string): Part => ({
    offset,
    length,
    name,
    shown: offset === -1 ? '' : shownPart(bytes, { from: offset, to: offset + length }, masks),
    says,
    wrong: wrong.filter((one) => one.field === field && isAt(one, offset, length)).map(({ code }) => code),
  });
  const controlAt = placeOf(control, message, dialect);
  const bodyEnd = message.bodyEnd ?? bytes.length;
  return [
    told(
      part('key', keyOffset, messageKey.length, keyWords(message, key, dialect), 'key'),
      messageKey,
      message,
    ),
    told(part('ori', oriOffset, originatingOri.length, 'who wrote it', 'ori'), originatingOri, message),
    ...message.destinations.map(({ text, offset, isImplied = false }) =>
      isImplied
        ? {
            ...part(
              'destination',
              keyOffset,
              messageKey.length,
              `${text}, implied by the key`,
              'destination',
            ),
            shown: '',
          }
        : part(
            'destination',
            offset,
            text.length,
            destinationWords(text, bytes, offset, dialect),
            'destination',
          ),
    ),
    ...(control === ''
      ? []
      : [part('control', controlAt, control.length, "the sender's reference", 'control')]),
    part(
      'body',
      bodyOffset,
      bodyEnd - bodyOffset,
      key?.body === 'fields' ? `${String(fields.length)} fields` : 'free text',
      'text',
    ),
    ...numbersIn(message, dialect).map(({ offset, length, meaning }) =>
      part('number', offset, length, meaning, 'number'),
    ),
    ...fields.map((field) =>
      part(field.code, field.offset, field.length, fieldWords(field, key, dialect), field.code),
    ),
    ...(message.attachments ?? []).map(({ offset, length, format }) =>
      part('attachment', offset, length, format, 'attachment'),
    ),
    ...(message.unread ?? []).map(({ offset, length, name }) =>
      part('kept', offset, length, `${name}: nothing here reads it`, 'kept'),
    ),
  ];
}

/** NCIC's responses name neither their key nor who wrote them: it is said, and stands nowhere. */
function told(part: Part, text: string, { bytes }: Message): Part {
  const { offset, length } = part;
  if (bytes.toString('latin1', offset, offset + length).toUpperCase() === text) return part;
  return { ...part, offset: -1, length: 0, shown: text };
}

/** A control field has no offset of its own: behind NCIC's lead, behind the ORI, or, where the header begins with it, before. */
function placeOf(
  control: string,
  { bytes, bodyOffset, oriOffset }: Message,
  { ncic }: Pick<Dialect, 'ncic'>,
): number {
  if (control === '') return -1;
  if (ncic !== undefined) return ncicLeadLength;
  const header = bytes.toString('latin1', 0, bodyOffset);
  const behind = header.indexOf(control, oriOffset);
  return behind === -1 ? header.indexOf(control) : behind;
}

const shownMax = 60;

/** Of a long part how it begins. */
function shownPart(bytes: Buffer, { from, to }: Range, masks: Masks): string {
  const text = shownText(bytes, { from, to: Math.min(to, from + shownMax) }, masks);
  return to - from > shownMax ? `${text}...` : text;
}
const ncicLeadLength = 4;

/** A place inside the part, or, of what has no place, the part itself. */
function isAt({ offset }: Refusal, from: number, length: number): boolean {
  return offset === undefined || (offset >= from && offset <= from + length);
}

function keyWords(message: Message, key: KeyDefinition | undefined, dialect: Dialect): string {
  if (key === undefined) return 'a key this dialect does not have';
  const { isKeyUnknown, isRelayed, part } = message;
  return [
    isKeyUnknown === true ? 'no key of this dialect, passed on' : key.title,
    `${key.kind}, class ${String(priorityClassOf(message, dialect))}`,
    ...(isRelayed ? ['handed on by a network'] : []),
    ...(part === undefined ? [] : [`part ${String(part.number)} of ${String(part.of)}`]),
  ].join('; ');
}

function destinationWords(text: string, bytes: Buffer, offset: number, dialect: Dialect): string {
  const looks = destinationKindOf(text, dialect) ?? 'looks like no destination';
  const generic = genericOriOf(text, dialect);
  const kind = generic === undefined ? looks : `${looks}, ${generic}`;
  const written = bytes.toString('latin1', offset, offset + text.length).toUpperCase();
  return written === text ? kind : `${kind}, meant is ${text}`;
}

function fieldWords({ code }: Field, key: KeyDefinition | undefined, dialect: Dialect): string {
  const definition = (key?.dictionary ?? dialect.fields).get(code);
  return definition === undefined ? 'a field nobody described' : definition.title;
}
