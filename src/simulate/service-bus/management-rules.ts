import rhea from 'rhea';
import { z } from 'zod';
import type { CorrelationConfig } from './emulator-config.ts';
import type { Entities } from './entities.ts';
import { wireNumber } from './wire-number.ts';
import type { Answer } from './request-link.ts';
import type { Filter, Rule } from './rule.ts';
import { type RuleDefinition, ruleOf, wrongRuleName } from './rule-definition.ts';
import { systemPositions } from './sql-scope.ts';
import type { Subscription } from './subscription.ts';

/** Described types of a rule on the wire, by the numbers of the service's request-response protocol. */
const descriptors = {
  description: 0x137_0000_0004,
  noAction: 0x137_0000_0005,
  sqlAction: 0x137_0000_0006,
  sql: 0x13_7000_0006,
  true: 0x13_7000_0007,
  correlation: 0x13_7000_0009,
};

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);
const expression = z.object({ expression: z.string() });
const addSchema = z.object({
  'rule-name': z.string().max(1_000),
  'rule-description': z.object({
    'sql-filter': expression.nullish(),
    'sql-rule-action': expression.nullish(),
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
      .nullish(),
  }),
});
type AddedFilter = z.infer<typeof addSchema>['rule-description'];
const removeSchema = z.object({ 'rule-name': z.string() });
const listSchema = z.object({ skip: wireNumber, top: wireNumber });

/** Rules changed while running, as the SDK's rule manager does; the same rules the administration API shows. */
export const ruleOperations = {
  'add-rule': addRule,
  'remove-rule': removeRule,
  'enumerate-rules': listRules,
} as const;

const conditions = {
  exists: 'com.microsoft:entity-already-exists',
  'too-many': 'amqp:resource-limit-exceeded',
} as const;

/** The SDK takes `argument-error` for the caller's mistake and does not try again. */
function addRule(entities: Entities, subscription: Subscription, body: unknown): Answer {
  const { 'rule-name': name, 'rule-description': description } = addSchema.parse(body);
  const filter = filterFrom(description);
  if (filter === undefined) return refused(400, 'The rule has no filter.', 'com.microsoft:argument-error');
  const action = description['sql-rule-action']?.expression;
  const made = ruleOf({ name, filter, action });
  const why = wrongRuleName(name) ?? (made.ok ? undefined : made.why);
  if (why !== undefined || !made.ok) return refused(400, why ?? '', 'com.microsoft:argument-error');
  const notMade = entities.addRule(subscription, made.rule);
  if (notMade === undefined) return { status: 200, description: 'OK' };
  return refused(notMade.why === 'exists' ? 409 : 403, notMade.text, conditions[notMade.why]);
}

function filterFrom({
  'correlation-filter': correlation,
  'sql-filter': sql,
}: AddedFilter): RuleDefinition['filter'] | undefined {
  if (correlation !== undefined && correlation !== null)
    return { kind: 'correlation', config: correlationFrom(correlation) };
  return sql === undefined || sql === null ? undefined : { kind: 'sql', text: sql.expression };
}

function correlationFrom(filter: NonNullable<AddedFilter['correlation-filter']>): CorrelationConfig {
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

function removeRule(entities: Entities, subscription: Subscription, body: unknown): Answer {
  return entities.deleteRule(subscription, removeSchema.parse(body)['rule-name'])
    ? { status: 200, description: 'OK' }
    : refused(404, 'The rule could not be found.', 'amqp:not-found');
}

/** Past the end the answer is 204: the SDK asks on until it gets one. */
function listRules(_: Entities, { rules }: Subscription, body: unknown): Answer {
  const { skip, top } = listSchema.parse(body);
  const page = [...rules.values()].slice(skip, skip + top);
  if (page.length === 0) return { status: 204, description: 'NoContent' };
  const listed = page.map((rule) => ({ 'rule-description': described(rule) }));
  return { status: 200, description: 'OK', body: { rules: listed } };
}

/** Expressions go back as they were written. */
function described({ name, filter, action }: Rule): unknown {
  const doing =
    action === undefined ? list(descriptors.noAction, []) : list(descriptors.sqlAction, [action.text]);
  return list(descriptors.description, [describedFilter(filter), doing, name]);
}

function describedFilter(filter: Filter): unknown {
  if (filter.kind === 'true') return list(descriptors.true, []);
  if (filter.kind === 'sql') return list(descriptors.sql, [filter.sql.text]);
  const { MessageId, To, Label, ReplyTo, CorrelationId, ContentType, SessionId, ReplyToSessionId } =
    systemPositions;
  const order = [CorrelationId, MessageId, To, ReplyTo, Label, SessionId, ReplyToSessionId, ContentType];
  return list(descriptors.correlation, [
    ...order.map((position) => filter.system.get(position) ?? null),
    rhea.types.wrap_map(Object.fromEntries(filter.application)),
  ]);
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
