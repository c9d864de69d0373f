import { afterValue, compoundAt, primitiveAt, sectionAt } from '../src/simulate/service-bus/amqp-bytes.ts';
import { bodyOf } from '../src/simulate/service-bus/wire-message.ts';
import type { BusOpener } from './bus-opener.ts';
import { controlCharacters, deliveryKey, type KeySpace, readControl } from './identity.ts';

const APPLICATION_PROPERTIES = 0x74;
const STAR = 0x2a;
const DESTINATION = Buffer.from('destination');
const POSSIBLE_DUPLICATE = Buffer.from('possibleDuplicate');

export type Delivered = { readonly key: number; readonly stampUs: number; readonly isMarked: boolean };

/**
 * What a drained message is: opened with its seal checked, its identity read from the body. `placeOf` says which place a destination
 * is. Undefined when it is none of the mix.
 */
export const readDelivered = (
  raw: Buffer,
  opener: BusOpener,
  placeOf: ReadonlyMap<unknown, number>,
  space: KeySpace,
): Delivered | undefined => {
  const body = opener.open(bodyOf(raw));
  const controlAt = body.indexOf(STAR) + 1;
  const identity = readControl(body.toString('latin1', controlAt, controlAt + controlCharacters));
  const properties = propertiesOf(raw);
  const place = placeOf.get(properties.destination);
  if (identity === undefined || place === undefined) return undefined;
  return {
    key: deliveryKey(identity, place, space),
    stampUs: identity.stampUs,
    isMarked: properties.isMarked,
  };
};

const propertiesOf = (raw: Buffer): { destination: unknown; isMarked: boolean } => {
  let destination: unknown;
  let isMarked = false;
  // Behind the sections the bus puts in front: header, annotations, properties.
  let sectionStart = 0;
  while (sectionAt(raw, sectionStart).code !== APPLICATION_PROPERTIES)
    sectionStart = afterValue(raw, sectionStart);
  const map = compoundAt(raw, sectionAt(raw, sectionStart).value);
  for (let at = map.first; at < map.end; ) {
    const value = afterValue(raw, at);
    // The name's bytes end where its value begins.
    if (endsWith(raw, at, value, DESTINATION)) destination = primitiveAt(raw, value);
    else if (endsWith(raw, at, value, POSSIBLE_DUPLICATE)) isMarked = primitiveAt(raw, value) === true;
    at = afterValue(raw, value);
  }
  return { destination, isMarked };
};

const endsWith = (raw: Buffer, from: number, to: number, name: Buffer): boolean =>
  to - from === name.length + 2 && raw.compare(name, 0, name.length, from + 2, to) === 0;
