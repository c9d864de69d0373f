import type { Receiver, Sender } from 'rhea';
import { ConsumerLink } from './consumer-link.ts';
import { faultError } from './faults/fault-conditions.ts';
import type { FaultOrder } from './faults/fault-orders.ts';
import { covers } from './faults/fault-plan.ts';
import { PublisherLink } from './publisher-link.ts';
import { RequestLink } from './request-link.ts';
import { SessionAttach } from './session-attach.ts';
import type { Refusal } from './settlement.ts';

export type Link = PublisherLink | ConsumerLink | RequestLink | SessionAttach;

/** Links by what the peer does on them. */
export type LinkCounts = { publisher: number; consumer: number };

/** The links of one connection, each with what it is for. */
export class PeerLinks extends Map<Sender | Receiver, Link> {
  /** Whether there is any but those for tokens. */
  get isUsed(): boolean {
    return [...this.values()].some(({ scope }) => scope.path !== '$cbs');
  }

  addTo(counts: LinkCounts): void {
    for (const role of this.values()) {
      if (role instanceof PublisherLink) counts.publisher++;
      else if (role instanceof ConsumerLink) counts.consumer++;
    }
  }

  isMeant(order: FaultOrder): boolean {
    return order.entity === undefined || [...this.values()].some(({ scope }) => covers(order, scope));
  }

  /** Publishers and consumers that `why` has something against. */
  detachEach(why: (link: Sender | Receiver, role: Link) => Refusal | undefined): void {
    for (const [link, role] of this) {
      if (role instanceof RequestLink || role instanceof SessionAttach) continue;
      const error = why(link, role);
      if (error === undefined) continue;
      this.delete(link);
      role.detach(error);
    }
  }

  /** Publishers, consumers and who waits for a session; links of requests only where the order says so. */
  detach(order: FaultOrder, condition: string): number {
    let detached = 0;
    for (const [link, role] of this) {
      if (!covers(order, role.scope)) continue;
      if (role instanceof RequestLink && order.direction !== 'manage') continue;
      this.delete(link);
      role.detach(faultError(condition, role.scope.path));
      detached++;
    }
    return detached;
  }

  loseSessions(order: FaultOrder): number {
    let lost = 0;
    for (const role of this.values()) {
      if (!(role instanceof ConsumerLink) || role.sessionId === undefined) continue;
      if (!covers(order, role.scope) || (order.session ?? role.sessionId) !== role.sessionId) continue;
      role.loseSession();
      lost++;
    }
    return lost;
  }
}
