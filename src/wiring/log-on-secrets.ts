import { type Dialect, keyOf, type SessionForm, valueOf } from '../dialect/dialect.ts';
import type { Field, Message } from '../message/message.ts';
import type { FrameItem } from './inbound-item.ts';
import type { SessionStep } from './session-step.ts';

const BLANK = '*';

/**
 * A frame of a line that requires log-on, as the rest of the road may see it: with no password in it. What becomes of an item goes into the
 * sealed record, and its start into the answer, so it is blanked before either: every log-on and log-off, and a refused frame that holds a
 * password or might (nobody is logged on, it cannot be read, its key is unknown). Blanked is all of it, for a password may stand in more
 * places than the one it was read from. What is delivered keeps every byte.
 *
 * On a line without log-on only what looks like one is blanked: whoever sends it has taken the wrong line.
 */
export const withoutPassword = (item: FrameItem): FrameItem => {
  const { message, from, refusals } = item;
  const { user, line } = from;
  const { session } = from.dialect;
  if (session === undefined) return item;
  const key = message && keyOf(from.dialect, message.messageKey);
  const isSession = key?.kind === 'session';
  if (message !== undefined && refusals.length === 0) {
    if (isSession) return { ...hidden(item), session: stepOf(message, session) };
    return user === '' ? item : { ...item, message: { ...message, user } };
  }
  const isUnclear = key === undefined || key.isUnknown === true;
  const mayHold =
    line.logOn === undefined
      ? isUnclear && namesKey(item.bytes, session.logOn, from.dialect)
      : isUnclear || user === '';
  const holds = message?.fields.some(({ code }) => code === session.password) ?? false;
  return mayHold || isSession || holds ? hidden(item) : item;
};

const stepOf = ({ messageKey, bytes, fields }: Message, form: SessionForm): SessionStep => {
  if (messageKey !== form.logOn) return { kind: 'off' };
  const user = fields.find(({ code }) => code === form.user);
  const password = fields.find(({ code }) => code === form.password);
  return {
    kind: 'on',
    user: user === undefined ? '' : valueOf(bytes, user),
    password: password === undefined ? Buffer.alloc(0) : rawOf(bytes, password),
  };
};

/** As it was written: upper and lower case are not the same in a password. Line ends are none of it. */
const rawOf = (bytes: Buffer, { offset, length, value }: Field): Buffer => {
  if (value !== undefined) return Buffer.from(value, 'utf8');
  const raw = bytes.subarray(offset, offset + length);
  return Buffer.from(raw.filter((byte) => byte !== 0x0d && byte !== 0x0a && byte !== 0x7f));
};

const HEAD_BYTES = 256;

/** It has the key of a log-on where a header is, as a word of its own. In a document that may be anywhere: nothing says how long it is. */
const namesKey = (bytes: Buffer, key: string, { header }: Dialect): boolean =>
  new RegExp(`\\b${key}\\b`, 'i').test(
    bytes.toString('latin1', 0, header.form === 'xml' ? bytes.length : HEAD_BYTES),
  );

/** Nothing of it is kept but its length. */
const hidden = (item: FrameItem): FrameItem => {
  const bytes = Buffer.alloc(item.bytes.length, BLANK);
  const { message } = item;
  return {
    ...item,
    bytes,
    isHidden: true,
    message: message && { ...message, bytes, fields: [] },
  };
};
