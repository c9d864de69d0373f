import type { z } from 'zod';
import type { Entities } from '../entities.ts';
import { wrongName, wrongSubscriptionName } from '../entity-path.ts';
import {
  fixedSettings,
  queueSettings,
  type Settings,
  settingsText,
  subscriptionSettings,
  topicSettings,
} from '../entity-settings.ts';
import type { NotMade } from '../namespace-quota.ts';
import { type Rule, trueRule } from '../rule.ts';
import { ruleOf, wrongRuleName } from '../rule-definition.ts';
import { Topic, type TopicDefinition } from '../topic.ts';
import { type AdminAnswer, badRequest, conflict, notFound, type Refused, tooMany } from './admin-answer.ts';
import type { AdminPlace } from './admin-place.ts';
import { childrenOf, type Entry, type Read, textOf } from './atom-xml.ts';
import { subscriptionEntry, topicEntry } from './entity-entries.ts';
import { readRule, ruleEntry } from './rule-entries.ts';

/** A PUT: makes what is not there or, as an update, changes what is. */
export type Put = {
  readonly entities: Entities;
  readonly isUpdate: boolean;
  /** Name of the description element, such as `TopicDescription`. */
  readonly name: string;
  readonly description: Read;
  readonly places: { urlOf(path: string): string };
};

type PlaceOf<K extends AdminPlace['kind']> = Extract<AdminPlace, { kind: K }>;

export function putTopic(put: Put, { name, there }: PlaceOf<'topic'>): AdminAnswer {
  const definition = readTopic(put, there);
  if ('status' in definition) return definition;
  const { entities, places, isUpdate } = put;
  if (isUpdate) {
    if (there?.definition.kind !== definition.kind) return notFound(name);
    const fixed = changedFixed(there.definition.settings, definition.settings);
    if (fixed !== undefined) return cannotChange(fixed);
    entities.configureTopic(there, definition);
    return entry(200, topicEntry(there, places));
  }
  const wrong = wrongName(name);
  if (wrong !== undefined) return badRequest(wrong);
  const made = entities.createTopic(name, definition);
  return made instanceof Topic ? entry(201, topicEntry(made, places)) : notMade(made);
}

export function putSubscription(put: Put, { topic, name, there }: PlaceOf<'subscription'>): AdminAnswer {
  const { entities, places, isUpdate, description } = put;
  if (put.name !== 'SubscriptionDescription') return badRequest('A SubscriptionDescription is needed here.');
  const settings = read(subscriptionSettings, description, isUpdate ? there?.settings : undefined);
  if ('status' in settings) return settings;
  if (isUpdate) {
    if (there === undefined) return notFound(`${topic.path}/Subscriptions/${name}`);
    const fixed = changedFixed(there.settings, settings);
    if (fixed !== undefined) return cannotChange(fixed);
    entities.configureSubscription(topic, there, settings);
    return entry(200, subscriptionEntry(there, places));
  }
  const wrong = wrongSubscriptionName(name);
  if (wrong !== undefined) return badRequest(wrong);
  const rule = firstRule(description['DefaultRuleDescription']);
  if ('status' in rule) return rule;
  const made = entities.createSubscription(topic, name, settings, rule);
  return 'why' in made ? notMade(made) : entry(201, subscriptionEntry(made, places));
}

export function putRule(put: Put, { subscription, name }: PlaceOf<'rule'>): AdminAnswer {
  const { entities, places, isUpdate } = put;
  if (put.name !== 'RuleDescription') return badRequest('A RuleDescription is needed here.');
  const there = subscription.rules.get(name);
  if (isUpdate && there === undefined) return notFound(`${subscription.path}/Rules/${name}`);
  const rule = compiled(put.description, there?.name ?? name);
  if ('status' in rule) return rule;
  const refused = isUpdate ? entities.replaceRule(subscription, rule) : entities.addRule(subscription, rule);
  if (refused !== undefined) return notMade(refused);
  return entry(isUpdate ? 200 : 201, ruleEntry(rule, subscription, places));
}

function readTopic(
  { name, description, isUpdate }: Put,
  there: Topic | undefined,
): TopicDefinition | Refused {
  const known = isUpdate ? there?.definition.settings : undefined;
  if (name === 'TopicDescription') {
    const settings = read(topicSettings, description, known);
    return 'status' in settings ? settings : { kind: 'topic', settings };
  }
  if (name !== 'QueueDescription')
    return badRequest('A TopicDescription or QueueDescription is needed here.');
  const settings = read(queueSettings, description, known);
  return 'status' in settings ? settings : { kind: 'queue', settings };
}

/** The settings in a description. What it does not name stays as `known` or, without it, is as the service has it. */
function read<Schema extends z.ZodObject>(
  schema: Schema,
  description: Read,
  known: Settings | undefined,
): z.infer<Schema> | Refused {
  const texts: Record<string, unknown> = known === undefined ? {} : settingsText(known);
  for (const name of Object.keys(schema.shape)) {
    const element = description[name];
    if (element !== undefined) texts[name] = textOf(element) ?? 'an element with children';
  }
  const parsed = schema.safeParse(texts);
  if (parsed.success) return parsed.data;
  const whys = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}.`);
  return badRequest(whys.join(' '));
}

function changedFixed(before: Settings, after: Settings): string | undefined {
  const values = (of: Settings) => new Map<string, unknown>(Object.entries(of));
  const [was, is] = [values(before), values(after)];
  return fixedSettings.find((name) => was.get(name) !== is.get(name));
}

const cannotChange = (property: string): Refused =>
  badRequest(`The value for the '${property}' property of an existing entity can't be changed.`);

/** The rule a new subscription begins with: the one it asks for, or one that takes everything. */
function firstRule(element: unknown): Rule | Refused {
  if (element === undefined) return trueRule;
  const description = childrenOf(element);
  return compiled(description, textOf(description['Name']) ?? trueRule.name);
}

function compiled(description: Read, name: string): Rule | Refused {
  const definition = readRule(description, name);
  if ('wrong' in definition) return badRequest(definition.wrong);
  const wrong = wrongRuleName(name);
  if (wrong !== undefined) return badRequest(wrong);
  const made = ruleOf(definition);
  return made.ok ? made.rule : badRequest(made.why);
}

const entry = (status: 200 | 201, made: Entry): AdminAnswer => ({ kind: 'entry', status, entry: made });
const notMade = ({ why, text }: NotMade): Refused => (why === 'exists' ? conflict(text) : tooMany(text));

/** Whether something is a subscription that was there to be deleted. */
export type Deletable = PlaceOf<'topic' | 'subscription' | 'rule'>;

export function remove(entities: Entities, place: Deletable): AdminAnswer {
  if (place.kind === 'rule') {
    const { subscription, name } = place;
    return entities.deleteRule(subscription, name)
      ? { kind: 'deleted' }
      : notFound(`${subscription.path}/Rules/${name}`);
  }
  if (place.there === undefined) return notFound(place.name);
  if (place.kind === 'topic') entities.deleteTopic(place.there);
  else entities.deleteSubscription(place.topic, place.there);
  return { kind: 'deleted' };
}
