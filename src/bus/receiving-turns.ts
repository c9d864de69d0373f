/**
 * Lets completions of one link go together and every other settlement alone, after those before it are through. rhea 3.0.5 sends two
 * settlements of one tick as one, with the outcome of the first, if they are neighbours (session.js, write_dispositions): an abandoned
 * message would be completed, so lost.
 */
export class SettleTurns {
  readonly #together = new Set<Promise<unknown>>();
  #alone: Promise<unknown> = Promise.resolve();

  together<T>(send: () => Promise<T>): Promise<T> {
    const sent = this.#alone.then(send);
    const over = sent.then(nothing, nothing).finally(() => this.#together.delete(over));
    this.#together.add(over);
    return sent;
  }

  alone<T>(send: () => Promise<T>): Promise<T> {
    const sent = Promise.all([this.#alone, ...this.#together]).then(send);
    this.#alone = sent.then(nothing, nothing);
    return sent;
  }
}

const nothing = (): void => undefined;
