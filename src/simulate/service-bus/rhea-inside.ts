import rhea, { type Connection, type Delivery, type Receiver, type Sender, type Session } from 'rhea';
import { HalfReceived } from './half-received.ts';
import { Memory } from './memory.ts';

/**
 * The few places where the stand-in reaches behind rhea's public door, named and typed in one file. Pinned to
 * rhea 3.0: when it is raised, the contract suite says whether these still hold.
 */
type Transfer = {
  payload?: Buffer;
  readonly performative: { message_format?: number; readonly more?: boolean };
};
type Disposition = { readonly performative: { readonly first: number; readonly last?: number } };
type Flow = { readonly performative: { readonly handle?: number | null } };
type InsideSession = {
  readonly incoming: { on_transfer: (frame: Transfer, receiver: InsideReceiver) => void };
  readonly outgoing: {
    readonly next_delivery_id: number;
    readonly next_pending_delivery: number;
    available(): number;
    transfer_window(): number;
  };
  on_disposition: (frame: Disposition) => void;
  on_flow: (frame: Flow) => void;
};
type InsideReceiver = { _incomplete?: { format: number; readonly frames: Buffer[] } };
type InsideLink = {
  readonly local: { readonly attach: Record<string, unknown> };
  readonly credit: number;
};
type InsideSender = {
  credit: number;
  delivery_count: number;
  _draining: boolean;
  _drained: boolean;
  _get_drain: () => boolean;
};

/** Transfer format given to plain messages so that rhea leaves them as bytes; decoding costs 20 µs each. */
export const RAW_FORMAT = 0x7fffffff;
/** Format of a transfer that passed the size limit; its bytes were dropped as they came. */
export const OVERSIZED_FORMAT = 0x7ffffffe;

/** What rhea emits as `message` on a session made raw. */
export type RawTransfer = {
  readonly receiver: Receiver;
  readonly delivery: Delivery;
  readonly message: Buffer;
  readonly format: number;
};

/**
 * Hands every transfer of a session on as bytes, and keeps one of many frames from growing past `bytesMax`. What is
 * there of transfers that are not complete is counted in `halves`, where the reader has it.
 */
export function makeRaw(session: Session, bytesMax: number, halves?: HalfReceived): void {
  const { incoming } = session as unknown as InsideSession;
  const original = incoming.on_transfer;
  const counting = halves ?? new HalfReceived(new Memory(Infinity), Infinity);
  incoming.on_transfer = function (frame, receiver) {
    frame.performative.message_format ||= RAW_FORMAT;
    const link = receiver as unknown as Receiver;
    const part = receiver._incomplete;
    const isMore = frame.performative.more === true;
    if (part !== undefined || isMore) {
      const bytes = counting.add(link, frame.payload?.length ?? 0);
      if (bytes > bytesMax) {
        frame.payload = Buffer.alloc(0);
        if (part !== undefined) {
          part.format = OVERSIZED_FORMAT;
          part.frames.length = 0;
        }
        counting.empty(link);
      }
      if (!isMore) counting.end(link);
    }
    original.call(this, frame, receiver);
  };
}

/** A disposition names a range of deliveries, which rhea walks whole: one wider than any window is an attack. */
export function limitDispositions(session: Session, deliveriesMax: number): void {
  const inside = session as unknown as InsideSession;
  const original = inside.on_disposition;
  inside.on_disposition = function (frame) {
    const { first, last = first } = frame.performative;
    if (last - first > deliveriesMax)
      throw new RangeError('disposition range is wider than the session window');
    original.call(this, frame);
  };
}

/** The service answers every drain; rhea stays silent when no credit is left, and the SDK then waits and closes. */
export function answerEveryDrain(sender: Sender): void {
  const inside = sender as unknown as InsideSender;
  inside._get_drain = () => {
    if (!inside._draining || !inside._drained) return false;
    inside.delivery_count += inside.credit;
    inside.credit = 0;
    inside._draining = false;
    return true;
  };
}

/** Runs after a flow that widens the session's window and names no link; rhea has no event for it. */
export function afterWindowFlow(session: Session, then: () => void): void {
  const inside = session as unknown as InsideSession;
  const original = inside.on_flow;
  inside.on_flow = function (frame) {
    original.call(this, frame);
    if (typeof frame.performative.handle !== 'number') then();
  };
}

/**
 * Transfers a sending link may make now: its credit and the session's window, less what rhea has not written yet,
 * and free delivery slots. Handing out more would delete what only waits in rhea for the peer's window.
 */
export function transfersLeft(sender: Sender): number {
  const { outgoing } = sender.session as unknown as InsideSession;
  const unwritten = outgoing.next_delivery_id - outgoing.next_pending_delivery;
  const window = outgoing.transfer_window();
  return Math.min(
    creditOf(sender) - unwritten,
    Number.isNaN(window) ? 0 : window - unwritten,
    outgoing.available(),
  );
}

/**
 * Keeps our answer to an attach back until the returned function is called. What the peer sends on the link meanwhile
 * is still handled: it may give up waiting.
 */
export function holdAttach(sender: Sender): () => void {
  const inside = sender as unknown as { _process?: () => void };
  inside._process = () => undefined;
  return () => {
    delete inside._process;
    (sender.connection as unknown as { _register(): void })._register();
  };
}

/** Transfers a link has seen so far. */
export function transferred(link: Sender | Receiver): number {
  return (link as unknown as { readonly delivery_count: number }).delivery_count;
}

/** Our answer to the peer's attach is not written yet; nothing may go out on the link before it. */
export function isAttachUnsent(link: Sender): boolean {
  return (link as unknown as { readonly state: { readonly open_requests: number } }).state.open_requests > 0;
}

type Attach = { readonly performative: { name: string; readonly role: boolean } };
type InsideNames = {
  readonly links: Readonly<Record<string, Sender | Receiver | undefined>>;
  on_attach: (frame: Attach) => void;
};

/**
 * A session may have two links of one name, one each way (AMQP part 2, 2.6.1); rhea finds links by name alone and ends
 * the connection. Here the second is kept under another name and answered under its own.
 */
export function allowNameEachWay(session: Session): void {
  const inside = session as unknown as InsideNames;
  const original = inside.on_attach;
  inside.on_attach = function (frame) {
    const { name, role } = frame.performative;
    // The peer's role: true when it receives, so that ours is the sender.
    const isTaken = this.links[name]?.is_receiver() === role;
    const known = isTaken ? `${name}\0` : name;
    frame.performative.name = known;
    original.call(this, frame);
    const link = this.links[known];
    if (isTaken && link !== undefined) setAttach(link, 'name', name);
  };
}

type InsideConnection = {
  readonly local_channel_map: Readonly<Record<string, { readonly links: Readonly<Record<string, unknown>> }>>;
};

/** Sessions of a connection and links on them, until both sides have ended them. */
export function openedOn(connection: Connection): number {
  const { local_channel_map: sessions } = connection as unknown as InsideConnection;
  return Object.values(sessions).reduce((opened, { links }) => opened + 1 + Object.keys(links).length, 0);
}

export function creditOf(link: Sender | Receiver): number {
  return (link as unknown as InsideLink).credit;
}

/** Sets a field of the attach frame we answer with. */
export function setAttach(link: Sender | Receiver, field: string, value: unknown): void {
  (link as unknown as InsideLink).local.attach[field] = value;
}

/** Settles a delivery the peer sent us without telling it: its slot is free, the peer keeps waiting. */
export function forget(delivery: Delivery): void {
  (delivery as { settled: boolean }).settled = true;
}

/** Frees the slot of a delivery of ours without a word: the peer goes on waiting for an answer to its settlement. */
export function forgetBoth(delivery: Delivery): void {
  (delivery as { settled: boolean }).settled = true;
  (delivery as { remote_settled: boolean }).remote_settled = true;
}

/** Settles a delivery of ours on both sides; rhea would wait for a second disposition the SDK never sends. */
export function settleBoth(delivery: Delivery, outcome: { described(): unknown }): void {
  delivery.update(true, outcome.described());
  (delivery as { remote_settled: boolean }).remote_settled = true;
}

type Outcomes = {
  accepted(): { described(): unknown };
  rejected(fields: { error: { condition: string; description: string } }): { described(): unknown };
};
/** Delivery outcomes; present in rhea, absent from its typings. */
export const outcomes = rhea.message as unknown as Outcomes;

/** Size of the frame rhea is still waiting for, or undefined between frames. */
export function awaitedFrameBytes(connection: Connection): number | undefined {
  return (connection as unknown as { readonly frame_size?: number }).frame_size;
}

export function acceptSocket(connection: Connection, socket: unknown): void {
  (connection as unknown as { accept(socket: unknown): void }).accept(socket);
}

/** Ends rhea's timers of a connection whose socket is gone; it does so by itself only on a clean end. */
export function forgetConnection(connection: Connection): void {
  (connection as unknown as { eof(): void }).eof();
}

export function stopReconnecting(connection: Connection): void {
  (connection as unknown as { set_reconnect(reconnect: boolean): void }).set_reconnect(false);
}
