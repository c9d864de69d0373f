import type { Refusal } from './settlement.ts';

/** A peer's link as its entity sees it. */
export type EntityLink = { detach(error: Refusal): void };

/** Links attached to one entity for one purpose, so that they can be told when it is gone or closed to them. */
export class Links {
  readonly #all = new Set<EntityLink>();

  get size(): number {
    return this.#all.size;
  }

  add(link: EntityLink): void {
    this.#all.add(link);
  }

  remove(link: EntityLink): void {
    this.#all.delete(link);
  }

  /** Detaches each of them. */
  detach(error: Refusal): void {
    for (const link of [...this.#all]) link.detach(error);
    this.#all.clear();
  }
}
