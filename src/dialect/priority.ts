import type { PriorityClass } from '../message/delivery.ts';
import type { Message } from '../message/message.ts';
import type { Dialect } from './definitions.ts';
import { valueOf } from './field-value.ts';
import { keyOf } from './key-of.ts';

/** A key the dialect does not take travels, refused, with administrative traffic: it neither overtakes nor starves. */
const classOfUnknownKey = 4;

/** The class a message travels in: its key's, or what the key's deciding field says (PRI of a hit confirmation). */
export function priorityClassOf(message: Message, dialect: Dialect): PriorityClass {
  const key = keyOf(dialect, message.messageKey);
  if (key === undefined) return classOfUnknownKey;
  const { priorityByField } = key;
  if (priorityByField === undefined) return key.priorityClass;
  const deciding = message.fields.find(({ code }) => code === priorityByField.field);
  if (deciding === undefined) return key.priorityClass;
  return priorityByField.classes.get(valueOf(message.bytes, deciding)) ?? key.priorityClass;
}
