import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { type Dialect, priorityClassOf } from '../dialect/dialect.ts';
import type { Directory, Line } from '../directory/directory.ts';
import type { DeliveryPlan } from '../message/delivery.ts';
import type { Message } from '../message/message.ts';
import type { Refusal } from '../message/refusal.ts';
import { reachOf } from '../topology/reach.ts';
import { deriveTopology } from '../topology/topology.ts';
import type { DryEvent, DryRun } from './dry-event.ts';
import { sampleNames } from './file-findings.ts';
import type { Finding } from './finding.ts';
import { sampleMessageFile, type sampleRefusalFile } from './sample-kinds.ts';

/** What the samples of a dialect stand on. */
export type SamplePlace = {
  readonly folder: string;
  readonly dialect: Dialect;
  readonly directory: Directory;
  /** Of the directory's lines. */
  readonly dialects: ReadonlyMap<string, Dialect>;
  readonly run: DryRun;
};
/** `keysShown`: message keys with a sample that passes. `borrowed`: the line of another dialect that samples ran on. */
export type SampleResults = {
  readonly findings: readonly Finding[];
  readonly ran: number;
  readonly keysShown: ReadonlySet<string>;
  readonly borrowed: ReadonlySet<string>;
};

type MessageFile = z.output<typeof sampleMessageFile>;
type RefusalFile = z.output<typeof sampleRefusalFile>;

/** Runs every accepted and refused sample of a dialect and compares with what its files say. The files are right by themselves. */
export function sampleResults(place: SamplePlace): SampleResults {
  const findings: Finding[] = [];
  const [keysShown, borrowed] = [new Set<string>(), new Set<string>()];
  const accepted = sampleNames(place.folder, 'accepted');
  const refused = sampleNames(place.folder, 'refused');
  for (const name of accepted) {
    const at = `samples/accepted/${name}`;
    const expected = json(place, `${at}/message.json`) as MessageFile;
    const line = lineOf(expected.line, `${at}/message.json`, place, findings);
    if (line === undefined) continue;
    if (line.dialect !== place.dialect.name) borrowed.add(line.name);
    const events = place.run(wireOf(place, at), runPlace(place, line));
    findings.push(
      ...acceptedFindings(at, expected, json(place, `${at}/deliveries.json`), events, place.dialect),
    );
    for (const { message } of passed(events)) keysShown.add(message.messageKey);
  }
  for (const name of refused) {
    const at = `samples/refused/${name}`;
    const expected = json(place, `${at}/refusal.json`) as RefusalFile;
    const line = lineOf(expected.line, `${at}/refusal.json`, place, findings);
    if (line === undefined) continue;
    if (line.dialect !== place.dialect.name) borrowed.add(line.name);
    findings.push(...refusedFindings(`${at}/refusal.json`, expected, refusedRun(at, expected, place, line)));
  }
  return { findings, ran: accepted.length + refused.length, keysShown, borrowed };
}

const json = ({ folder }: SamplePlace, file: string): unknown =>
  JSON.parse(readFileSync(join(folder, file), 'utf8'));
const wireOf = ({ folder }: SamplePlace, at: string): Buffer => readFileSync(join(folder, at, 'wire.msg'));
const runPlace = ({ dialect, directory, dialects }: SamplePlace, line: Line) => ({
  dialect,
  line,
  directory,
  dialects,
});

/** While no line speaks the dialect yet, its samples may borrow one: they run as if it did. */
function lineOf(name: string, file: string, place: SamplePlace, findings: Finding[]): Line | undefined {
  const { directory, dialect } = place;
  const line = directory.lines.get(name);
  const isSpoken = [...directory.lines.values()].some((one) => one.dialect === dialect.name);
  const isOthers = line !== undefined && line.dialect !== dialect.name && isSpoken;
  if (line !== undefined && !isOthers) return line;
  const says = isOthers ? 'is a line that speaks another dialect' : 'is not a line of the sample directory';
  findings.push({ file, pointer: '/line', says });
  return undefined;
}

/**
 * What the sample says has no subscription on the bus has none: everything else has. The bytes do not say what was applied there.
 */
function refusedRun(at: string, expected: RefusalFile, place: SamplePlace, line: Line): readonly DryEvent[] {
  const wire = wireOf(place, at);
  const without = expected.refusals.filter(({ code }) => code === 'ROUTE_DESTINATION_NO_SUBSCRIPTION');
  const events = place.run(wire, runPlace(place, line));
  if (without.length === 0) return events;
  const missing = new Set(
    messagesOf(events).flatMap(({ destinations }) =>
      destinations
        .filter((one) => without.some(({ offset }) => offset === one.offset))
        .map(({ text }) => text),
    ),
  );
  const { destinations, groups } = reachOf(deriveTopology(place.directory));
  const held = (codes: ReadonlySet<string>) => new Set([...codes].filter((code) => !missing.has(code)));
  return place.run(wire, {
    ...runPlace(place, line),
    reach: { destinations: held(destinations), groups: held(groups) },
  });
}

function acceptedFindings(
  at: string,
  expected: MessageFile,
  deliveries: unknown,
  events: readonly DryEvent[],
  dialect: Dialect,
): readonly Finding[] {
  const file = `${at}/message.json`;
  const refusals = refusalsOf(events);
  if (refusals.length > 0)
    return [{ file, pointer: '', says: `is refused: ${refusals.map(refusalWords).join('; ')}` }];
  const [first, ...more] = passed(events);
  if (first === undefined || more.length > 0) {
    return [
      {
        file: `${at}/wire.msg`,
        pointer: '',
        says: `holds ${String(more.length + (first === undefined ? 0 : 1))} messages, not one${events.length === 0 ? ': the marks of its framing are not around it' : ''}`,
      },
    ];
  }
  const shown = shownOf(first.message, dialect);
  const different = Object.entries(expected).filter(
    ([name, value]) => name !== 'line' && name !== 'note' && !isDeepStrictEqual(shown[name], value),
  );
  return [
    ...different.map(([name]) => ({ file, pointer: `/${name}`, says: 'is not how wire.msg is read' })),
    ...(isDeepStrictEqual(first.plans, deliveries)
      ? []
      : [{ file: `${at}/deliveries.json`, pointer: '', says: 'is not where the message goes' }]),
  ];
}

/** What becomes of a sample, as its files say it. */
export type SampleOutcome = {
  readonly refusals: readonly Refusal[];
  readonly messages: readonly { readonly shown: object; readonly plans: readonly DeliveryPlan[] }[];
};

export function sampleOutcome(events: readonly DryEvent[], dialect: Dialect): SampleOutcome {
  const messages = passed(events).map(({ message, plans }) => ({
    shown: writtenOf(message, dialect),
    plans,
  }));
  return { refusals: refusalsOf(events), messages };
}

/** Members of message.json, in the order of the file; what a message lacks is not in it. */
function writtenOf(message: Message, dialect: Dialect): object {
  const shown = shownOf(message, dialect);
  const names = Object.keys(sampleMessageFile.shape).filter(
    (name) => shown[name] !== undefined && shown[name] !== false,
  );
  return Object.fromEntries(names.map((name) => [name, shown[name]]));
}

/** As JSON has it: what is undefined in the message is not in the file. */
function shownOf(message: Message, dialect: Dialect): Readonly<Record<string, unknown>> {
  const shown = { ...message, bytes: undefined, priorityClass: priorityClassOf(message, dialect) };
  return JSON.parse(JSON.stringify(shown)) as Record<string, unknown>;
}

function refusedFindings(
  file: string,
  expected: RefusalFile,
  events: readonly DryEvent[],
): readonly Finding[] {
  const refusals = refusalsOf(events);
  const accepted = passed(events).length;
  return [
    ...(isDeepStrictEqual(refusals, expected.refusals)
      ? []
      : [
          {
            file,
            pointer: '/refusals',
            says: `is not what is found: ${refusals.map(refusalWords).join('; ') || 'nothing'}`,
          },
        ]),
    ...(accepted === expected.accepted
      ? []
      : [{ file, pointer: '/accepted', says: `is not how many frames pass: ${String(accepted)}` }]),
  ];
}

/** Where and by which code, never what stands there. */
export function refusalWords({ code, field, offset }: Refusal): string {
  const where = offset === undefined ? '' : ` at byte ${String(offset)}`;
  return `${code}${field === undefined ? '' : ` ${field}`}${where}`;
}

function refusalsOf(events: readonly DryEvent[]): readonly Refusal[] {
  return events.flatMap((event) => {
    if (event.kind === 'fault') return [event.refusal];
    return event.kind === 'frame' ? event.refusals : [];
  });
}

function messagesOf(events: readonly DryEvent[]): readonly Message[] {
  return events.flatMap((event) => (event.kind === 'frame' ? (event.message ?? []) : []));
}

function passed(events: readonly DryEvent[]) {
  return events.flatMap((event) => {
    if (event.kind !== 'frame' || event.message === undefined || event.refusals.length > 0) return [];
    return [{ message: event.message, plans: event.plans }];
  });
}
