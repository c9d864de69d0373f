import { afterValue, compoundAt, type Primitive, primitiveAt } from './amqp-bytes.ts';
import type { CorrelationConfig, RuleConfig } from './emulator-config.ts';
import { findSections } from './wire-message.ts';

/** Positions in the AMQP properties list (part 3.2.4) of what a correlation filter can compare. */
export const systemPositions = {
  MessageId: 0,
  To: 2,
  Label: 3,
  ReplyTo: 4,
  CorrelationId: 5,
  ContentType: 6,
  SessionId: 10,
  ReplyToSessionId: 12,
} as const satisfies { readonly [K in Exclude<keyof CorrelationConfig, 'Properties'>]: number };

/** No condition at all is the true filter. Conditions are joined by and; text is compared by case. */
export type Rule = {
  readonly name: string;
  readonly system: ReadonlyMap<number, string>;
  readonly application: ReadonlyMap<string, Primitive>;
};

export const trueRule: Rule = { name: '$Default', system: new Map(), application: new Map() };

export function ruleFrom(config: RuleConfig): Rule {
  if (config.Properties.FilterType === 'Sql') return { ...trueRule, name: config.Name };
  return correlationRule(config.Name, config.Properties.CorrelationFilter);
}

export function correlationRule(name: string, filter: CorrelationConfig): Rule {
  const system = new Map<number, string>();
  for (const [key, position] of Object.entries(systemPositions)) {
    const wanted = filter[key as keyof typeof systemPositions];
    if (wanted !== undefined) system.set(position, wanted);
  }
  return { name, system, application: new Map(Object.entries(filter.Properties ?? {})) };
}

/** What rules compare in one message, decoded at the first question and once. */
export class MessageProperties {
  readonly #bare: Buffer;
  #system: readonly (Primitive | undefined)[] | undefined;
  #application: ReadonlyMap<string, Primitive> | undefined;

  constructor(bare: Buffer) {
    this.#bare = bare;
  }

  system(position: number): Primitive | undefined {
    this.#system ??= readSystem(this.#bare);
    return this.#system[position];
  }

  application(key: string): Primitive | undefined {
    this.#application ??= readApplication(this.#bare);
    return this.#application.get(key);
  }
}

/** A subscription takes a message when any of its rules matches; without rules it takes none. */
export function isMatched(rules: Iterable<Rule>, properties: MessageProperties): boolean {
  for (const rule of rules) if (isRuleMatched(rule, properties)) return true;
  return false;
}

function isRuleMatched(rule: Rule, properties: MessageProperties): boolean {
  for (const [position, wanted] of rule.system) if (properties.system(position) !== wanted) return false;
  for (const [key, wanted] of rule.application) if (properties.application(key) !== wanted) return false;
  return true;
}

function readSystem(bare: Buffer): readonly (Primitive | undefined)[] {
  const { properties } = findSections(bare);
  const values: (Primitive | undefined)[] = [];
  if (properties === undefined) return values;
  const list = compoundAt(bare, properties);
  for (let at = list.first; at < list.end; at = afterValue(bare, at)) values.push(primitiveAt(bare, at));
  return values;
}

function readApplication(bare: Buffer): ReadonlyMap<string, Primitive> {
  const { application } = findSections(bare);
  const values = new Map<string, Primitive>();
  if (application === undefined) return values;
  const map = compoundAt(bare, application);
  for (let at = map.first; at < map.end; ) {
    const key = primitiveAt(bare, at);
    at = afterValue(bare, at);
    const value = primitiveAt(bare, at);
    at = afterValue(bare, at);
    if (typeof key === 'string' && value !== undefined) values.set(key, value);
  }
  return values;
}
