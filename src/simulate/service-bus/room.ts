import type { Memory } from './memory.ts';

/** What one entity may hold, its dead letters included; `memory` is what all of them hold together. */
export type RoomLimits = {
  readonly messagesMax: number;
  readonly bytesMax: number;
  readonly memory?: Memory;
};

/** How much an entity holds, against its limits; shared by a queue and its dead-letter sub-queue. */
export class Room {
  /** May change at run time; what is there already stays. */
  limits: RoomLimits;
  #messages = 0;
  #bytes = 0;

  constructor(limits: RoomLimits) {
    this.limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes room for one message; false when there is none. */
  take(bytes: number): boolean {
    if (this.#messages >= this.limits.messagesMax || this.#bytes + bytes > this.limits.bytesMax) return false;
    this.force(bytes);
    return true;
  }

  /** Counts a message that is there already, such as one read back from the log. */
  force(bytes: number): void {
    this.#messages++;
    this.forceResize(bytes);
  }

  giveBack(bytes: number): void {
    this.#messages--;
    this.forceResize(-bytes);
  }

  /** Takes or gives back bytes of something already counted or that is no message; false when there is no room. */
  resize(bytes: number): boolean {
    const { bytesMax, memory } = this.limits;
    if (bytes > 0 && (this.#bytes + bytes > bytesMax || memory?.hasRoom(bytes) === false)) return false;
    this.forceResize(bytes);
    return true;
  }

  /** `resize` of what is there already. */
  forceResize(bytes: number): void {
    this.#bytes += bytes;
    this.limits.memory?.add(bytes);
  }
}
