import { destinationKindOf, type Dialect, type KeyDefinition } from '../dialect/dialect.ts';
import type { Message } from '../message/message.ts';
import type { Dropped } from './dropped.ts';

/** The destinations this dialect can write, and the others as dropped. */
export function destinationsFor(
  { destinations, messageKey, keyOffset }: Message,
  key: KeyDefinition,
  to: Dialect,
): { readonly written: readonly string[]; readonly dropped: readonly Dropped[] } {
  const { implied } = key.destinations;
  const isKnown = (text: string): boolean =>
    implied.length > 0 ? implied.some((one) => one.text === text) : destinationKindOf(text, to) !== undefined;
  const dropped = destinations
    .filter(({ text }) => !isKnown(text))
    .map(({ text, offset, isImplied }): Dropped => {
      const place = isImplied
        ? { offset: keyOffset, length: messageKey.length }
        : { offset, length: text.length };
      return { kind: 'destination', name: text, ...place };
    });
  return { written: destinations.map(({ text }) => text).filter(isKnown), dropped };
}

/**
 * The control field as text can hold it, which a period or its own mark would end too early; what cannot be held is dropped whole: half a
 * reference would answer for another.
 */
export function textControl(
  { control, oriOffset, originatingOri }: Message,
  to: Dialect,
): { readonly written: string; readonly dropped: readonly Dropped[] } {
  const { mark, lengthMax } = to.header.control;
  // Where it needs no mark to be known, it may hold one.
  const isMarked = to.header.form === 'dotted';
  const isWhole =
    control.length <= lengthMax &&
    /^[ -~]*$/.test(control) &&
    !control.includes('.') &&
    !(isMarked && control.includes(mark));
  if (isWhole) return { written: control, dropped: [] };
  // Where it stands nobody kept; it is said of the header, by its nearest part.
  const place = { offset: oriOffset, length: originatingOri.length };
  return { written: '', dropped: [{ kind: 'control', name: 'CONTROL', ...place }] };
}
