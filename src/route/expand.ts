import type { DestinationKind, Dialect } from '../dialect/dialect.ts';
import type { Directory } from '../directory/directory.ts';
import type { RefusalCode } from '../message/codes.ts';

/** A code that can be delivered to, and the agencies behind it: one of an ORI or a state, every member of a group. */
export type Reached = { readonly code: string; readonly agencies: readonly string[] };

/** What one written destination reaches, or the code of its refusal. */
export function expand(
  text: string,
  kind: DestinationKind,
  directory: Directory,
  dialect: Dialect,
): readonly Reached[] | RefusalCode {
  switch (kind) {
    case 'ori': {
      const agency = directory.oris.get(text);
      return agency === undefined ? 'ROUTE_DESTINATION_UNKNOWN' : [{ code: text, agencies: [agency] }];
    }
    case 'state': {
      const state = directory.states.get(text);
      return state === undefined ? 'ROUTE_DESTINATION_UNKNOWN' : [{ code: text, agencies: [state.system] }];
    }
    case 'region':
      return statesOf(dialect.regions.get(text) ?? [], directory) ?? 'ROUTE_REGION_UNKNOWN';
    case 'group': {
      const group = directory.groups.get(text);
      return group === undefined ? 'ROUTE_GROUP_UNKNOWN' : [{ code: text, agencies: group.members }];
    }
    case 'all-points':
      return statesOf([...directory.states.keys()], directory) ?? 'ROUTE_DESTINATION_UNKNOWN';
  }
}

/**
 * The directory says which states this switch can reach; a region's other members are not in it and get nothing from
 * here. A region none of whose members can be reached is unknown.
 */
function statesOf(codes: readonly string[], directory: Directory): readonly Reached[] | undefined {
  const reached: Reached[] = [];
  for (const code of codes) {
    const state = directory.states.get(code);
    if (state !== undefined) reached.push({ code, agencies: [state.system] });
  }
  return reached.length > 0 ? reached : undefined;
}
