import type { Dialect, KeyDefinition } from '../dialect/dialect.ts';
import type { Part } from '../message/message.ts';
import { partIn } from '../message/part-marker.ts';

/**
 * Which part of a message in several this one is, by the dialect's markers; undefined where it says nothing of parts. Only a response
 * comes in parts: elsewhere the same words are a sender's own.
 */
export function readPart(
  bytes: Buffer,
  from: number,
  to: number,
  key: KeyDefinition | undefined,
  { parts }: Dialect,
): Part | undefined {
  if (parts === undefined || key?.kind !== 'response') return undefined;
  return partIn(bytes, from, to, parts);
}
