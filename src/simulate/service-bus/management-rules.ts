import rhea from 'rhea';
import { z } from 'zod';
import type { CorrelationConfig } from './emulator-config.ts';
import { wireNumber } from './wire-number.ts';
import type { Answer } from './request-link.ts';
import { correlationRule, type Rule, systemPositions, trueRule } from './rule.ts';
import type { Subscription } from './topic.ts';

/** The service allows 2,000 rules a topic. */
const rulesMax = 2_000;

/** Described types of a rule on the wire, by the numbers of the service's request-response protocol. */
const descriptors = {
  description: 0x137_0000_0004,
  action: 0x137_0000_0005,
  true: 0x13_7000_0007,
  correlation: 0x13_7000_0009,
};

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);
const addSchema = z.object({
  'rule-name': z.string().min(1).max(50),
  'rule-description': z.object({
    'sql-filter': z.object({ expression: z.string() }).optional(),
    'correlation-filter': z
      .object({
        'correlation-id': text,
        'message-id': text,
        to: text,
        'reply-to': text,
        label: text,
        'session-id': text,
        'reply-to-session-id': text,
        'content-type': text,
        properties: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).nullish(),
      })
      .optional(),
  }),
});
const removeSchema = z.object({ 'rule-name': z.string() });
const listSchema = z.object({ skip: wireNumber, top: wireNumber });

/**
 * Rules changed while running, as the SDK's rule manager does. They hold until the process ends: at a start the
 * entity file says again what holds.
 */
export const ruleOperations = {
  'add-rule': addRule,
  'remove-rule': removeRule,
  'enumerate-rules': listRules,
} as const;

function addRule({ rules }: Subscription, body: unknown): Answer {
  const { 'rule-name': name, 'rule-description': description } = addSchema.parse(body);
  const sql = description['sql-filter']?.expression.replaceAll(' ', '');
  const filter = description['correlation-filter'];
  if (rules.has(name)) return refused(409, 'The rule already exists.', 'com.microsoft:entity-already-exists');
  if (rules.size >= rulesMax) return refused(403, 'Too many rules.', 'amqp:resource-limit-exceeded');
  if (filter !== undefined) rules.set(name, correlationRule(name, correlationFrom(filter)));
  else if (sql === '1=1') rules.set(name, { ...trueRule, name });
  else return refused(501, 'SQL filters are not played by the stand-in, except 1=1.', 'amqp:not-implemented');
  return { status: 200, description: 'OK' };
}

function correlationFrom(
  filter: NonNullable<z.infer<typeof addSchema>['rule-description']['correlation-filter']>,
): CorrelationConfig {
  return {
    CorrelationId: filter['correlation-id'],
    MessageId: filter['message-id'],
    To: filter.to,
    ReplyTo: filter['reply-to'],
    Label: filter.label,
    SessionId: filter['session-id'],
    ReplyToSessionId: filter['reply-to-session-id'],
    ContentType: filter['content-type'],
    Properties: filter.properties ?? undefined,
  };
}

function removeRule({ rules }: Subscription, body: unknown): Answer {
  return rules.delete(removeSchema.parse(body)['rule-name'])
    ? { status: 200, description: 'OK' }
    : refused(404, 'The rule could not be found.', 'amqp:not-found');
}

/** Past the end the answer is 204: the SDK asks on until it gets one. */
function listRules({ rules }: Subscription, body: unknown): Answer {
  const { skip, top } = listSchema.parse(body);
  const page = [...rules.values()].slice(skip, skip + top);
  if (page.length === 0) return { status: 204, description: 'NoContent' };
  const listed = page.map((rule) => ({ 'rule-description': described(rule) }));
  return { status: 200, description: 'OK', body: { rules: listed } };
}

function described(rule: Rule): unknown {
  const isTrue = rule.system.size === 0 && rule.application.size === 0;
  const { MessageId, To, Label, ReplyTo, CorrelationId, ContentType, SessionId, ReplyToSessionId } =
    systemPositions;
  const order = [CorrelationId, MessageId, To, ReplyTo, Label, SessionId, ReplyToSessionId, ContentType];
  const filter = isTrue
    ? list(descriptors.true, [])
    : list(descriptors.correlation, [
        ...order.map((position) => rule.system.get(position) ?? null),
        rhea.types.wrap_map(Object.fromEntries(rule.application)),
      ]);
  return list(descriptors.description, [filter, list(descriptors.action, []), rule.name]);
}

/** `described_nc` is missing from rhea's typings. */
type Types = typeof rhea.types & { described_nc(descriptor: unknown, value: unknown): unknown };

function list(descriptor: number, items: readonly unknown[]): unknown {
  const types = rhea.types as Types;
  return types.described_nc(types.wrap_ulong(descriptor), types.wrap_list([...items]));
}

const refused = (status: number, description: string, condition: string): Answer => ({
  status,
  description,
  condition,
});
