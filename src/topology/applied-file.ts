import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { Fault } from '../message/codes.ts';
import { topicNames } from '../message/delivery.ts';
import type { Topology } from './topology.ts';

const FORMAT = 1;
/** Two topics at the service's limits take some 20 MB. */
const BYTES_MAX = 64 * 1024 * 1024;

const count = z.int().min(0);
const subscription = z.strictObject({
  name: z.string(),
  settings: z.strictObject({
    timeToLiveSeconds: count,
    lockSeconds: count,
    deliveryCountMax: count,
    deadLetterOnExpiry: z.boolean(),
  }),
  rules: z.array(
    z.strictObject({
      name: z.string(),
      filter: z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('everything') }),
        z.strictObject({
          kind: z.literal('correlation'),
          properties: z.record(z.string(), z.union([z.string(), z.boolean()])),
        }),
      ]),
    }),
  ),
});
const topic = z.strictObject({
  name: z.enum(topicNames),
  settings: z.strictObject({
    timeToLiveSeconds: count,
    duplicateWindowSeconds: count,
    megabytesMax: count,
    // Absent in JSON where the namespace's own holds.
    messageKilobytesMax: count.optional(),
  }),
  subscriptions: z.array(subscription),
});
const applied = z.strictObject({
  format: z.literal(FORMAT),
  appliedAt: z.iso.datetime(),
  namespace: z.string(),
  directoryVersion: z.string(),
  tier: z.enum(['standard', 'premium']),
  topics: z.array(topic),
});

/** What `tenfour bus apply` found on the bus when it was done, `appliedAt` in ISO 8601. `namespace` is the host it spoke to. */
export type AppliedTopology = {
  readonly appliedAt: string;
  readonly namespace: string;
  readonly topology: Topology;
};

/** Throws TOPOLOGY_FILE for a file that is not there, is not one of ours, or is of another format; never quotes it. */
export function readAppliedTopology(path: string): AppliedTopology {
  let content: unknown;
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > BYTES_MAX) throw new Error('too long');
    content = JSON.parse(text);
  } catch (cause) {
    throw new Fault('TOPOLOGY_FILE', 'the applied topology cannot be read; run `tenfour bus apply`', {
      cause,
    });
  }
  const parsed = applied.safeParse(content);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const pointer = `/${(issue?.path ?? []).map(String).join('/')}`;
    throw new Fault('TOPOLOGY_FILE', `the applied topology is not what it should be at ${pointer}`);
  }
  const { appliedAt, namespace, directoryVersion, tier, topics } = parsed.data;
  return {
    appliedAt,
    namespace,
    topology: {
      directoryVersion,
      tier,
      topics: topics.map((one) => ({
        ...one,
        settings: { ...one.settings, messageKilobytesMax: one.settings.messageKilobytesMax },
      })),
    },
  };
}

/** Whole or not at all: readers see the file before or the file after. */
export function writeAppliedTopology(
  path: string,
  { appliedAt, namespace, topology }: AppliedTopology,
): void {
  const beside = `${path}.${randomUUID()}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(
      beside,
      `${JSON.stringify({ format: FORMAT, appliedAt, namespace, ...topology }, null, 2)}\n`,
      {
        mode: 0o600,
        flush: true,
      },
    );
    renameSync(beside, path);
  } catch (cause) {
    removeRest(beside);
    throw new Fault('TOPOLOGY_FILE', 'the applied topology cannot be written', { cause });
  }
}

/** Best effort: why the file could not be written is what is told. */
function removeRest(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The folder is none.
  }
}
