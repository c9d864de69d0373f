import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Dialect, dialectFaults, framedText, loadDialect } from '../dialect/dialect.ts';
import { loadDirectory } from '../directory/directory.ts';
import type { DryEvent, DryRun } from './dry-event.ts';
import { sampleNames } from './file-findings.ts';
import { withoutLineEnd } from './guess-framing.ts';
import { refusalWords, sampleOutcome } from './sample-findings.ts';
import { jsonText } from './skeleton.ts';

const begun: ReadonlySet<string> = new Set(['line', 'note']);

/**
 * Writes what becomes of samples that say no more than their line: message.json and deliveries.json, or refusal.json; puts the marks of
 * the framing around a message that was typed without. What it writes is
 * what the switch does; whether that is right only a reader knows. Answers a line for each sample, filled or not. Does nothing where the
 * dialect is not one yet. Throws DIRECTORY_INVALID.
 */
export function fillSamples(folder: string, sampleDirectory: string, run: DryRun): readonly string[] {
  if (dialectFaults(folder).length > 0 || !existsSync(sampleDirectory)) return [];
  const dialect = loadDialect(folder);
  const directory = loadDirectory(sampleDirectory);
  return (['accepted', 'refused'] as const).flatMap((kind) =>
    sampleNames(folder, kind).flatMap((name) => {
      const sample = `samples/${kind}/${name}`;
      const file = join(folder, sample, kind === 'accepted' ? 'message.json' : 'refusal.json');
      const head = begunIn(file);
      const wire = join(folder, sample, 'wire.msg');
      const line = directory.lines.get(typeof head?.['line'] === 'string' ? head['line'] : '');
      if (head === undefined || line === undefined || !existsSync(wire)) return [];
      const ran = (bytes: Buffer) => run(bytes, { dialect, line, directory });
      const typed = readFileSync(wire);
      const framed = withMarks(typed, dialect, ran);
      const { messages, refusals } = sampleOutcome(ran(framed ?? typed), dialect);
      const [message] = messages;
      if (kind === 'refused') {
        if (refusals.length === 0) return [`${sample} is not refused: left as it is`];
        writeFileSync(file, jsonText({ ...head, accepted: messages.length, refusals }));
      } else {
        if (refusals.length > 0)
          return [`${sample} is refused, left as it is: ${refusals.map(refusalWords).join('; ')}`];
        if (message === undefined) return [`${sample} holds no message: left as it is`];
        writeFileSync(file, jsonText({ ...head, ...message.shown }));
        writeFileSync(join(folder, sample, 'deliveries.json'), jsonText(message.plans));
      }
      if (framed === undefined) return [`${sample} is written: read it`];
      writeFileSync(wire, framed);
      return [`${sample} is written, and the marks of the framing put around its message: read it`];
    }),
  );
}

/** A message as an editor writes it, whose framing nobody can type: with the marks that make it one frame. */
function withMarks(
  bytes: Buffer,
  { framing }: Dialect,
  run: (bytes: Buffer) => readonly DryEvent[],
): Buffer | undefined {
  const isFrame = ({ kind }: DryEvent): boolean => kind === 'frame';
  if (!/^[\t\r\n -~]+$/.test(bytes.toString('latin1')) || run(bytes).some(isFrame)) return undefined;
  const framed = framedText(framing, withoutLineEnd(bytes));
  return run(framed).filter(isFrame).length === 1 ? framed : undefined;
}

/** What a sample's file says while it has only been begun; undefined for one that says more, or that cannot be read. */
function begunIn(file: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof content !== 'object' || content === null) return undefined;
    return Object.keys(content).every((name) => begun.has(name)) ? { ...content } : undefined;
  } catch {
    // The check says what is wrong with it.
    return undefined;
  }
}
