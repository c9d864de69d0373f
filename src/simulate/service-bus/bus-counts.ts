import type { Checked } from './access-policies.ts';

/** Orders of faults may name any condition. */
const namesMax = 100;

/** What the doors count as it happens; everything else is read off the entities when somebody asks. */
export class BusCounts {
  /** By AMQP condition: messages, links and connections that were refused or ended. */
  readonly refusals = new Map<string, number>();
  /** By `accepted` or the first word of the refusal, such as `ExpiredToken`. */
  readonly tokenChecks = new Map<string, number>();

  refused(condition: string): void {
    addOne(this.refusals, condition);
  }

  tokenChecked(checked: Checked): void {
    addOne(this.tokenChecks, checked.ok ? 'accepted' : (checked.description.split(':', 1)[0] ?? ''));
  }
}

function addOne(counts: Map<string, number>, name: string): void {
  if (counts.size >= namesMax && !counts.has(name)) return;
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
