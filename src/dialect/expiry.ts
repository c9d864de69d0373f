import type { Message } from '../message/message.ts';
import type { Dialect } from './definitions.ts';
import { valueOf } from './field-value.ts';
import { keyOf } from './key-of.ts';

/** How long a delivery of this message may wait, in milliseconds: its key's time, or what the deciding field says; 0: no limit. */
export function expiresMsOf(message: Message, dialect: Dialect): number {
  const key = keyOf(dialect, message.messageKey);
  if (key === undefined) return 0;
  const { expiresMs = 0, expiresByField: by } = key;
  const deciding = by && message.fields.find(({ code }) => code === by.field);
  return (deciding && by.ms.get(valueOf(message.bytes, deciding))) ?? expiresMs;
}
