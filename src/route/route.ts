import { isBroadcast, destinationKindOf } from '../dialect/dialect.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { Directory } from '../directory/directory.ts';
import type { DeliveryPlan } from '../message/delivery.ts';
import type { ValidMessage } from '../message/message.ts';
import type { Outcome, Refusal } from '../message/refusal.ts';
import { expand } from './expand.ts';

/**
 * Turns what the sender wrote into deliveries, all or none: one unknown destination refuses the message, naming each.
 *
 * An ORI, or a state asked a question, is one point-to-point plan each, in the order written. Whatever reaches many
 * becomes ONE broadcast plan, last, whose groups are the codes written with regions and all-points expanded, without
 * repeats: a state named by itself and through its region gets one copy (domain sheet 3.5).
 */
export function route(
  message: ValidMessage,
  directory: Directory,
  dialect: Dialect,
): Outcome<readonly DeliveryPlan[]> {
  const key = dialect.keys.get(message.messageKey);
  const refusals: Refusal[] = [];
  /** Destination to the agency it belongs to; a map keeps the order written and drops repeats. */
  const single = new Map<string, string>();
  const groups = new Set<string>();
  for (const { text, offset } of message.destinations) {
    const kind = destinationKindOf(text, dialect);
    const reached = kind === undefined ? 'ROUTE_DESTINATION_UNKNOWN' : expand(text, kind, directory, dialect);
    if (typeof reached === 'string') {
      refusals.push({ code: reached, field: 'destination', offset, length: text.length });
      continue;
    }
    const isToMany = key !== undefined && kind !== undefined && isBroadcast(key, kind);
    for (const { code, owner } of reached) {
      if (isToMany) groups.add(code);
      else single.set(code, owner);
    }
  }
  const [first, ...rest] = refusals;
  if (first !== undefined) return { ok: false, refusals: [first, ...rest] };
  return { ok: true, value: plansOf(single, groups) };
}

function plansOf(single: ReadonlyMap<string, string>, groups: ReadonlySet<string>): readonly DeliveryPlan[] {
  const plans: DeliveryPlan[] = [];
  for (const [destination, owner] of single) {
    plans.push({ topic: 'point-to-point', destination, groups: [], recipients: [owner] });
  }
  const codes = [...groups];
  if (codes.length > 0) plans.push({ topic: 'broadcast', destination: '', groups: codes, recipients: codes });
  return plans;
}
