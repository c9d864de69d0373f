/** What one entity may hold, its dead letters included. */
export type RoomLimits = { readonly messagesMax: number; readonly bytesMax: number };

/** How much an entity holds, against its limits; shared by a queue and its dead-letter sub-queue. */
export class Room {
  readonly #limits: RoomLimits;
  #messages = 0;
  #bytes = 0;

  constructor(limits: RoomLimits) {
    this.#limits = limits;
  }

  /** Takes room for one message; false when there is none. */
  take(bytes: number): boolean {
    if (this.#messages >= this.#limits.messagesMax || this.#bytes + bytes > this.#limits.bytesMax)
      return false;
    this.force(bytes);
    return true;
  }

  /** Counts a message that is there already, such as one read back from the log. */
  force(bytes: number): void {
    this.#messages++;
    this.#bytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#messages--;
    this.#bytes -= bytes;
  }

  /** Takes or gives back bytes of something already counted or that is no message; false when there is no room. */
  resize(bytes: number): boolean {
    if (bytes > 0 && this.#bytes + bytes > this.#limits.bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }
}
