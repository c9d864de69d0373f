import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { StandInError } from './stand-in-error.ts';
import { durationMs } from './duration.ts';
import { compileSqlAction, compileSqlFilter, refusalText } from './sql-rule.ts';

/**
 * The entity file of Microsoft's own emulator (`Config.json`), so that one file serves both. Every option is named
 * here: an unknown one is an error, and one we know but do not play (forwarding) says so.
 */
const duration = (minMs: number, maxMs: number) =>
  z.string().transform((text, context) => {
    const ms = durationMs(text);
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
    context.addIssue(
      `must be an ISO-8601 duration of ${String(minMs)} to ${String(maxMs)} ms, such as PT30S`,
    );
    return z.NEVER;
  });

const name = (lengthMax: number) =>
  z
    .string()
    .max(lengthMax)
    .regex(
      /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/,
      'must be letters, digits, period, hyphen or underscore',
    );
const notPlayed = (what: string) => z.literal('', `${what} is not played by the stand-in`).optional();

const lockMs = duration(1_000, 300_000);
const liveMs = duration(1_000, Number.MAX_SAFE_INTEGER);
const windowMs = duration(1_000, 604_800_000);

export const correlationFilter = z.strictObject({
  ContentType: z.string().optional(),
  CorrelationId: z.string().optional(),
  Label: z.string().optional(),
  MessageId: z.string().optional(),
  ReplyTo: z.string().optional(),
  ReplyToSessionId: z.string().optional(),
  SessionId: z.string().optional(),
  To: z.string().optional(),
  Properties: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
});

const sqlExpression = z.strictObject({ SqlExpression: z.string() });
const rule = z.strictObject({
  Name: z.string().min(1).max(50),
  Properties: z.discriminatedUnion('FilterType', [
    z.strictObject({
      FilterType: z.literal('Correlation'),
      CorrelationFilter: correlationFilter,
      Action: sqlExpression.optional(),
    }),
    z.strictObject({
      FilterType: z.literal('Sql'),
      SqlFilter: sqlExpression,
      Action: sqlExpression.optional(),
    }),
  ]),
});

/** How messages are received: the options queues and subscriptions have in common. */
const receiving = {
  DeadLetteringOnMessageExpiration: z.boolean().default(false),
  DefaultMessageTimeToLive: liveMs.optional(),
  LockDuration: lockMs.default(60_000),
  MaxDeliveryCount: z.int().min(1).max(2_000).default(10),
  ForwardTo: notPlayed('ForwardTo'),
  ForwardDeadLetteredMessagesTo: notPlayed('ForwardDeadLetteredMessagesTo'),
  RequiresSession: z.boolean().default(false),
};

/** How messages are published: the options queues and topics have in common. */
const publishing = {
  DefaultMessageTimeToLive: liveMs.optional(),
  DuplicateDetectionHistoryTimeWindow: windowMs.default(600_000),
  RequiresDuplicateDetection: z.boolean().default(false),
};

const subscription = z.strictObject({
  Name: name(50),
  Properties: z.strictObject(receiving).prefault({}),
  // The service allows 2,000 rules a topic; one subscription may use them all.
  Rules: z.array(rule).max(2_000).default([]),
});

const topic = z.strictObject({
  Name: name(260),
  Properties: z.strictObject(publishing).prefault({}),
  Subscriptions: z.array(subscription).max(2_000).default([]),
});

const queue = z.strictObject({
  Name: name(260),
  Properties: z.strictObject({ ...publishing, ...receiving }).prefault({}),
});

const namespace = z
  .strictObject({
    Name: z.string().min(1).max(50),
    Queues: z.array(queue).max(1_000).default([]),
    Topics: z.array(topic).max(1_000).default([]),
  })
  .refine(({ Queues, Topics }) => Queues.length + Topics.length > 0, 'needs a queue or a topic');

const schema = z.strictObject({
  UserConfig: z.strictObject({
    Namespaces: z.array(namespace).length(1, 'exactly one namespace, as in the official emulator'),
    Logging: z.strictObject({ Type: z.string() }).optional(),
  }),
});

export type EmulatorConfig = z.infer<typeof schema>;
export type TopicConfig = z.infer<typeof topic>;
export type QueueConfig = z.infer<typeof queue>;
export type SubscriptionConfig = z.infer<typeof subscription>;
export type RuleConfig = z.infer<typeof rule>;
export type CorrelationConfig = z.infer<typeof correlationFilter>;

/** Checks an entity description; the fault names each option by its path. */
export function parseEmulatorConfig(value: unknown): EmulatorConfig {
  const parsed = schema.safeParse(value);
  if (!parsed.success)
    throw new StandInError('CONFIG_INVALID', `bus entities: ${z.prettifyError(parsed.error)}`);
  const twice = firstRepeated(parsed.data);
  if (twice !== undefined) throw new StandInError('CONFIG_INVALID', `bus entities: ${twice} is named twice`);
  const wrong = [...wrongExpressions(parsed.data)];
  if (wrong.length > 0) throw new StandInError('CONFIG_INVALID', `bus entities: ${wrong.join('; ')}`);
  return parsed.data;
}

/** Every SQL expression that cannot be read, by rule and character; never its text. */
function* wrongExpressions(config: EmulatorConfig): Generator<string> {
  for (const { Topics } of config.UserConfig.Namespaces) {
    for (const { Name, Subscriptions } of Topics) {
      for (const subscription of Subscriptions) {
        const path = `${Name}/${subscription.Name}`;
        for (const rule of subscription.Rules) yield* wrongInRule(`${path}/${rule.Name}`, rule);
      }
    }
  }
}

function* wrongInRule(path: string, { Properties }: RuleConfig): Generator<string> {
  const filter = Properties.FilterType === 'Sql' ? Properties.SqlFilter.SqlExpression : undefined;
  const read = {
    SqlFilter: filter === undefined ? undefined : compileSqlFilter(filter),
    Action: Properties.Action && compileSqlAction(Properties.Action.SqlExpression),
  };
  for (const [option, result] of Object.entries(read))
    if (result?.ok === false) yield `${path}: ${option}: ${refusalText(result)}`;
}

/** Reads an entity file in the form of the official emulator's `Config.json`. */
export async function loadEmulatorConfig(path: string): Promise<EmulatorConfig> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new StandInError('CONFIG_INVALID', 'bus entities: the file cannot be read as JSON', { cause });
  }
  return parseEmulatorConfig(value);
}

/** Entity names are compared without case, as the service compares them. */
function firstRepeated(config: EmulatorConfig): string | undefined {
  const seen = new Set<string>();
  const isRepeated = (path: string): boolean => seen.size === seen.add(path.toLowerCase()).size;
  for (const { Queues, Topics } of config.UserConfig.Namespaces) {
    for (const { Name } of Queues) if (isRepeated(Name)) return Name;
    for (const { Name, Subscriptions } of Topics) {
      if (isRepeated(Name)) return Name;
      for (const subscription of Subscriptions) {
        const path = `${Name}/${subscription.Name}`;
        if (isRepeated(path)) return path;
        for (const { Name: rule } of subscription.Rules)
          if (isRepeated(`${path}/${rule}`)) return `${path}/${rule}`;
      }
    }
  }
  return undefined;
}
