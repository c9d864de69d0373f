import { setTimeout as sleep } from 'node:timers/promises';
import type { LaneState, Picture } from '../../board/picture.ts';
import type { Child, Site } from '../../simulate/site/site.ts';
import type { FarSide } from './far-side.ts';
import { duration } from './look.ts';
import { type Part, parts, type PartWord } from './view.ts';

const FLOOD_MESSAGES = 300;
const AUDIENCE_MS_MAX = 5000;
/** What held is given so long to flow off. */
const FLOW_MS_MAX = 30_000;
/** A lane whose oldest message is younger flows: a line without confirmation keeps a second's worth. */
const FLOWING_MS = 2000;
const LOOK_MS = 20;

const killed: Readonly<Record<Part, string>> = {
  courier: 'courier killed: topics hold, stations go on',
  gateway: 'gateway killed: every line is cut',
  bus: 'bus killed: topics hold in order, nothing is refused',
  recorder: 'recorder killed: pages wait in Redis',
};

const back: Readonly<Record<Part, string>> = {
  courier: 'the topics empty',
  gateway: 'senders and stations connect again',
  bus: 'the topics empty',
  recorder: 'it writes what waited',
};

export type FaultsParts = {
  readonly site: Site;
  readonly farSide: FarSide;
  readonly picture: () => Picture;
  readonly say: (text: string) => void;
};

/**
 * What the keys of the tour do, each to real processes and sessions, and said in one line each. One thing at a time to a process: a key
 * that comes while one starts is passed over.
 */
export class Faults {
  readonly #site: Site;
  readonly #farSide: FarSide;
  readonly #picture: () => Picture;
  readonly #say: (text: string) => void;
  readonly #words: Record<Part, PartWord> = {
    courier: 'up',
    gateway: 'up',
    bus: 'up',
    recorder: 'up',
  };
  #isHurried = false;
  /** Both go on sessions of their own, of which a line has few. */
  #isFlooding = false;
  #isAnnouncing = false;
  /** Control field of the last officer-safety broadcast. */
  #bulletin: string | undefined;

  constructor({ site, farSide, picture, say }: FaultsParts) {
    this.#site = site;
    this.#farSide = farSide;
    this.#picture = picture;
    this.#say = say;
  }

  /** One that ended by itself is down, too. */
  get words(): Readonly<Record<Part, PartWord>> {
    for (const part of parts)
      if (this.#words[part] === 'up' && !this.#child(part).isRunning) this.#words[part] = 'DOWN';
    return { ...this.#words };
  }

  /** What is not as it should be, in words. */
  get off(): readonly string[] {
    const { station } = this.#farSide;
    return [
      ...parts.filter((part) => this.words[part] !== 'up'),
      ...(station.isPlugged ? [] : [station.line]),
    ];
  }

  /** Nothing is waited for any more that is only to be looked at. */
  hurry(): void {
    this.#isHurried = true;
  }

  /** Kills it when it is up, starts it when it is down. */
  async toggle(part: Part): Promise<void> {
    const word = this.words[part];
    if (word === 'up') await this.kill(part);
    else if (word === 'DOWN') {
      await this.putBack(part);
      await this.flowsAgain();
    }
  }

  /** SIGKILL: without a word to anybody. */
  async kill(part: Part): Promise<void> {
    const child = this.#child(part);
    const { pid } = child;
    this.#words[part] = 'DOWN';
    await child.kill9();
    this.#say(`${killed[part]}; ${part.charAt(0)} puts it back (was pid ${String(pid)})`);
  }

  /** Resolves when it does its work again. */
  async putBack(part: Part): Promise<void> {
    this.#words[part] = 'starting';
    const startedAt = performance.now();
    const child = this.#child(part);
    try {
      await child.start();
    } catch (error) {
      this.#words[part] = 'DOWN';
      throw error;
    }
    this.#words[part] = 'up';
    const after = duration(performance.now() - startedAt);
    this.#say(`${part} is back after ${after} (pid ${String(child.pid)}); ${back[part]}`);
  }

  /** Resolves when no lane holds anything old, and says so; or that it still does after half a minute. */
  async flowsAgain(): Promise<void> {
    const startedAt = performance.now();
    const { at } = this.#picture();
    const isFlowing = (): boolean => {
      const picture = this.#picture();
      // What still waits came since: a lane that nobody serves yet is not taken for one that flows.
      return heldLanes(picture, Math.min(FLOWING_MS, picture.at - at)).length === 0;
    };
    // What something else holds is not waited for.
    await this.#until(() => isFlowing() || this.off.length > 0, FLOW_MS_MAX);
    const { delivered, owed, repeats } = this.#farSide.books.account;
    this.#say(
      isFlowing()
        ? `all lanes flow after ${duration(performance.now() - startedAt)}: got ${String(delivered)} of ${String(owed)} copies, repeats ${String(repeats)}`
        : holding(this.#picture()),
    );
  }

  async unplug(): Promise<void> {
    const { station } = this.#farSide;
    await station.unplug();
    this.#say(`${station.line} unplugged: its lane holds, no other notices; u plugs it in`);
  }

  /** With an officer-safety broadcast waiting for it, says how many older messages that one went before. */
  async plug(): Promise<void> {
    const { station, books } = this.#farSide;
    const waited = this.#bulletin;
    const hasWaited = waited !== undefined && books.isAwaited(waited, station.ori);
    this.#say(`${station.line} plugged in again: it gets what waited, urgent first, in order`);
    station.plug();
    if (!hasWaited) return;
    await this.#until(() => !books.isAwaited(waited, station.ori), AUDIENCE_MS_MAX);
    if (books.isAwaited(waited, station.ori)) return;
    const overtaken = books.overtaken(waited, station.ori);
    this.#say(`${station.line} got the officer-safety broadcast before ${String(overtaken)} older messages`);
  }

  async flood(): Promise<void> {
    if (this.#isFlooding) return;
    this.#isFlooding = true;
    try {
      const startedAt = performance.now();
      const messages = await this.#farSide.flood(FLOOD_MESSAGES);
      const accepted = messages.filter(
        ({ control }) => this.#farSide.books.outcomeOf(control) === 'accepted',
      );
      const copies = accepted.reduce((sum, one) => sum + one.copies.length, 0);
      const after = duration(performance.now() - startedAt);
      this.#say(
        accepted.length === messages.length
          ? `flood: ${String(messages.length)} messages, ${String(copies)} copies, answered within ${after}`
          : `flood: of ${String(messages.length)} messages ${String(accepted.length)} were accepted, for ${String(copies)} copies`,
      );
    } finally {
      this.#isFlooding = false;
    }
  }

  /** Sends it and says who has it, as the receivers themselves saw it. */
  async officerSafety(): Promise<void> {
    if (this.#isAnnouncing) return;
    this.#isAnnouncing = true;
    try {
      await this.#announce();
    } finally {
      this.#isAnnouncing = false;
    }
  }

  async #announce(): Promise<void> {
    const { books, station } = this.#farSide;
    const { control, copies } = await this.#farSide.officerSafety();
    const outcome = books.outcomeOf(control);
    if (outcome !== 'accepted') {
      this.#say(
        `officer safety: ${outcome === 'refused' ? 'it was refused' : 'its line ended without an answer'}`,
      );
      return;
    }
    this.#bulletin = control;
    const reachable = copies.length - (station.isPlugged ? 0 : 1);
    await this.#until(() => books.audience(control).came >= reachable, AUDIENCE_MS_MAX);
    const { came, places, lastAfterMs } = books.audience(control);
    const missing = places === came ? '' : `, ${String(places - came)} without it`;
    this.#say(
      `officer safety, class 1: ${String(came)} of ${String(places)} have it after ${duration(lastAfterMs)}${missing}`,
    );
  }

  /** Everything as it should be, also what a key is just putting back. */
  async restore(): Promise<void> {
    for (const part of parts) {
      while (this.#words[part] === 'starting') await sleep(LOOK_MS);
      if (this.words[part] === 'DOWN') await this.putBack(part);
    }
    if (!this.#farSide.station.isPlugged) await this.plug();
  }

  async #until(isSo: () => boolean, msMax: number): Promise<void> {
    const deadline = performance.now() + msMax;
    while (!isSo() && !this.#isHurried && performance.now() < deadline) await sleep(LOOK_MS);
  }

  #child(part: Part): Child {
    return this.#site[part];
  }
}

/** Lanes that hold something old; not those of stations that were never there. */
const heldLanes = ({ lanes, stations }: Picture, oldMs = FLOWING_MS): readonly LaneState[] => {
  const absent = new Set(
    stations.filter(({ word }) => word === 'never').map(({ station }) => `station.${station}`),
  );
  return lanes.filter(
    ({ lane, waiting, oldestAgeMs }) => waiting > 0 && oldestAgeMs >= oldMs && !absent.has(lane),
  );
};

/** What waits where, at this moment. */
export const holding = (picture: Picture): string => {
  const held = heldLanes(picture);
  if (held.length === 0) {
    const waiting = picture.lanes.reduce((sum, lane) => sum + lane.waiting, 0);
    return waiting === 0 ? 'no lane holds anything' : `${String(waiting)} wait, none for as long as 2 s`;
  }
  const names = held.map(({ lane, waiting }) => `${lane.replace(/^station\./, '')} ${String(waiting)}`);
  const oldest = Math.max(...held.map(({ oldestAgeMs }) => oldestAgeMs));
  return `held: ${names.join(', ')}; the oldest for ${duration(oldest)}`;
};
