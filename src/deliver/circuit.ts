export type CircuitState = 'closed' | 'halfOpen' | 'open';

/**
 * Whether one topic takes messages. Counted failures in a row open it: nothing is sent until a wait is over. Then it is half open: one
 * message is tried, so that a topic that is still ill makes one possible duplicate and not a batch of them.
 */
export class Circuit {
  readonly #failuresMax: number;
  readonly #onChange: (state: CircuitState) => void;
  #state: CircuitState = 'closed';

  constructor(failuresMax: number, onChange: (state: CircuitState) => void) {
    this.#failuresMax = failuresMax;
    this.#onChange = onChange;
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** `failures`: tries that failed since something last passed. */
  failed(failures: number): void {
    // What was tried while half open says enough.
    if (this.#state === 'halfOpen' || failures >= this.#failuresMax) this.#turn('open');
  }

  /** The wait after a failure is over. */
  waited(): void {
    if (this.#state === 'open') this.#turn('halfOpen');
  }

  /** The topic answered. */
  passed(): void {
    this.#turn('closed');
  }

  #turn(state: CircuitState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#onChange(state);
  }
}
