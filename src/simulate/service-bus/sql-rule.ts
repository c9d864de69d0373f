import { applyStatements, type CompiledStatement, compileStatement } from './sql-change.ts';
import { compileCondition, type Condition } from './sql-compile.ts';
import { parseCondition, parseStatements } from './sql-parse.ts';
import type { SqlScope } from './sql-scope.ts';
import { SqlSyntax } from './sql-token.ts';

/** Why an expression was not taken; `at` counts characters from 1, and nothing of the expression is repeated. */
export type SqlRefusal = { readonly ok: false; readonly at: number; readonly why: string };
export type SqlCompiled<T> = { readonly ok: true; readonly compiled: T } | SqlRefusal;

/** The refusal in one line, for a fault or an answer. */
export const refusalText = ({ at, why }: SqlRefusal): string => `character ${String(at)}: ${why}`;

/** Reads and compiles a filter condition of at most 1,024 characters; never throws. */
export function compileSqlFilter(text: string): SqlCompiled<SqlFilter> {
  return refusing(() => new SqlFilter(text, compileCondition(parseCondition(text))));
}

/** Reads and compiles the SET and REMOVE statements of an action of at most 1,024 characters; never throws. */
export function compileSqlAction(text: string): SqlCompiled<SqlAction> {
  return refusing(() => new SqlAction(text, parseStatements(text).map(compileStatement)));
}

/** A condition over one message's properties. */
export class SqlFilter {
  readonly text: string;
  /** Messages that did not match because something could not be computed, such as a division by zero. */
  failures = 0;
  readonly #condition: Condition;

  constructor(text: string, condition: Condition) {
    this.text = text;
    this.#condition = condition;
  }

  /** False for unknown, and for an evaluation that fails, which is counted. */
  isMatched(scope: SqlScope): boolean {
    const truth = this.#condition(scope);
    if (!scope.isFailed) return truth === true;
    scope.isFailed = false;
    this.failures++;
    return false;
  }
}

/** Changes to the properties of one message. */
export class SqlAction {
  readonly text: string;
  /** Messages this rule gave no copy because a statement could not be carried out. */
  failures = 0;
  readonly #statements: readonly CompiledStatement[];

  constructor(text: string, statements: readonly CompiledStatement[]) {
    this.text = text;
    this.#statements = statements;
  }

  /** The changed message, `RuleName` added; undefined when a statement fails, which is counted. */
  changed(bare: Buffer, scope: SqlScope, ruleName: string): Buffer | undefined {
    const bytes = applyStatements(this.#statements, bare, scope, ruleName);
    if (bytes === undefined) this.failures++;
    return bytes;
  }
}

function refusing<T>(compile: () => T): SqlCompiled<T> {
  try {
    return { ok: true, compiled: compile() };
  } catch (error) {
    if (!(error instanceof SqlSyntax)) throw error;
    return { ok: false, at: error.at + 1, why: error.message };
  }
}
