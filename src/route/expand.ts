import type { DestinationKind, Dialect } from '../dialect/dialect.ts';
import type { Directory } from '../directory/directory.ts';
import type { RefusalCode } from '../message/codes.ts';

/**
 * A code that can be delivered to, and the agencies behind it: one of an ORI or a state, every member of a group. `station`: that one
 * and no other of the agency's.
 */
export type Reached = {
  readonly code: string;
  readonly agencies: readonly string[];
  readonly station?: string;
};

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
    case 'mnemonic': {
      const named = directory.mnemonics.get(text);
      if (named === undefined) return 'ROUTE_DESTINATION_UNKNOWN';
      return [{ code: text, agencies: [named.agency], station: named.station }];
    }
    case 'region':
      return statesOf(dialect.regions.get(text) ?? [], directory) ?? 'ROUTE_REGION_UNKNOWN';
    case 'group': {
      const group = directory.groups.get(text);
      return group === undefined ? 'ROUTE_GROUP_UNKNOWN' : [{ code: text, agencies: group.members }];
    }
    case 'all-points': {
      // A service of the network has two letters like a state, and is nobody's neighbour.
      const all = [...directory.states.values()].filter(({ isService }) => !isService);
      return (
        statesOf(
          all.map(({ code }) => code),
          directory,
        ) ?? 'ROUTE_DESTINATION_UNKNOWN'
      );
    }
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
