import type { CorrelationConfig } from '../emulator-config.ts';
import type { Rule } from '../rule.ts';
import { definitionOf, type RuleDefinition } from '../rule-definition.ts';
import type { Subscription } from '../subscription.ts';
import { rulePath } from '../entity-change.ts';
import {
  childrenOf,
  type Entry,
  type Read,
  schemaNames,
  textOf,
  time,
  typeOf,
  type Written,
} from './atom-xml.ts';

/** What a rule cannot be read from, in words for the caller. */
export type Unread = { readonly wrong: string };

const correlationTexts = [
  'CorrelationId',
  'MessageId',
  'To',
  'ReplyTo',
  'Label',
  'SessionId',
  'ReplyToSessionId',
  'ContentType',
] as const;

/** Reads a `RuleDescription` or `DefaultRuleDescription`; `name` is the one of the address, or the one in it. */
export function readRule(description: Read, name: string): RuleDefinition | Unread {
  const filter = readFilter(description['Filter']);
  if ('wrong' in filter) return filter;
  const action = childrenOf(description['Action']);
  if (hasPairs(action['Parameters'])) return noParameters;
  return { name, filter, action: textOf(action['SqlExpression']) };
}

export function ruleEntry(
  rule: Rule,
  subscription: Subscription,
  places: { urlOf(path: string): string },
): Entry {
  const { name, filter, action } = definitionOf(rule);
  const { createdAtMs, updatedAtMs } = subscription.times;
  const doing =
    action === undefined
      ? { '@i:type': 'EmptyRuleAction' }
      : { '@i:type': 'SqlRuleAction', SqlExpression: action, CompatibilityLevel: '20' };
  return {
    id: places.urlOf(rulePath(subscription.path, name)),
    title: name,
    createdAtMs,
    updatedAtMs,
    name: 'RuleDescription',
    description: { Filter: writtenFilter(filter), Action: doing, CreatedAt: time(createdAtMs), Name: name },
  };
}

const noParameters: Unread = { wrong: 'Parameters of SQL expressions are not played by the stand-in.' };
const hasPairs = (element: unknown): boolean => childrenOf(element)['KeyValueOfstringanyType'] !== undefined;

function readFilter(element: unknown): RuleDefinition['filter'] | Unread {
  const filter = childrenOf(element);
  const type = typeOf(element);
  if (type === 'TrueFilter') return { kind: 'true' };
  if (type === 'FalseFilter') return { kind: 'sql', text: '1=0' };
  if (type === 'SqlFilter') {
    const text = textOf(filter['SqlExpression']);
    if (text === undefined) return { wrong: 'A SqlFilter needs a SqlExpression.' };
    return hasPairs(filter['Parameters']) ? noParameters : { kind: 'sql', text };
  }
  if (type === 'CorrelationFilter') return readCorrelation(filter);
  return { wrong: 'A rule needs a Filter of type SqlFilter, CorrelationFilter, TrueFilter or FalseFilter.' };
}

function readCorrelation(filter: Read): RuleDefinition['filter'] | Unread {
  const config: { -readonly [K in keyof CorrelationConfig]: CorrelationConfig[K] } = {};
  for (const name of correlationTexts) {
    const text = textOf(filter[name]);
    if (text !== undefined) config[name] = text;
  }
  const properties = readPairs(childrenOf(filter['Properties'])['KeyValueOfstringanyType']);
  if (properties === undefined)
    return { wrong: 'A property of a CorrelationFilter is a string, an int, long, double or boolean.' };
  if (Object.keys(properties).length > 0) config.Properties = properties;
  if (Object.keys(config).length === 0) return { wrong: 'A CorrelationFilter needs a condition.' };
  return { kind: 'correlation', config };
}

function readPairs(pairs: unknown): Record<string, string | number | boolean> | undefined {
  const properties: [string, string | number | boolean][] = [];
  for (const pair of Array.isArray(pairs) ? pairs : pairs === undefined ? [] : [pairs]) {
    const { Key, Value } = childrenOf(pair);
    const [key, text] = [textOf(Key), textOf(Value)];
    const value = text === undefined ? undefined : readValue(typeOf(Value), text);
    if (key === undefined || value === undefined) return undefined;
    properties.push([key, value]);
  }
  return Object.fromEntries(properties);
}

function readValue(type: string | undefined, text: string): string | number | boolean | undefined {
  if (type === 'string') return text;
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  if (type !== 'int' && type !== 'long' && type !== 'double') return undefined;
  // Neither the log's JSON nor a comparison has a use for an endless number.
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined;
}

function writtenFilter(filter: RuleDefinition['filter']): Written {
  if (filter.kind === 'true')
    return { '@i:type': 'TrueFilter', SqlExpression: '1=1', CompatibilityLevel: '20' };
  if (filter.kind === 'sql')
    return { '@i:type': 'SqlFilter', SqlExpression: filter.text, CompatibilityLevel: '20' };
  const { Properties = {}, ...texts } = filter.config;
  const pairs = Object.entries(Properties).map(([key, value]) => ({ Key: key, Value: writtenValue(value) }));
  return {
    '@i:type': 'CorrelationFilter',
    ...texts,
    ...(pairs.length === 0 ? {} : { Properties: { KeyValueOfstringanyType: pairs } }),
  };
}

/** The SDK cuts five characters off the type: a prefix of four and its colon. */
function writtenValue(value: string | number | boolean): Written {
  const type = typeof value === 'number' ? 'double' : typeof value;
  return { '@i:type': `d6p1:${type}`, '@xmlns:d6p1': schemaNames, '#': String(value) };
}
