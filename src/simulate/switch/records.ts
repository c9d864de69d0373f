import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { Fault } from '../../message/codes.ts';

const fields = z.record(z.string().regex(/^[A-Z]{3}$/), z.string().max(60));
const pattern = z.string().transform((text, check) => {
  try {
    return new RegExp(text);
  } catch {
    check.addIssue('is no pattern');
    return z.NEVER;
  }
});

/** A record: its fields by code, and lines of text that follow them in an answer. */
const record = z.strictObject({ fields, text: z.array(z.string().max(80)).max(10).default([]) });
export type FileRecord = z.output<typeof record>;

const recordsFile = z.strictObject({
  source: z.string().min(3),
  /** By field: values for which an answer may be made up. Any other is on file only if a record has it. */
  invented: z.record(z.string().regex(/^[A-Z]{3}$/), pattern),
  /** Of the values that an answer may be made up for, so many in a hundred are not on file. */
  notOnFilePercent: z.number().min(0).max(100),
  vehicles: z.array(record).min(1).max(10_000),
  drivers: z.array(record).min(1).max(10_000),
  confirmations: z.array(record).min(1).max(1000),
});
export type Records = z.output<typeof recordsFile>;

/** Reads a file of invented records (docs/simulators.md). Throws CONFIG_INVALID naming the JSON pointer. */
export function readRecords(path: string): Records {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    throw new Fault('CONFIG_INVALID', `the records in ${path} cannot be read as JSON`);
  }
  const read = recordsFile.safeParse(json);
  if (read.success) return read.data;
  const places = read.error.issues.slice(0, 5).map((issue) => `/${issue.path.map(String).join('/')}`);
  throw new Fault('CONFIG_INVALID', `the records in ${path} are not right at ${places.join(', ')}`);
}
