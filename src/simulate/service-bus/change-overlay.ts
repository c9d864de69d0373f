import type { EntityChange } from './bus-log.ts';

/**
 * What run-time changes made of the entities of the file: for each entity or rule the one change that leads from the
 * file to what is there now. The log's snapshot writes these; applied in order to a file's entities they give it back.
 */
export class ChangeOverlay {
  /** By path in lower case. */
  readonly #changes = new Map<string, EntityChange>();
  #base: ReadonlySet<string> = new Set();

  /** Paths of the file's entities and rules, in lower case. */
  startFrom(base: ReadonlySet<string>): void {
    this.#base = base;
  }

  note(change: EntityChange): void {
    const key = change.path.toLowerCase();
    const known = this.#changes.get(key);
    if (change.kind === 'changed') {
      this.#changes.set(key, known?.kind === 'created' ? { ...change, kind: 'created' } : change);
      return;
    }
    if (change.kind === 'deleted') this.#forgetBelow(key);
    // Behind what was made before it: a rule comes after its subscription.
    this.#changes.delete(key);
    if (change.kind === 'created' || this.#base.has(key)) this.#changes.set(key, change);
  }

  [Symbol.iterator](): Iterator<EntityChange> {
    return this.#changes.values();
  }

  #forgetBelow(key: string): void {
    for (const below of ['/subscriptions/', '/rules/'])
      for (const path of this.#changes.keys()) if (path.startsWith(key + below)) this.#changes.delete(path);
  }
}
