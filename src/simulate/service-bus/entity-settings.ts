import { z } from 'zod';
import { durationMs, durationText, neverMs, neverText } from './duration.ts';
import type { QueueConfig, SubscriptionConfig, TopicConfig } from './emulator-config.ts';

/**
 * The properties of entities as the administration API names them, as texts of its XML and as values. Texts are also
 * what the log keeps. Spans are milliseconds; one the service calls endless is `neverMs` or more.
 */
const duration = (minMs: number, maxMs: number, absent: string) =>
  z
    .string()
    .transform((text, context) => {
      const ms = durationMs(text);
      if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
      context.addIssue(
        `must be an ISO-8601 duration of ${durationText(minMs)} to ${durationText(maxMs)}, without years, months or weeks`,
      );
      return z.NEVER;
    })
    .prefault(absent);

const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min).max(max));

const flag = (absent: boolean) =>
  z
    .string()
    .trim()
    .toLowerCase()
    .pipe(z.enum(['true', 'false'], 'must be true or false'))
    .transform((text) => text === 'true')
    .prefault(String(absent));

const statuses = ['Active', 'Disabled', 'SendDisabled', 'ReceiveDisabled'] as const;
export type Status = (typeof statuses)[number];
const status = (allowed: readonly Status[]) =>
  z.enum(allowed, `must be ${allowed.join(', ')}`).prefault('Active');

/** Left out on purpose: refused unless off. */
const notPlayed = (what: string) => {
  const words = `${what} is not played by the stand-in`;
  return z
    .unknown()
    .refine((value) => value === undefined || value === '' || /^false$/i.test(textOf(value)), words)
    .transform(() => undefined)
    .optional();
};
const textOf = (value: unknown): string => (typeof value === 'string' ? value.trim() : 'set');

// Shorter and smaller than the service allows, as tests want: its locks start at 5 s, its windows at 20 s, its sizes at 1,024 MB.
const lock = duration(1_000, 300_000, 'PT1M');
const timeToLive = duration(1_000, neverMs, neverText);
const window = duration(1_000, 604_800_000, 'PT10M');
const idle = duration(300_000, neverMs, neverText);
const sizeMax = integer(1, 81_920).prefault('1024');
const messageSizeMax = integer(1, 102_400).optional();
const metadata = z.string().max(1_024, 'must be at most 1,024 characters').prefault('');

const refused = {
  AuthorizationRules: notPlayed('AuthorizationRules (a policy of one entity)'),
  EnablePartitioning: notPlayed('EnablePartitioning'),
  EnableExpress: notPlayed('EnableExpress'),
};
const refusedForwarding = {
  ForwardTo: notPlayed('ForwardTo (forwarding)'),
  ForwardDeadLetteredMessagesTo: notPlayed('ForwardDeadLetteredMessagesTo (forwarding)'),
};

export const topicSettings = z.object({
  DefaultMessageTimeToLive: timeToLive,
  MaxSizeInMegabytes: sizeMax,
  RequiresDuplicateDetection: flag(false),
  DuplicateDetectionHistoryTimeWindow: window,
  EnableBatchedOperations: flag(true),
  Status: status(['Active', 'Disabled', 'SendDisabled']),
  UserMetadata: metadata,
  SupportOrdering: flag(true),
  AutoDeleteOnIdle: idle,
  MaxMessageSizeInKilobytes: messageSizeMax,
  ...refused,
});

export const queueSettings = z.object({
  LockDuration: lock,
  MaxSizeInMegabytes: sizeMax,
  RequiresDuplicateDetection: flag(false),
  RequiresSession: flag(false),
  DefaultMessageTimeToLive: timeToLive,
  DeadLetteringOnMessageExpiration: flag(false),
  DuplicateDetectionHistoryTimeWindow: window,
  MaxDeliveryCount: integer(1, 2_000).prefault('10'),
  EnableBatchedOperations: flag(true),
  Status: status(statuses),
  UserMetadata: metadata,
  AutoDeleteOnIdle: idle,
  MaxMessageSizeInKilobytes: messageSizeMax,
  ...refused,
  ...refusedForwarding,
});

export const subscriptionSettings = z.object({
  LockDuration: lock,
  RequiresSession: flag(false),
  DefaultMessageTimeToLive: timeToLive,
  DeadLetteringOnMessageExpiration: flag(false),
  DeadLetteringOnFilterEvaluationExceptions: flag(true),
  MaxDeliveryCount: integer(1, 2_000).prefault('10'),
  EnableBatchedOperations: flag(true),
  Status: status(['Active', 'Disabled', 'ReceiveDisabled']),
  UserMetadata: metadata,
  AutoDeleteOnIdle: idle,
  ...refusedForwarding,
});

export type TopicSettings = z.infer<typeof topicSettings>;
export type QueueSettings = z.infer<typeof queueSettings>;
export type SubscriptionSettings = z.infer<typeof subscriptionSettings>;
export type Settings = TopicSettings | QueueSettings | SubscriptionSettings;

/** Properties that cannot change once an entity is there. */
export const fixedSettings = ['RequiresSession', 'RequiresDuplicateDetection'] as const;

const spans: ReadonlySet<string> = new Set([
  'LockDuration',
  'DefaultMessageTimeToLive',
  'DuplicateDetectionHistoryTimeWindow',
  'AutoDeleteOnIdle',
]);

/** The settings as texts, in the order of the schema; read again by it they are the same. */
export function settingsText(settings: Settings): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(settings)) {
    if (value !== undefined)
      texts[name] = spans.has(name) && typeof value === 'number' ? durationText(value) : String(value);
  }
  return texts;
}

export const canSend = (of: Status): boolean => of === 'Active' || of === 'ReceiveDisabled';
export const canReceive = (of: Status): boolean => of === 'Active' || of === 'SendDisabled';

/** Milliseconds a message lives by its entity; Infinity for ever. */
export const lifeMs = ({ DefaultMessageTimeToLive: ms }: Settings): number => (ms >= neverMs ? Infinity : ms);

/** A file may name them, but only with nothing in them. */
const noForwarding = { ForwardTo: undefined, ForwardDeadLetteredMessagesTo: undefined };

/** What a file's entity is in full: what the file cannot say is as the service has it when nothing is asked for. */
export function topicSettingsOf({ Properties }: TopicConfig): TopicSettings {
  return { ...topicSettings.parse({}), ...withoutAbsent(Properties) };
}

export function queueSettingsOf({ Properties }: QueueConfig): QueueSettings {
  return { ...queueSettings.parse({}), ...withoutAbsent(Properties), ...noForwarding };
}

/** Entities of a file count what a filter could not compute and drop it, as they always did. */
export function subscriptionSettingsOf({ Properties }: SubscriptionConfig): SubscriptionSettings {
  const kept = { DeadLetteringOnFilterEvaluationExceptions: false };
  return { ...subscriptionSettings.parse({}), ...kept, ...withoutAbsent(Properties), ...noForwarding };
}

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function withoutAbsent<T extends object>(properties: T): Partial<Present<T>> {
  const present = Object.entries(properties).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as Partial<Present<T>>;
}
