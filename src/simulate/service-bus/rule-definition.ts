import type { CorrelationConfig } from './emulator-config.ts';
import { correlationFilter, type Filter, type Rule } from './rule.ts';
import { compileSqlAction, compileSqlFilter, refusalText, type SqlRefusal } from './sql-rule.ts';
import { systemPositions } from './sql-scope.ts';

/** A rule as it is written, whichever way it came: a file, `$management`, the administration API or the log. */
export type RuleDefinition = {
  readonly name: string;
  readonly filter:
    | { readonly kind: 'true' }
    | { readonly kind: 'sql'; readonly text: string }
    | { readonly kind: 'correlation'; readonly config: CorrelationConfig };
  /** A SQL action; undefined for none. */
  readonly action: string | undefined;
};

export type RuleMade =
  | { readonly ok: true; readonly rule: Rule }
  /** `why` is one line with the place of the mistake; nothing of the expression is in it. */
  | { readonly ok: false; readonly why: string };

const nameLengthMax = 50;

/** Why the name of a rule made at run time is not taken; undefined when it is. */
export function wrongRuleName(name: string): string | undefined {
  if (name.length === 0 || name.length > nameLengthMax)
    return `A rule's name has 1 to ${String(nameLengthMax)} characters.`;
  return /^[^/\\@?#*\p{C}]+$/u.test(name) && name.trim() === name
    ? undefined
    : "A rule's name has none of / \\ @ ? # * and no spaces around it.";
}

/** Compiles a definition. */
export function ruleOf({ name, filter, action: actionText }: RuleDefinition): RuleMade {
  const compiled = filterOf(filter);
  if ('why' in compiled) return wrong('filter', compiled);
  const action = actionText === undefined ? undefined : compileSqlAction(actionText);
  if (action?.ok === false) return wrong('action', action);
  return { ok: true, rule: { name, filter: compiled, action: action?.compiled } };
}

/** What `ruleOf` made the rule from. */
export function definitionOf({ name, filter, action }: Rule): RuleDefinition {
  const written = action?.text;
  if (filter.kind === 'true') return { name, filter, action: written };
  if (filter.kind === 'sql') return { name, filter: { kind: 'sql', text: filter.sql.text }, action: written };
  const system = Object.entries(systemPositions).map(
    ([key, position]) => [key, filter.system.get(position)] as const,
  );
  const config: CorrelationConfig = {
    ...Object.fromEntries(system.filter(([, wanted]) => wanted !== undefined)),
    ...(filter.application.size === 0 ? {} : { Properties: Object.fromEntries(filter.application) }),
  };
  return { name, filter: { kind: 'correlation', config }, action: written };
}

function filterOf(filter: RuleDefinition['filter']): Filter | SqlRefusal {
  if (filter.kind === 'true') return filter;
  if (filter.kind === 'correlation') return correlationFilter(filter.config);
  const result = compileSqlFilter(filter.text);
  return result.ok ? { kind: 'sql', sql: result.compiled } : result;
}

const wrong = (part: string, refusal: SqlRefusal): RuleMade => ({
  ok: false,
  why: `The SQL ${part} is wrong at ${refusalText(refusal)}.`,
});
