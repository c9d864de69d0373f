/** How many of the next operations go wrong on purpose; set through the control door, for failure tests. */
export type InjectedFaults = {
  /** Sends answered with `com.microsoft:server-busy`. */
  busy: number;
  /** Sends never answered, and lost. */
  silent: number;
  /** Tokens refused. */
  authFail: number;
};

export const noFaults = (): InjectedFaults => ({ busy: 0, silent: 0, authFail: 0 });

/** True when this operation is one that should go wrong, and counts it. */
export function isStruck(faults: InjectedFaults, kind: keyof InjectedFaults): boolean {
  if (faults[kind] <= 0) return false;
  faults[kind]--;
  return true;
}
