import type { z } from 'zod';
import { deepFreeze } from './checked-file.ts';
import { checkDialect } from './cross-checks.ts';
import type { Dialect } from './definitions.ts';
import { fieldDefinitions } from './field-definitions.ts';
import type { dialectFile } from './file-kinds.ts';
import { framingFile, framingOf } from './framing-file.ts';
import { keyDefinitions } from './key-definitions.ts';
import { Layers } from './layers.ts';
import { relayedForms } from './relayed-forms.ts';

export type {
  AnswerForms,
  DestinationKind,
  Dialect,
  FieldCase,
  FieldDefinition,
  FieldSet,
  HeaderForm,
  KeyDefinition,
  KeyKind,
  OutputForm,
  RelayedForm,
  RelayedLine,
  RelayedPiece,
} from './definitions.ts';
export { byteClass, classAt, digit, letter, lineEnd, matchesPicture, printable } from './characters.ts';
export { destinationKindOf, isBroadcast, isNetworkCode } from './destinations.ts';
export { valueOf } from './field-value.ts';
export { priorityClassOf } from './priority.ts';
export { clockValues, renderForm } from './form.ts';
export type { Clocks, FormValues } from './form.ts';
export { controlFrame, framed, framedText } from './framed.ts';
export { controlBytes } from './framing.ts';
export type {
  ControlByte,
  DelimiterFraming,
  Framing,
  LengthPrefixFraming,
  StxEtxFraming,
} from './framing.ts';
export { loadFramings } from './framings.ts';
export type { Placeholder } from './file-kinds.ts';

/**
 * Reads one folder of protocols/, and those beside it that it stands on, into frozen objects. Throws DIALECT_INVALID naming file and
 * JSON pointer (row, in a table), never a value. Meant for start-up: it reads synchronously and checks everything once.
 */
export function loadDialect(folder: string): Dialect {
  const layers = Layers.read(folder);
  // What stands below must be right by itself; then whatever does not fit is the doing of the one that came on top.
  for (const below of layers.upwards().slice(0, -1)) assembled(below);
  return deepFreeze(assembled(layers));
}

function assembled(layers: Layers): Dialect {
  const head = layers.head();
  const fields = fieldDefinitions(layers);
  const dialect: Dialect = {
    name: head.name,
    title: head.title,
    framing: framingOf(layers.json('framing.json', framingFile)),
    header: head.header,
    destinations: destinationForms(head.destinations),
    fieldsMax: head.body.fieldsMax,
    keys: keyDefinitions(layers, fields),
    fields,
    regions: readRegions(layers),
    answers: head.answers,
    output: head.output,
    relayed: relayedForms(head.relayed ?? []),
  };
  checkDialect(dialect, head.relayed ?? [], layers);
  return dialect;
}

function destinationForms(shapes: z.output<typeof dialectFile>['destinations']): Dialect['destinations'] {
  const order = ['ori', 'state', 'region', 'mnemonic', 'group'] as const;
  return {
    allPoints: new Set(shapes.allPoints),
    pictures: order.flatMap((kind) => [shapes[kind] ?? []].flat().map((picture) => ({ kind, picture }))),
  };
}

function readRegions(layers: Layers): ReadonlyMap<string, readonly string[]> {
  const rows = layers.table('regions.tsv', ['region', 'states', 'confidence', 'source']);
  return new Map(rows.map(({ region, states }) => [region, states.split(' ')]));
}
