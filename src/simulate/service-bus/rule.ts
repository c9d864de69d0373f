import { StandInError } from './stand-in-error.ts';
import { afterValue, compoundAt, type Primitive, primitiveAt } from './amqp-bytes.ts';
import type { CorrelationConfig, RuleConfig } from './emulator-config.ts';
import {
  compileSqlAction,
  compileSqlFilter,
  refusalText,
  type SqlAction,
  type SqlCompiled,
  type SqlFilter,
} from './sql-rule.ts';
import { ENQUEUED_TIME, type SqlScope, systemPositions } from './sql-scope.ts';
import { Guid, Opaque, type SqlValue, sqlValueAt } from './sql-value.ts';
import { findSections } from './wire-message.ts';

/** Conditions of a correlation filter are joined by and; text is compared by case. */
export type Filter =
  | { readonly kind: 'true' }
  | {
      readonly kind: 'correlation';
      readonly system: ReadonlyMap<number, string>;
      readonly application: ReadonlyMap<string, Primitive>;
    }
  | { readonly kind: 'sql'; readonly sql: SqlFilter };

/** A rule of one subscription. With an action it gives a changed copy of its own. */
export type Rule = {
  readonly name: string;
  readonly filter: Filter;
  readonly action: SqlAction | undefined;
};

export const trueRule: Rule = { name: '$Default', filter: { kind: 'true' }, action: undefined };

/** A rule of a checked entity file; throws what `parseEmulatorConfig` would for an expression it did not check. */
export function ruleFrom({ Name, Properties }: RuleConfig): Rule {
  const filter: Filter =
    Properties.FilterType === 'Sql'
      ? { kind: 'sql', sql: taken(compileSqlFilter(Properties.SqlFilter.SqlExpression)) }
      : correlationFilter(Properties.CorrelationFilter);
  const action = Properties.Action && taken(compileSqlAction(Properties.Action.SqlExpression));
  return { name: Name, filter, action };
}

function taken<T>(result: SqlCompiled<T>): T {
  if (!result.ok) throw new StandInError('CONFIG_INVALID', `bus entities: ${refusalText(result)}`);
  return result.compiled;
}

export function correlationFilter(config: CorrelationConfig): Filter {
  const system = new Map<number, string>();
  for (const [key, position] of Object.entries(systemPositions)) {
    const wanted = config[key as keyof typeof systemPositions];
    if (wanted !== undefined) system.set(position, wanted);
  }
  return { kind: 'correlation', system, application: new Map(Object.entries(config.Properties ?? {})) };
}

/** What rules see of one message, decoded at the first question and once. */
export class MessageProperties implements SqlScope {
  readonly bare: Buffer;
  isFailed = false;
  readonly #enqueuedAtMs: number;
  #system: readonly (Primitive | undefined)[] | undefined;
  #application: ReadonlyMap<string, Primitive> | undefined;
  #sqlSystem: readonly SqlValue[] | undefined;
  #sqlUser: ReadonlyMap<string, SqlValue> | undefined;

  /** `enqueuedAtMs`: when the topic took the message, for `sys.EnqueuedTimeUtc`. */
  constructor(bare: Buffer, enqueuedAtMs = Date.now()) {
    this.bare = bare;
    this.#enqueuedAtMs = enqueuedAtMs;
  }

  system(position: number): Primitive | undefined {
    this.#system ??= readSystem(this.bare, primitiveAt);
    return this.#system[position];
  }

  application(key: string): Primitive | undefined {
    this.#application ??= readApplication(this.bare);
    return this.#application.get(key);
  }

  sys(position: number): SqlValue {
    if (position === ENQUEUED_TIME) return new Date(this.#enqueuedAtMs);
    this.#sqlSystem ??= readSystem(this.bare, systemTextAt);
    return this.#sqlSystem[position] ?? null;
  }

  user(name: string): SqlValue | undefined {
    this.#sqlUser ??= readSqlUser(this.bare);
    return this.#sqlUser.get(name);
  }
}

/** What a subscription gets of one message. */
export type Copies = {
  /** The message as it came, once, when any rule without an action matches. */
  readonly isTaken: boolean;
  /** Bare messages: one changed copy for each rule with an action that matches, in the order of the rules. */
  readonly changed: readonly Buffer[];
};

const nothing: Copies = { isTaken: false, changed: [] };
const itself: Copies = { isTaken: true, changed: [] };

/** Makes a changed copy now, later or not at all, by calling `change`. */
type Copying = (change: () => Buffer | undefined) => Buffer | undefined;

/** Asks all rules with an action, and those without until one matches. Without rules there is nothing to get. */
export function copiesFor(
  rules: Iterable<Rule>,
  properties: MessageProperties,
  copying: Copying = (change) => change(),
): Copies {
  let isTaken = false;
  let changed: Buffer[] | undefined;
  for (const { name, filter, action } of rules) {
    if ((isTaken && action === undefined) || !isFilterMatched(filter, properties)) continue;
    if (action === undefined) isTaken = true;
    else {
      const copy = copying(() => action.changed(properties.bare, properties, name));
      if (copy !== undefined) (changed ??= []).push(copy);
    }
  }
  if (changed === undefined) return isTaken ? itself : nothing;
  return { isTaken, changed };
}

/** Messages these rules could not decide or change since they were added; see `SqlFilter.failures`. */
export function failuresOf(rules: Iterable<Rule>): number {
  let failures = 0;
  for (const { filter, action } of rules)
    failures += (filter.kind === 'sql' ? filter.sql.failures : 0) + (action?.failures ?? 0);
  return failures;
}

function isFilterMatched(filter: Filter, properties: MessageProperties): boolean {
  if (filter.kind === 'true') return true;
  if (filter.kind === 'sql') return filter.sql.isMatched(properties);
  for (const [position, wanted] of filter.system) if (properties.system(position) !== wanted) return false;
  for (const [key, wanted] of filter.application) if (properties.application(key) !== wanted) return false;
  return true;
}

function readSystem<T>(bare: Buffer, read: (bytes: Buffer, at: number) => T): readonly T[] {
  const { properties } = findSections(bare);
  const values: T[] = [];
  if (properties === undefined) return values;
  const list = compoundAt(bare, properties);
  for (let at = list.first; at < list.end; at = afterValue(bare, at)) values.push(read(bare, at));
  return values;
}

/** System properties are texts to the service, also where AMQP lets an id be a number, a UUID or binary. */
function systemTextAt(bytes: Buffer, at: number): SqlValue {
  const value = sqlValueAt(bytes, at);
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Guid) return value.text;
  return value instanceof Opaque ? bytes.toString('hex', at, afterValue(bytes, at)) : value;
}

function readApplication(bare: Buffer): ReadonlyMap<string, Primitive> {
  const values = new Map<string, Primitive>();
  eachApplicationProperty(bare, (key, at) => {
    const value = primitiveAt(bare, at);
    if (value !== undefined) values.set(key, value);
  });
  return values;
}

function readSqlUser(bare: Buffer): ReadonlyMap<string, SqlValue> {
  const values = new Map<string, SqlValue>();
  eachApplicationProperty(bare, (key, at) => {
    values.set(key.toLowerCase(), sqlValueAt(bare, at));
  });
  return values;
}

/** Name of each application property, and where its value is. */
function eachApplicationProperty(bare: Buffer, take: (key: string, at: number) => void): void {
  const { application } = findSections(bare);
  if (application === undefined) return;
  const map = compoundAt(bare, application);
  for (let at = map.first; at < map.end; ) {
    const key = primitiveAt(bare, at);
    const value = afterValue(bare, at);
    if (typeof key === 'string') take(key, value);
    at = afterValue(bare, value);
  }
}
