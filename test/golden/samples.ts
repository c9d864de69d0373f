import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DeliveryPlan } from '../../src/message/delivery.ts';
import type { Refusal } from '../../src/message/refusal.ts';

const protocols = join(import.meta.dirname, '../../protocols');

/** The directory that the samples of every dialect stand on. */
export const sampleDirectory = join(protocols, 'sample-directory');

type Found = {
  readonly dialect: string;
  readonly name: string;
  readonly folder: string;
  readonly wire: Buffer;
};

/** A sample that passes: `line` is the line of the sample directory it comes in on, `note` what a reader should know. */
export type Accepted = Found & {
  readonly message: { readonly line: string; readonly note?: string; readonly messageKey: string };
  readonly deliveries: readonly DeliveryPlan[];
};

/** A sample that does not: every refusal in order, and how many of its frames pass all the same. */
export type Refused = Found & {
  readonly expected: {
    readonly line: string;
    readonly note?: string;
    readonly accepted: number;
    readonly refusals: readonly Refusal[];
  };
};

export type FramingRefused = Omit<Refused, 'dialect' | 'folder' | 'expected'> & {
  readonly expected: Refused['expected'] & { readonly framing: string };
};

/** What a station is sent of an accepted message: `plain` the first time, `marked` when it may have been sent before. */
export type Output = Found & {
  readonly copy: {
    /** The line the message comes in on, and the lane its copy goes out on. */
    readonly line: string;
    readonly lane: string;
    /** ISO 8601, UTC. */
    readonly receivedAt: string;
    readonly receivedCount: number;
    readonly sentAt: string;
    readonly sentCount: number;
  };
  readonly plain: Buffer;
  readonly marked: Buffer;
};

/** Names of the dialect folders there are: a new one is found, not listed. */
export function dialectNames(): string[] {
  return folders(protocols).filter((name) => existsSync(join(protocols, name, 'dialect.json')));
}

export function dialectFolder(name: string): string {
  return join(protocols, name);
}

export function acceptedSamples(): Accepted[] {
  return found('accepted').map((sample) => ({
    ...sample,
    message: json(sample.folder, 'message.json') as Accepted['message'],
    deliveries: json(sample.folder, 'deliveries.json') as Accepted['deliveries'],
  }));
}

export function refusedSamples(): Refused[] {
  return found('refused').map((sample) => ({
    ...sample,
    expected: json(sample.folder, 'refusal.json') as Refused['expected'],
  }));
}

/** Samples that a framing refuses, whatever the dialect: `framing` is the name of its file. */
export function framingSamples(): FramingRefused[] {
  const folder = join(protocols, 'framings', 'samples', 'refused');
  return folders(folder).map((name) => ({
    name,
    wire: readFileSync(join(folder, name, 'wire.msg')),
    expected: json(join(folder, name), 'refusal.json') as FramingRefused['expected'],
  }));
}

export function outputSamples(): Output[] {
  return found('output').map((sample) => ({
    ...sample,
    copy: json(sample.folder, 'delivery.json') as Output['copy'],
    plain: readFileSync(join(sample.folder, 'plain.msg')),
    marked: readFileSync(join(sample.folder, 'marked.msg')),
  }));
}

function found(kind: 'accepted' | 'refused' | 'output'): Found[] {
  return dialectNames().flatMap((dialect) =>
    folders(join(protocols, dialect, 'samples', kind)).map((name) => {
      const folder = join(protocols, dialect, 'samples', kind, name);
      return { dialect, name, folder, wire: readFileSync(join(folder, 'wire.msg')) };
    }),
  );
}

function folders(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

function json(folder: string, file: string): unknown {
  return JSON.parse(readFileSync(join(folder, file), 'utf8'));
}
