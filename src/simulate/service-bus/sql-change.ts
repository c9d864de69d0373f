import { afterValue, compoundAt, encodeSection, encodeText, primitiveAt } from './amqp-bytes.ts';
import { type Computation, compileValue } from './sql-compile.ts';
import { ENQUEUED_TIME, type SqlScope, systemPositions } from './sql-scope.ts';
import { SqlSyntax } from './sql-token.ts';
import type { PropertyNode, StatementNode } from './sql-tree.ts';
import { encodeSqlValue, Guid, type SqlValue } from './sql-value.ts';
import { findSections } from './wire-message.ts';

const PROPERTIES = 0x73;
const APPLICATION_PROPERTIES = 0x74;
const nullItem = Buffer.from([0x40]);

/** Statement ready to run; without a computation it removes the property. */
export type CompiledStatement = {
  readonly property: PropertyNode;
  readonly value: Computation | undefined;
};

/** Throws `SqlSyntax` for a property that cannot be changed. */
export function compileStatement({ property, value }: StatementNode): CompiledStatement {
  if (property.kind === 'sys') {
    if (property.position === ENQUEUED_TIME)
      throw new SqlSyntax(property.at, "the enqueued time is the topic's own and cannot be changed");
    if (property.position === systemPositions.MessageId && value === undefined)
      throw new SqlSyntax(property.at, 'a message keeps its MessageId: it can be set, not removed');
  }
  return { property, value: value === undefined ? undefined : compileValue(value) };
}

/**
 * The message after all statements, each of which sees what those before it changed; `RuleName` is set first, so a
 * statement may change that too. Undefined when a value cannot be computed or does not fit a system property.
 */
export function applyStatements(
  statements: readonly CompiledStatement[],
  bare: Buffer,
  scope: SqlScope,
  ruleName: string,
): Buffer | undefined {
  const draft = new Draft(scope);
  draft.setUser('rulename', 'RuleName', ruleName);
  for (const { property, value } of statements) {
    const computedValue = value?.(draft) ?? null;
    if (property.kind === 'sys') draft.setSystem(property.position, computedValue);
    else if (value === undefined) draft.removeUser(property.name);
    else draft.setUser(property.name, property.written, computedValue);
    if (draft.isFailed) return undefined;
  }
  return rewritten(bare, draft);
}

/** What became of an application property; undefined where it was removed. */
type Change = { readonly written: string; readonly value: SqlValue } | undefined;

/** A message with changes not yet written to its bytes. */
class Draft implements SqlScope {
  isFailed = false;
  readonly changes = new Map<string, Change>();
  readonly system = new Map<number, string | null>();
  readonly #message: SqlScope;

  constructor(message: SqlScope) {
    this.#message = message;
  }

  user(name: string): SqlValue | undefined {
    return this.changes.has(name) ? this.changes.get(name)?.value : this.#message.user(name);
  }

  sys(position: number): SqlValue {
    return this.system.get(position) ?? (this.system.has(position) ? null : this.#message.sys(position));
  }

  setUser(name: string, written: string, value: SqlValue): void {
    // The one conversion C# makes by itself between kinds a property can have: a whole number into a double.
    const converts = typeof value === 'bigint' && typeof this.user(name) === 'number';
    const firstWritten = this.changes.get(name)?.written ?? written;
    this.changes.set(name, { written: firstWritten, value: converts ? Number(value) : value });
  }

  removeUser(name: string): void {
    this.changes.set(name, undefined);
  }

  /** System properties are texts; an identifier becomes one, nothing else does, and a MessageId must be one. */
  setSystem(position: number, value: SqlValue): void {
    const text = value instanceof Guid ? value.text : value;
    const isMissing = (text === null || text === '') && position === systemPositions.MessageId;
    if (isMissing || (text !== null && typeof text !== 'string')) this.isFailed = true;
    else this.system.set(position, text);
  }
}

function rewritten(bare: Buffer, { system, changes }: Draft): Buffer {
  const { properties, application, propertiesEnd, applicationEnd } = findSections(bare);
  const head = system.size === 0 ? bare.subarray(0, propertiesEnd) : systemSection(bare, properties, system);
  return Buffer.concat([head, userSection(bare, application, changes), bare.subarray(applicationEnd)]);
}

function systemSection(
  bare: Buffer,
  properties: number | undefined,
  system: ReadonlyMap<number, string | null>,
): Buffer {
  const items: Buffer[] = [];
  if (properties !== undefined) {
    const list = compoundAt(bare, properties);
    for (let at = list.first; at < list.end; ) {
      const next = afterValue(bare, at);
      items.push(bare.subarray(at, next));
      at = next;
    }
  }
  for (const [position, text] of system) {
    while (items.length <= position) items.push(nullItem);
    items[position] = text === null ? nullItem : encodeText(text);
  }
  return encodeSection(PROPERTIES, 0xd0, items.length, items);
}

/** Properties no statement names keep their bytes. A name that differs by case only is the same property. */
function userSection(
  bare: Buffer,
  application: number | undefined,
  changes: ReadonlyMap<string, Change>,
): Buffer {
  const items: Buffer[] = [];
  const written = new Set<string>();
  if (application !== undefined) {
    const map = compoundAt(bare, application);
    for (let at = map.first; at < map.end; ) {
      const value = afterValue(bare, at);
      const next = afterValue(bare, value);
      const key = primitiveAt(bare, at);
      const name = typeof key === 'string' ? key.toLowerCase() : '';
      const change = changes.get(name);
      if (typeof key !== 'string' || !changes.has(name))
        items.push(bare.subarray(at, value), bare.subarray(value, next));
      else if (change !== undefined && !written.has(name))
        items.push(bare.subarray(at, value), encodeSqlValue(change.value));
      written.add(name);
      at = next;
    }
  }
  for (const [name, change] of changes) {
    if (change !== undefined && !written.has(name))
      items.push(encodeText(change.written), encodeSqlValue(change.value));
  }
  return encodeSection(APPLICATION_PROPERTIES, 0xd1, items.length, items);
}
