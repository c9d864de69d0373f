import type { Rule } from './rule.ts';

/** The rules of one subscription, found by name without case, in the order they were added. */
export class RuleSet {
  readonly #all = new Map<string, Rule>();
  #correlations = 0;
  #sqls = 0;

  constructor(rules: Iterable<Rule>) {
    for (const rule of rules) this.set(rule);
  }

  get size(): number {
    return this.#all.size;
  }

  get correlations(): number {
    return this.#correlations;
  }

  get sqls(): number {
    return this.#sqls;
  }

  values(): Iterable<Rule> {
    return this.#all.values();
  }

  get(name: string): Rule | undefined {
    return this.#all.get(name.toLowerCase());
  }

  /** Adds it, or puts it in the place of the one of its name. */
  set(rule: Rule): void {
    this.#count(this.get(rule.name), -1);
    this.#count(rule, 1);
    this.#all.set(rule.name.toLowerCase(), rule);
  }

  delete(name: string): boolean {
    this.#count(this.get(name), -1);
    return this.#all.delete(name.toLowerCase());
  }

  #count(rule: Rule | undefined, by: 1 | -1): void {
    if (rule?.filter.kind === 'sql') this.#sqls += by;
    else if (rule?.filter.kind === 'correlation') this.#correlations += by;
  }
}
