import type { z } from 'zod';
import { deepFreeze, PlacedFault } from './checked-file.ts';
import { checkDialect, checksOf } from './cross-checks.ts';
import type { Dialect } from './definitions.ts';
import { fieldDefinitions } from './field-definitions.ts';
import type { dialectFile } from './file-kinds.ts';
import { framingFile, framingOf } from './framing-file.ts';
import { keyDefinitions } from './key-definitions.ts';
import { Layers } from './layers.ts';
import { ncicForm } from './ncic-form.ts';
import { relayedForms } from './relayed-forms.ts';
import { readTables } from './tables.ts';
import { unknownKeysOf } from './unknown-keys.ts';
import { xmlForm } from './xml-form-definition.ts';

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
export {
  byteClass,
  bytesMatchPicture,
  classAt,
  digit,
  letter,
  lineEnd,
  matchesPicture,
  printable,
} from './characters.ts';
export { shortText } from './short-text.ts';
export {
  canonicalDestination,
  destinationKindOf,
  genericOriOf,
  isBroadcast,
  isNetworkCode,
} from './destinations.ts';
export { valueOf } from './field-value.ts';
export { keyOf } from './key-of.ts';
export { ncicHeader } from './ncic-form.ts';
export type { NcicForm, NcicResponse } from './ncic-form.ts';
export { expiresMsOf } from './expiry.ts';
export { numbersIn } from './numbers.ts';
export { priorityClassOf } from './priority.ts';
export { clockValues, renderForm } from './form.ts';
export type { Clocks, FormValues } from './form.ts';
export { controlFrame, framed, framedText } from './framed.ts';
export { keepAliveReply, nextMessageId, stampBlocks } from './framed-blocks.ts';
export { blockOverhead, controlBytes, countedBesides, readNumber } from './framing.ts';
export type {
  ControlByte,
  DelimiterFraming,
  Framing,
  HeaderTemplateFraming,
  LengthPrefixFraming,
  StxEtxFraming,
  TemplateField,
} from './framing.ts';
export { loadFramings } from './framings.ts';
export type { Placeholder } from './file-kinds.ts';
export type { SessionForm } from './session-form.ts';
export { xmlEscaped } from './xml-escape.ts';
export { fromXml, nameFromXml, nameToXml, toXml } from './xml-value.ts';
export type { XmlName } from './xml-value.ts';
export type {
  XmlAttachment,
  XmlBody,
  XmlField,
  XmlForm,
  XmlHeaderPart,
  XmlLimits,
  XmlNamePart,
  XmlPlace,
  XmlValueForm,
} from './xml-form.ts';

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

/** Why `loadDialect` would not take the folder: the first fault where its files cannot be put together, else the first of each check. */
export function dialectFaults(folder: string): readonly PlacedFault[] {
  const faults: PlacedFault[] = [];
  const collected = (check: () => void): void => {
    try {
      check();
    } catch (fault) {
      if (!(fault instanceof PlacedFault)) throw fault;
      faults.push(fault);
    }
  };
  collected(() => {
    const layers = Layers.read(folder);
    for (const below of layers.upwards().slice(0, -1)) assembled(below);
    assembled(layers, (...of) => {
      for (const check of checksOf(...of)) collected(check);
    });
  });
  return faults;
}

function assembled(layers: Layers, check = checkDialect): Dialect {
  const head = layers.head();
  const fields = fieldDefinitions(layers);
  const keys = keyDefinitions(layers, fields);
  const destinations = destinationForms(head.destinations);
  const dialect: Dialect = {
    name: head.name,
    title: head.title,
    framing: framingOf(layers.json('framing.json', framingFile)),
    header: head.header,
    destinations,
    fieldsMax: head.body.fieldsMax,
    keys,
    unknownKeys: unknownKeysOf(head, { keys, destinations }, layers),
    fields,
    regions: readRegions(layers),
    tables: readTables(head, fields, keys, layers),
    parts: head.parts,
    answers: head.answers,
    output: head.output,
    relayed: relayedForms(head.relayed ?? []),
    session: head.session,
    ncic: ncicForm(head.ncic),
    xml: head.header.form === 'xml' ? xmlForm(layers, keys) : undefined,
  };
  check(dialect, head.relayed ?? [], layers);
  return dialect;
}

function destinationForms(shapes: z.output<typeof dialectFile>['destinations']): Dialect['destinations'] {
  const order = ['ori', 'state', 'region', 'mnemonic', 'group'] as const;
  return {
    allPoints: new Set(shapes.allPoints),
    aliases: new Map(Object.entries(shapes.aliases ?? {})),
    genericOris: shapes.genericOris ?? '',
    pictures: order.flatMap((kind) => [shapes[kind] ?? []].flat().map((picture) => ({ kind, picture }))),
  };
}

function readRegions(layers: Layers): ReadonlyMap<string, readonly string[]> {
  const rows = layers.table('regions.tsv', ['region', 'states', 'confidence', 'source']);
  return new Map(rows.map(({ region, states }) => [region, states.split(' ')]));
}
