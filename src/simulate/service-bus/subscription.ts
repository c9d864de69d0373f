import type { BusLog } from './bus-log.ts';
import { neverMs } from './duration.ts';
import type { SubscriptionSettings } from './entity-settings.ts';
import { EntityTimes } from './entity-times.ts';
import { Queue } from './queue.ts';
import { queueOptions } from './queue-options.ts';
import type { RoomLimits } from './room.ts';
import type { Rule } from './rule.ts';
import { RuleSet } from './rule-set.ts';
import { entityNotFound } from './settlement.ts';

/** A subscription of a topic: its queue, what may come into it, and its settings. */
export class Subscription {
  readonly name: string;
  readonly path: string;
  readonly queue: Queue;
  readonly rules: RuleSet;
  readonly times = new EntityTimes();
  #settings: SubscriptionSettings;

  /** `limits` are the topic's. */
  constructor(
    path: string,
    name: string,
    settings: SubscriptionSettings,
    rules: Iterable<Rule>,
    limits: RoomLimits,
    log: BusLog,
  ) {
    this.name = name;
    this.path = path;
    this.rules = new RuleSet(rules);
    this.#settings = settings;
    this.queue = new Queue(path, queueOptions(settings, limits), log);
  }

  get settings(): SubscriptionSettings {
    return this.#settings;
  }

  /** New settings or new limits at run time. */
  configure(settings: SubscriptionSettings, limits: RoomLimits): void {
    this.#settings = settings;
    this.queue.configure(queueOptions(settings, limits));
  }

  /** It is deleted: links are told so, what it held is forgotten. */
  drop(): void {
    this.queue.drop(entityNotFound(this.path));
  }

  /** Whether nobody received for as long as its settings allow. */
  isIdle(nowMs: number): boolean {
    if (this.queue.links.size > 0 || (this.queue.deadLetters?.links.size ?? 0) > 0) this.times.touch(nowMs);
    const { AutoDeleteOnIdle } = this.#settings;
    return AutoDeleteOnIdle < neverMs && nowMs - this.times.accessedAtMs >= AutoDeleteOnIdle;
  }
}
