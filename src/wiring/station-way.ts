import type { Dialect } from '../dialect/dialect.ts';
import { noticeFrame, stationFrame } from '../deliver/station-frame.ts';
import { fieldNameOf, hasNote, isNothing, isSameFace, notCarried } from '../face/face.ts';
import { Fault } from '../message/codes.ts';
import type { Delivery } from '../message/delivery.ts';
import type { Message } from '../message/message.ts';
import { parse } from '../parse/parse.ts';
import type { OwnedLane, OwnedLanes } from '../queue/queue.ts';
import type { Way } from './lane-drive.ts';
import type { LaneHand } from './lane-hand.ts';
import type { LaneRecord } from './lane-record.ts';
import type { LaneReport } from './lane-report.ts';
import type { Fate, Loading, Parcel } from './parcel.ts';
import { Pause } from './pause.ts';
import type { StationLink, Verdict } from './station-link.ts';

/** A delivery with its message read again by the dialect it came in, or the finished text of a notice. */
export type StationCargo =
  | {
      readonly kind: 'message';
      readonly delivery: Delivery;
      readonly message: Message;
      readonly from: Dialect;
    }
  | {
      readonly kind: 'notice';
      readonly delivery: Delivery;
      readonly text: Buffer;
      /** The dialect it is written in; undefined: none that is loaded. */
      readonly from: Dialect | undefined;
    };

type StationParcel = Parcel<StationCargo>;
type Written = { readonly parcel: StationParcel; readonly at: number };

/** On a line without confirmation: frames written and not yet taken for sent. */
const WINDOW_WITHOUT_CONFIRMATION = 512;
const UNSENT_BYTES_MAX = 256 * 1024;
const WITHOUT_LINK_MS = 1000;
/** As many as a refusal names. */
const NOT_CARRIED_NAMED_MAX = 16;

const DELIVERED: Fate = { outcome: 'delivered', code: '', busCode: '' };
const SENT: Fate = { outcome: 'sentUnconfirmed', code: '', busCode: '' };

/** Reads the frame again by its dialect. A body that no longer reads so is a dead letter. */
export const loadForStation =
  (dialects: ReadonlyMap<string, Dialect>): Loading<StationCargo> =>
  (delivery, body) => {
    const dialect = dialects.get(delivery.dialect);
    if (delivery.isNotice) return { kind: 'notice', delivery, text: body, from: dialect };
    if (dialect === undefined)
      throw new Fault('DELIVER_MESSAGE', 'a message of a dialect that is not loaded');
    const read = parse({ kind: 'frame', bytes: body }, dialect);
    if (!read.ok) throw new Fault('DELIVER_MESSAGE', 'a stored message does not read by its dialect');
    return { kind: 'message', delivery, message: read.value, from: dialect };
  };

/** To a station's line: one frame out at a time, confirmed as the line's `confirm` says (design 5.13). */
export class StationWay implements Way<StationCargo> {
  readonly #lanes: OwnedLanes<LaneRecord>;
  readonly #report: LaneReport;
  readonly #link: () => StationLink | undefined;
  readonly #pause = new Pause();
  /** Written on a line without confirmation, oldest first, with when. */
  #written: Written[] = [];
  readonly #naks = new WeakMap<StationParcel, number>();
  #isStopping = false;

  /** `link`: the session to use now, undefined while the station is away. */
  constructor(lanes: OwnedLanes<LaneRecord>, report: LaneReport, link: () => StationLink | undefined) {
    this.#lanes = lanes;
    this.#report = report;
    this.#link = link;
  }

  /** What is out may still be confirmed; nothing new leaves. */
  stop(): void {
    this.#isStopping = true;
    this.#pause.end();
  }

  added(): void {
    this.#pause.end();
  }

  async send(hand: LaneHand<StationCargo>, owned: OwnedLane): Promise<readonly StationParcel[]> {
    this.#isStopping = false;
    const link = this.#link();
    if (link === undefined) {
      await this.#pause.wait(WITHOUT_LINK_MS);
      return [];
    }
    if (!this.#lanes.mayAct(owned)) {
      await this.#lanes.keep(owned);
      // Meanwhile its session may have ended, or nobody be logged on in it any more.
      if (!link.isOpen) return [];
    }
    if (link.line.confirm === 'none') return this.#sendUnconfirmed(hand, link);
    const [parcel] = hand.front(1);
    return parcel === undefined ? [] : this.#sendOne(parcel, hand, link);
  }

  async #sendOne(
    parcel: StationParcel,
    hand: LaneHand<StationCargo>,
    link: StationLink,
  ): Promise<readonly StationParcel[]> {
    const sentCount = write(parcel, hand, link);
    // It has its fate, and whoever drives the lane takes it out.
    if (sentCount === undefined) return [];
    const verdict = await link.verdict(sentCount);
    const fate = this.#fate(parcel, verdict, link);
    if (fate !== undefined) {
      this.#report.flowing();
      parcel.fate = fate;
      return hand.removeThrough([parcel]);
    }
    parcel.tries += 1;
    // A frame that was NAKed was not taken; after silence nobody knows.
    if (verdict !== 'nak') parcel.isPossibleDuplicate = true;
    return [];
  }

  #fate(parcel: StationParcel, verdict: Verdict, link: StationLink): Fate | undefined {
    switch (verdict) {
      case 'accepted':
        return DELIVERED;
      case 'refused':
        return { outcome: 'dead', code: 'DELIVER_REJECTED', busCode: '' };
      case 'nak':
        if (this.#countNak(parcel) < link.line.outbound.naksMax) return undefined;
        return { outcome: 'dead', code: 'DELIVER_NAK', busCode: '' };
      case 'silent':
        this.#report.holding({ code: 'DELIVER_SILENT', busCode: '' }, 1);
        link.close('DELIVER_SILENT');
        return undefined;
      case 'gone':
        return undefined;
    }
  }

  /** By parcel: a more urgent one may have its turn between two tries. */
  #countNak(parcel: StationParcel): number {
    const count = (this.#naks.get(parcel) ?? 0) + 1;
    this.#naks.set(parcel, count);
    return count;
  }

  /**
   * Without confirmation a frame counts as sent, unconfirmed, when the session has lived on for `resendMs` after it was written. If it
   * ends before, what was written in that time is sent again, marked.
   */
  async #sendUnconfirmed(hand: LaneHand<StationCargo>, link: StationLink): Promise<readonly StationParcel[]> {
    link.whenGone(() => {
      for (const { parcel } of this.#written) {
        parcel.isPossibleDuplicate = true;
        parcel.isOut = false;
        parcel.tries += 1;
      }
      this.#written = [];
      this.#pause.end();
    });
    // What cannot be sent is to be settled now, unless something before it is out.
    if (this.#writeMore(hand, link) && this.#written.length === 0) return [];
    const ripe = await this.#ripened(link.line.outbound.resendMs);
    if (ripe.length === 0) return [];
    this.#written = this.#written.slice(ripe.length);
    this.#report.flowing();
    const parcels = ripe.map(({ parcel }) => parcel);
    for (const parcel of parcels) parcel.fate = SENT;
    return hand.removeThrough(parcels);
  }

  /** What was written long enough ago, or nothing after a wait. While stopping all of it is waited for: no later send would do it. */
  async #ripened(resendMs: number): Promise<readonly Written[]> {
    for (;;) {
      const now = performance.now();
      const ripe = this.#written.filter(({ at }) => now - at >= resendMs);
      const isAll = ripe.length === this.#written.length;
      if (ripe.length > 0 && (isAll || !this.#isStopping)) return ripe;
      const next = this.#isStopping ? this.#written.at(-1) : this.#written[0];
      await this.#pause.wait(next === undefined ? WITHOUT_LINK_MS : Math.max(1, resendMs - (now - next.at)));
      if (!this.#isStopping || this.#written.length === 0) return [];
    }
  }

  /** Answers whether something was found that cannot be sent. */
  #writeMore(hand: LaneHand<StationCargo>, link: StationLink): boolean {
    let hasDead = false;
    const out = new Set(this.#written.map(({ parcel }) => parcel));
    for (const parcel of hand.front(WINDOW_WITHOUT_CONFIRMATION)) {
      if (out.has(parcel) || link.unsentBytes > UNSENT_BYTES_MAX) continue;
      if (write(parcel, hand, link) === undefined) {
        hasDead = true;
        continue;
      }
      parcel.isOut = true;
      this.#written.push({ parcel, at: performance.now() });
    }
    return hasDead;
  }
}

/**
 * Writes a parcel and answers the count it bears: a notice is a finished text and bears that of what the switch itself originates (domain
 * sheet 11). Undefined when it cannot travel in the framing of the line, or be written for its station: then it has its fate, and no count
 * is missing.
 */
const write = (
  parcel: StationParcel,
  hand: LaneHand<StationCargo>,
  link: StationLink,
): number | undefined => {
  const isNotice = parcel.cargo?.kind === 'notice';
  const sentCount = isNotice ? 0 : link.nextSentCount;
  let frame: Buffer;
  try {
    parcel.notCarried = missing(parcel, link.dialect);
    frame = frameOf(parcel, link, sentCount);
  } catch (error) {
    // Whatever it is, it is the same however often it is tried, and no other lane may end for it.
    const code = error instanceof Fault ? error.code : 'DELIVER_MESSAGE';
    parcel.fate = { outcome: 'dead', code, busCode: 'NotSent' };
    return undefined;
  }
  hand.sending([parcel]);
  link.write(frame, !isNotice);
  return sentCount;
};

/** For the record, which must not hold more than names; undefined where the station gets all of it. */
const missing = ({ cargo }: StationParcel, dialect: Dialect): readonly string[] | undefined => {
  if (cargo?.kind !== 'message') return undefined;
  const dropped = notCarried(cargo.message, cargo.from, dialect);
  return dropped.length === 0
    ? undefined
    : [...new Set(dropped.map(fieldNameOf))].slice(0, NOT_CARRIED_NAMED_MAX);
};

const frameOf = (
  { cargo, isPossibleDuplicate }: StationParcel,
  { dialect, line: { whenNotCarried } }: StationLink,
  sentCount: number,
): Buffer => {
  if (cargo === undefined) throw new Fault('DELIVER_MESSAGE', 'a parcel without cargo cannot be sent');
  if (cargo.kind === 'notice')
    return (
      translated(cargo, isPossibleDuplicate, dialect) ?? noticeFrame(cargo.text, isPossibleDuplicate, dialect)
    );
  const { message, from, delivery } = cargo;
  const sentAt = new Date();
  const copy = { message, from, delivery, isPossibleDuplicate, sentAt, sentCount, whenNotCarried };
  return stationFrame(copy, dialect);
};

/**
 * A notice is a finished text in the form that its sender wrote in. Where the station is on a line by now that reads another, it is written
 * like a message; undefined: it is none that could be, and goes as it is.
 */
const translated = (
  { text, from, delivery }: StationCargo & { readonly kind: 'notice' },
  isPossibleDuplicate: boolean,
  dialect: Dialect,
): Buffer | undefined => {
  if (from === undefined || from.name === dialect.name || isSameFace(from, dialect)) return undefined;
  const read = parse({ kind: 'frame', bytes: text }, from);
  if (!read.ok || isNothing(notCarried(read.value, from, dialect)) || !hasNote(dialect)) return undefined;
  const sentAt = new Date();
  const whenNotCarried = 'deliver-with-note';
  const copy = {
    message: read.value,
    from,
    delivery,
    isPossibleDuplicate,
    sentAt,
    sentCount: 0,
    whenNotCarried,
  } as const;
  return stationFrame(copy, dialect);
};
