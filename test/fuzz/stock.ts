import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Dialect, type Framing, loadDialect, loadFramings } from '../../src/dialect/dialect.ts';
import { type Directory, loadDirectory } from '../../src/directory/directory.ts';
import { FrameDecoder } from '../../src/frame/frame.ts';
import type { Refusal } from '../../src/message/refusal.ts';
import {
  acceptedSamples,
  dialectFolder,
  dialectNames,
  framingSamples,
  refusedSamples,
  sampleDirectory,
} from '../golden/samples.ts';
import { smallFramings } from './small-framings.ts';

/** One input: bytes that come in on a line. `framing` is a file of protocols/framings, or empty for the dialect's own. */
export type Case = {
  readonly dialect: string;
  readonly line: string;
  readonly framing: string;
  readonly wire: Buffer;
};

/** A sample as cases are made of it. */
export type Seed = Case & { readonly contents: readonly Buffer[] };

/** Everything that cases are made of and judged by; read once. */
export type Stock = {
  readonly dialects: ReadonlyMap<string, Dialect>;
  readonly framings: ReadonlyMap<string, Framing>;
  readonly directory: Directory;
  readonly seeds: ReadonlyMap<string, readonly Seed[]>;
  /** Inputs that once were a find, and must never be again. */
  readonly corpus: readonly Case[];
};

export const corpusFolder = join(import.meta.dirname, 'corpus');

export function readStock(): Stock {
  const dialects = new Map(dialectNames().map((name) => [name, loadDialect(dialectFolder(name))]));
  const framings = new Map(loadFramings(join(import.meta.dirname, '../../protocols')));
  const samples: Case[] = [
    ...acceptedSamples().map(({ dialect, wire, message }) => sampleOf(dialect, wire, message.line)),
    ...refusedSamples().map(({ dialect, wire, expected }) => sampleOf(dialect, wire, expected.line)),
    ...framingSamples().map(({ wire, expected }) => ({
      ...sampleOf(expectedDialect(expected), wire, expected.line),
      framing: expected.framing,
    })),
  ];
  const seeds = new Map<string, Seed[]>();
  for (const sample of samples) {
    const framing = framingOf(sample, { dialects, framings });
    if (framing === undefined) continue;
    const list = seeds.get(sample.dialect) ?? [];
    seeds.set(sample.dialect, [...list, { ...sample, contents: contentsOf(sample.wire, framing) }]);
  }
  for (const [name, framing] of smallFramings) framings.set(name, framing);
  const directory = loadDirectory(sampleDirectory);
  return { dialects, framings, directory, seeds, corpus: corpusCases() };
}

export function framingOf(
  { dialect, framing }: Pick<Case, 'dialect' | 'framing'>,
  { dialects, framings }: Pick<Stock, 'dialects' | 'framings'>,
): Framing | undefined {
  return framing === '' ? dialects.get(dialect)?.framing : framings.get(framing);
}

function sampleOf(dialect: string, wire: Buffer, line: string): Case {
  return { dialect, line, framing: '', wire };
}

/** Samples of a framing say no dialect where it is the one they were written for. */
function expectedDialect(expected: { readonly refusals: readonly Refusal[] } & { dialect?: string }): string {
  return expected.dialect ?? 'nlets-legacy';
}

function contentsOf(wire: Buffer, framing: Framing): Buffer[] {
  return new FrameDecoder(framing)
    .push(wire)
    .flatMap((event) => (event.kind === 'frame' ? [event.bytes] : []));
}

/** Folders with the bytes and a note that says what they were sent as. */
function corpusCases(): Case[] {
  if (!existsSync(corpusFolder)) return [];
  return readdirSync(corpusFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const folder = join(corpusFolder, name);
      const note = JSON.parse(readFileSync(join(folder, 'note.json'), 'utf8')) as Omit<Case, 'wire'>;
      const { dialect, line, framing } = note;
      return { dialect, line, framing, wire: readFileSync(join(folder, 'wire.msg')) };
    });
}

/** Every sample as it is, then the corpus; `dialect`: nothing but this one, empty for all there are. */
export function knownCases({ seeds, corpus }: Stock, dialect = ''): readonly Case[] {
  const known = [...[...seeds.values()].flat(), ...corpus];
  return dialect === '' ? known : known.filter((one) => one.dialect === dialect);
}
