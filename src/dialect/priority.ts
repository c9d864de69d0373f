import type { PriorityClass } from '../message/delivery.ts';
import type { Message } from '../message/message.ts';
import type { Dialect } from './definitions.ts';
import { valueOf } from './field-value.ts';

/** A key unknown to the dialect travels with administrative traffic: it neither overtakes nor starves. */
const classOfUnknownKey = 4;

/** The class a message travels in: its key's, or what the key's deciding field says (PRI of a hit confirmation). */
export function priorityClassOf(message: Message, dialect: Dialect): PriorityClass {
  const key = dialect.keys.get(message.messageKey);
  if (key === undefined) return classOfUnknownKey;
  const { priorityByField } = key;
  if (priorityByField === undefined) return key.priorityClass;
  const deciding = message.fields.find(({ code }) => code === priorityByField.field);
  if (deciding === undefined) return key.priorityClass;
  return priorityByField.classes.get(valueOf(message.bytes, deciding)) ?? key.priorityClass;
}
