import { connect, type Socket } from 'node:net';
import { deliveryKey, type RunClock } from './identity.ts';
import { gatewayOri } from './station-directory.ts';
import { Ear, type Head, type Heard, isNotice, readHead } from './station-frame.ts';
import type { StationMix } from './station-mix.ts';
import { type Agency, agencyPlace, copyPlace, statePlace, type StationProfile } from './station-profile.ts';
import type { StationTally } from './station-tally.ts';

const ACK_BYTE = Buffer.from([0x06]);
/** Messages of one station without an answer; an open loop that gets here is far past what the switch carries. */
const UNANSWERED_MAX = 65_536;

export type StationClientParts = {
  readonly agency: Agency;
  readonly port: number;
  readonly profile: StationProfile;
  readonly mix: StationMix;
  readonly clock: RunClock;
  readonly tally: StationTally;
};

type Asked = { readonly stampUs: number; readonly keys: readonly number[] };

/** One station on its line: sends, reads the answers, and confirms what it is sent, on the same connection. */
export class StationClient {
  readonly #parts: StationClientParts;
  readonly #socket: Socket;
  readonly #onHeard: () => void;
  readonly #ear = new Ear();
  /** By stamp, oldest first: an ACK is for the oldest, a text names its message. */
  readonly #asked = new Map<number, Asked>();
  /** Of a refused message the text follows its ACK. */
  #lastAcked: Asked | undefined;
  #lastStampUs = 0;

  private constructor(parts: StationClientParts, socket: Socket, onHeard: () => void) {
    this.#parts = parts;
    this.#socket = socket;
    this.#onHeard = onHeard;
    socket.on('data', (chunk: Buffer) => {
      this.#hear(chunk);
    });
  }

  static open(parts: StationClientParts, onHeard: () => void, onClosed: () => void): Promise<StationClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: parts.port, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.once('close', onClosed);
        resolve(new StationClient(parts, socket, onHeard));
      });
    });
  }

  get unanswered(): number {
    return this.#asked.size;
  }

  /** Message `sequence` of the mix, meant to leave at this time, which may have passed already: its latency counts from then. */
  send(sequence: number, intendedUs: number): void {
    if (this.#asked.size >= UNANSWERED_MAX)
      throw new Error('the generator is far ahead: choose a lower rate');
    const { mix, agency } = this.#parts;
    // A stamp is an identity too: two messages of a station never share one.
    const stampUs = Math.max(Math.floor(intendedUs), this.#lastStampUs + 1);
    this.#lastStampUs = stampUs;
    const { frame, keys } = mix.write(sequence, agency.at, stampUs);
    this.#asked.set(stampUs, { stampUs, keys });
    this.#socket.write(frame);
  }

  end(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  #hear(chunk: Buffer): void {
    const nowUs = this.#parts.clock.nowUs();
    const confirmations: Buffer[] = [];
    for (const heard of this.#ear.hear(chunk)) {
      const confirmation = this.#take(heard, nowUs);
      if (confirmation !== undefined) confirmations.push(confirmation);
    }
    if (confirmations.length > 0) this.#socket.write(Buffer.concat(confirmations));
    this.#onHeard();
  }

  /** What to send back for it, if anything. */
  #take(heard: Heard, nowUs: number): Buffer | undefined {
    if (heard === 'ack') {
      const [oldest] = this.#asked.values();
      if (oldest === undefined) throw new Error('an ACK for nothing');
      this.#accepted(oldest, nowUs);
      this.#lastAcked = oldest;
      return undefined;
    }
    const head = readHead(heard.text);
    const isOwn = head.ori === gatewayOri;
    if (isOwn && !isNotice(heard.text) && this.#isAnswer(head, nowUs)) return undefined;
    if (isOwn) this.#parts.tally.notices += 1;
    else this.#delivered(head, nowUs);
    return this.#confirmation(head);
  }

  #isAnswer({ key, identity }: Head, nowUs: number): boolean {
    const { agency } = this.#parts;
    const { stampUs = -1 } = identity?.line === agency.at ? identity : {};
    const asked = this.#asked.get(stampUs);
    if (agency.confirm === 'application' && asked !== undefined) {
      this.#accepted(asked, nowUs);
      if (key === 'ER') this.#refused(asked, nowUs);
      return true;
    }
    if (key !== 'ER' || this.#lastAcked?.stampUs !== stampUs) return false;
    this.#refused(this.#lastAcked, nowUs);
    this.#lastAcked = undefined;
    return true;
  }

  #accepted({ stampUs, keys }: Asked, nowUs: number): void {
    const { tally } = this.#parts;
    this.#asked.delete(stampUs);
    if (tally.isInTime(stampUs)) tally.acks.record(nowUs - stampUs);
    for (const key of keys) tally.expected.push(key);
    tally.accepted += 1;
    if (tally.isInTime(nowUs)) tally.acceptedInTime += 1;
    // Taken back when its text says otherwise.
    if (keys.length === 0) tally.surprises += 1;
  }

  #refused({ keys }: Asked, nowUs: number): void {
    const { tally } = this.#parts;
    for (const key of keys) tally.withdrawn.push(key);
    tally.accepted -= 1;
    tally.refused += 1;
    tally.surprises += keys.length === 0 ? -1 : 1;
    if (!tally.isInTime(nowUs)) return;
    tally.acceptedInTime -= 1;
    tally.refusedInTime += 1;
  }

  #delivered({ identity, destination, isMarked }: Head, nowUs: number): void {
    const { tally, profile } = this.#parts;
    const place = this.#placeOf(destination);
    if (tally.isInTime(nowUs)) tally.deliveredInTime += 1;
    if (identity === undefined || place === undefined) {
      tally.unreadable += 1;
      return;
    }
    (isMarked ? tally.marked : tally.plain).push(deliveryKey(identity, place, profile.space));
    if (tally.isInTime(identity.stampUs)) tally.endToEnd.record(nowUs - identity.stampUs);
  }

  /** Which delivery it is by what it says and where it came; undefined when it should not have come here. */
  #placeOf(destination: string): number | undefined {
    const { agency, profile } = this.#parts;
    if (destination === agency.ori) return agencyPlace(agency.at);
    const state = profile.states.findIndex(({ code }) => code === destination);
    if (state >= 0)
      return profile.states[state]?.system === agency.at ? statePlace(profile, state) : undefined;
    const isMember = destination
      .split('.')
      .every((code) =>
        profile.groups.some((group) => group.code === code && group.members.includes(agency.at)),
      );
    return isMember ? copyPlace(profile, agency.at) : undefined;
  }

  #confirmation({ sentCount }: Head): Buffer {
    const { confirm, ori } = this.#parts.agency;
    if (confirm === 'link') return ACK_BYTE;
    return Buffer.from(`\x02ACK.${ori}.${gatewayOri}.TXT${sentCount}\x03`, 'latin1');
  }
}
