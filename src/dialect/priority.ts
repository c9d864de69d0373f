import type { PriorityClass } from '../message/delivery.ts';
import type { Message } from '../message/message.ts';
import type { Dialect } from './definitions.ts';

/** A key unknown to the dialect travels with administrative traffic: it neither overtakes nor starves. */
const classOfUnknownKey = 4;

/** The class a message travels in: its key's, or what the key's deciding field says (PRI of a hit confirmation). */
export function priorityClassOf(message: Message, dialect: Dialect): PriorityClass {
  const key = dialect.keys.get(message.messageKey);
  if (key === undefined) return classOfUnknownKey;
  const { priorityByField } = key;
  if (priorityByField === undefined) return key.priorityClass;
  for (const { code, offset, length } of message.fields) {
    if (code !== priorityByField.field) continue;
    const value = message.bytes.toString('latin1', offset, offset + length).toUpperCase();
    return priorityByField.classes.get(value) ?? key.priorityClass;
  }
  return key.priorityClass;
}
