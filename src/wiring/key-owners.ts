import type { Directory } from '../directory/directory.ts';

/** Everyone a body may be sealed to on the bus: agencies for point to point, groups and states for broadcasts. */
export const keyOwners = (directory: Directory): readonly string[] => [
  ...directory.agencies.keys(),
  ...directory.groups.keys(),
  ...directory.states.keys(),
];
