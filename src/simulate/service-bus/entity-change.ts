import { z } from 'zod';
import type { EntityChange } from './bus-log.ts';
import { correlationFilter } from './emulator-config.ts';
import {
  queueSettings,
  type Settings,
  settingsText,
  type SubscriptionSettings,
  subscriptionSettings,
  topicSettings,
} from './entity-settings.ts';
import type { Rule } from './rule.ts';
import { definitionOf } from './rule-definition.ts';
import { StandInError } from './stand-in-error.ts';
import type { TopicDefinition } from './topic.ts';

const rule = z.object({
  kind: z.literal('rule'),
  name: z.string(),
  filter: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('true') }),
    z.object({ kind: z.literal('sql'), text: z.string() }),
    z.object({ kind: z.literal('correlation'), config: correlationFilter }),
  ]),
  action: z
    .string()
    .optional()
    .transform((text) => text),
});

/** What a change says of an entity, as the log keeps it. */
const definition = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('topic'), settings: topicSettings }),
  z.object({ kind: z.literal('queue'), settings: queueSettings }),
  z.object({ kind: z.literal('subscription'), settings: subscriptionSettings }),
  rule,
]);
export type Definition = z.infer<typeof definition>;

/** Reads what one of the functions below wrote. */
export function readDefinition(text: string): Definition {
  try {
    return definition.parse(JSON.parse(text));
  } catch (cause) {
    throw new StandInError('STAND_IN_LOG', 'the log holds an entity that cannot be read', { cause });
  }
}

type Kind = EntityChange['kind'];

export function topicChange(kind: Kind, path: string, { kind: of, settings }: TopicDefinition): EntityChange {
  return { kind, path, definition: written(of, settings) };
}

export function subscriptionChange(kind: Kind, path: string, settings: SubscriptionSettings): EntityChange {
  return { kind, path, definition: written('subscription', settings) };
}

/** `path` is the subscription's. */
export function ruleChange(path: string, added: Rule): EntityChange {
  const text = JSON.stringify({ kind: 'rule', ...definitionOf(added) });
  return { kind: 'created', path: rulePath(path, added.name), definition: text };
}

export const deletion = (path: string): EntityChange => ({ kind: 'deleted', path, definition: '' });

export const rulePath = (subscriptionPath: string, name: string): string =>
  `${subscriptionPath}/Rules/${name}`;

const written = (kind: string, settings: Settings): string =>
  JSON.stringify({ kind, settings: settingsText(settings) });
