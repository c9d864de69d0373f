import type { Filter, Topology } from './topology.ts';

/** Destinations of point-to-point messages, and groups, states of broadcasts, that somebody's subscription gets. */
export type Reach = { readonly destinations: ReadonlySet<string>; readonly groups: ReadonlySet<string> };

const PRIORITIES = ['urgent', 'routine'] as const;
const GROUP = 'g_';

/** A code counts when messages of both priorities arrive; `all` and other subscriptions that name no code do not count. */
export function reachOf(topology: Topology): Reach {
  const [destinations, groups] = [new Map<string, Set<string>>(), new Map<string, Set<string>>()];
  for (const { subscriptions } of topology.topics) {
    for (const { filter } of subscriptions.flatMap(({ rules }) => rules)) {
      const found = codeOf(filter);
      if (found === undefined) continue;
      const reached = found.kind === 'group' ? groups : destinations;
      const priorities = reached.get(found.code) ?? new Set<string>();
      reached.set(found.code, priorities);
      for (const priority of found.priorities) priorities.add(priority);
    }
  }
  return { destinations: whole(destinations), groups: whole(groups) };
}

type Found = {
  readonly kind: 'group' | 'destination';
  readonly code: string;
  readonly priorities: readonly string[];
};

/** A filter with a condition that is none of ours says less than it looks: it reaches nothing for certain. */
function codeOf(filter: Filter): Found | undefined {
  if (filter.kind === 'everything') return undefined;
  const { priority, ...rest } = filter.properties;
  const [only, ...others] = Object.entries(rest);
  if (only === undefined || others.length > 0) return undefined;
  const [name, value] = only;
  const priorities = priority === undefined ? PRIORITIES : [String(priority)];
  if (name === 'destination') return { kind: 'destination', code: String(value), priorities };
  if (name.startsWith(GROUP) && value === true)
    return { kind: 'group', code: name.slice(GROUP.length), priorities };
  return undefined;
}

function whole(reached: ReadonlyMap<string, ReadonlySet<string>>): ReadonlySet<string> {
  const both = [...reached].filter(([, priorities]) => PRIORITIES.every((one) => priorities.has(one)));
  return new Set(both.map(([code]) => code));
}
