import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { z } from 'zod';
import { CheckedFolder, type PlacedFault } from '../dialect/checked-file.ts';
import { differenceFileKinds } from '../dialect/difference-kinds.ts';
import { dialectFileKinds } from '../dialect/file-kinds.ts';
import { xmlFileKinds } from '../dialect/xml-form-file.ts';
import { type Finding, findingOf } from './finding.ts';
import { sampleFileKinds } from './sample-kinds.ts';
import { readTalk, TalkError } from './talk-file.ts';

const peek = z.looseObject({ extends: z.unknown().optional() });
/** What a folder of a dialect may hold, folders and files; anything else is not read, and whoever put it there should know. */
const known = new RegExp(
  `^(?:${[
    String.raw`\.|(?:dialect|fields|framing|xml)\.json|regions\.tsv|README\.md`,
    String.raw`message-keys(?:/[^/]+\.json)?|codes(?:/[^/]+\.tsv)?|conversations(?:/[^/]+\.talk)?|samples`,
    String.raw`samples/accepted(?:/[^/.]+(?:/(?:wire\.msg|message\.json|deliveries\.json))?)?`,
    String.raw`samples/refused(?:/[^/.]+(?:/(?:wire\.msg|refusal\.json))?)?`,
    String.raw`samples/output(?:/[^/.]+(?:/(?:(?:wire|plain|marked)\.msg|delivery\.json))?)?`,
  ].join('|')})$`,
);
const codeColumns = ['code', 'meaning', 'confidence', 'source'];
const regionColumns = ['region', 'states', 'confidence', 'source'];
const filesOfSamples = {
  accepted: { 'message.json': 'sample-message', 'deliveries.json': 'sample-deliveries' },
  refused: { 'refusal.json': 'sample-refusal' },
  output: { 'delivery.json': 'sample-delivery' },
} as const;
export type SampleKind = keyof typeof filesOfSamples;
export const sampleKinds = Object.keys(filesOfSamples) as readonly SampleKind[];

type Kinds = Readonly<Record<string, z.ZodType>>;

/** What is wrong with each file of a dialect's own folder by itself: all of it, each file read alone. */
export function fileFindings(folder: string): readonly Finding[] {
  const files = new CheckedFolder(folder, 'DIALECT_INVALID');
  const says = 'is not a file of a dialect: nothing reads it';
  return [
    ...strangers(folder).map((file) => ({ file, pointer: '', says })),
    ...dataFaults(files).map(findingOf),
    ...sampleKinds.flatMap((kind) => sampleFaults(kind, folder, files)).map(findingOf),
    ...files.names('conversations', '.talk').flatMap((name) => talkFaults(folder, `conversations/${name}`)),
  ];
}

/** What lies where nothing looks for it. */
function strangers(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll(sep, '/'))
    .filter((path) => !known.test(path) && known.test(dirname(path)))
    .sort();
}

function talkFaults(folder: string, file: string): readonly Finding[] {
  try {
    readTalk(file, readFileSync(join(folder, file), 'utf8'));
    return [];
  } catch (error) {
    if (error instanceof TalkError)
      return [{ file, pointer: `/${String(error.place.line)}`, says: error.says }];
    return [{ file, pointer: '', says: 'cannot be read' }];
  }
}

function dataFaults(files: CheckedFolder): readonly PlacedFault[] {
  const unreadable = files.jsonFaults('dialect.json', peek);
  if (unreadable.length > 0) return unreadable;
  const isDifference = files.json('dialect.json', peek).extends !== undefined;
  const kinds: Kinds = { ...dialectFileKinds, ...differenceFileKinds, ...xmlFileKinds };
  const json = (file: string, kind: string, mayLack = true): readonly PlacedFault[] => {
    const schema = kinds[kind];
    if (schema === undefined || (mayLack && !files.has(file))) return [];
    return files.jsonFaults(file, schema);
  };
  const suffix = isDifference ? '-difference' : '';
  return [
    ...json('dialect.json', `dialect${suffix}`),
    ...json('fields.json', `fields${suffix}`, isDifference),
    ...json('framing.json', 'framing', isDifference),
    ...json('xml.json', 'xml'),
    ...files.names('message-keys', '.json').flatMap((name) => json(`message-keys/${name}`, 'message-key')),
    ...files.names('codes', '.tsv').flatMap((name) => files.tableFaults(`codes/${name}`, codeColumns)),
    ...(isDifference && !files.has('regions.tsv') ? [] : files.tableFaults('regions.tsv', regionColumns)),
  ];
}

function sampleFaults(kind: SampleKind, folder: string, files: CheckedFolder): readonly PlacedFault[] {
  return sampleNames(folder, kind).flatMap((name) => {
    const sample = `samples/${kind}/${name}`;
    const wire = files.has(`${sample}/wire.msg`) ? [] : [files.fault(`${sample}/wire.msg`, '', 'is missing')];
    const faults = Object.entries(filesOfSamples[kind]).flatMap(([file, schema]) =>
      files.jsonFaults(`${sample}/${file}`, sampleFileKinds[schema]),
    );
    return [...wire, ...faults];
  });
}

/** Folders of samples of a kind, in order. */
export function sampleNames(folder: string, kind: SampleKind): readonly string[] {
  if (!new CheckedFolder(folder, 'DIALECT_INVALID').has(`samples/${kind}`)) return [];
  return readdirSync(join(folder, 'samples', kind), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}
