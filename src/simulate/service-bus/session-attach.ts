import rhea, { type Sender } from 'rhea';
import type { Scope } from './faults/fault-plan.ts';
import type { Queue } from './queue.ts';
import { holdAttach, setAttach } from './rhea-inside.ts';
import type { Accepter, Session, SessionOwner } from './sessions.ts';
import { plainOf, propertiesOf, type Refusal } from './settlement.ts';
import { sessionIdLengthMax } from './wire-message.ts';

const FILTER = 'com.microsoft:session-filter';
const TIMEOUT = 'com.microsoft:timeout';
const LOCKED_UNTIL = 'com.microsoft:locked-until-utc';

/** How long a link waits for any free session when it does not say; the service's own default. */
const waitMs = 65_000;
/** Node's timers hold no more. */
const waitMsMax = 2 ** 31 - 1;
/** .NET ticks, of 100 ns, at the start of 1970. */
const epochTicks = 621_355_968_000_000_000n;

const cannotBeLocked: Refusal = {
  condition: 'com.microsoft:session-cannot-be-locked',
  description:
    'The requested session cannot be accepted. It may be locked by another receiver, or its id is too long.',
};
const timedOut: Refusal = {
  condition: 'com.microsoft:timeout',
  description: 'The operation did not complete within the allotted time: no session with messages was free.',
};
const tooManyWait: Refusal = {
  condition: 'com.microsoft:server-busy',
  description: 'Too many receivers wait for a session of the entity.',
};

/** What an attaching receiver wants: a session by its id, or with `undefined` any; undefined when it names no session. */
export function sessionWish(sender: Sender): { readonly id: string | undefined } | undefined {
  const filter = (sender.source as { readonly filter?: unknown } | undefined)?.filter;
  if (typeof filter !== 'object' || filter === null || !(FILTER in filter)) return undefined;
  const id = plainOf(filter[FILTER]);
  return { id: typeof id === 'string' ? id : undefined };
}

/** A receiver's link from its attach until it holds a session: the attach is answered only then. */
export class SessionAttach {
  readonly scope: Scope;
  readonly #sender: Sender;
  readonly #queue: Queue;
  readonly #answer: () => void;
  readonly #accepted: (session: Session) => void;
  readonly #owner: SessionOwner;
  #accepter: Accepter | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `accepted` makes the link a consumer of the session; `lost` ends that when the session's lock runs out. */
  constructor(sender: Sender, queue: Queue, accepted: (session: Session) => void, lost: () => void) {
    this.scope = { path: queue.path, direction: 'receive' };
    this.#sender = sender;
    this.#queue = queue;
    this.#answer = holdAttach(sender);
    this.#accepted = accepted;
    this.#owner = { name: sender.name, onSessionLost: lost };
  }

  /** Asks for the session; the answer may come at once. */
  begin(id: string | undefined): void {
    const { sessions } = this.#queue;
    if (sessions === undefined) return;
    if (id === undefined) {
      this.#wait();
      return;
    }
    const session = id.length > sessionIdLengthMax ? undefined : sessions.accept(id, this.#owner);
    if (session === undefined) this.#refuse(cannotBeLocked);
    else this.#accept(session);
  }

  /** The peer gave up or is gone. */
  end(): void {
    this.#stopWaiting();
    this.#answer();
  }

  /** The entity is deleted, or nobody may receive from it any more. */
  detach(error: Refusal): void {
    this.#stopWaiting();
    this.#refuse(error);
  }

  #wait(): void {
    const take = (session: Session): void => {
      this.#stopWaiting();
      this.#accept(session);
    };
    this.#accepter = { owner: this.#owner, take };
    this.#queue.links.add(this);
    this.#timer = setTimeout(() => {
      this.#stopWaiting();
      this.#refuse(timedOut);
    }, timeoutOf(this.#sender));
    if (this.#queue.sessions?.acceptNext(this.#accepter) !== false) return;
    this.#stopWaiting();
    this.#refuse(tooManyWait);
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    if (this.#accepter !== undefined) this.#queue.sessions?.stopWaiting(this.#accepter);
    this.#accepter = undefined;
    this.#queue.links.remove(this);
  }

  #accept(session: Session): void {
    const { address } = this.#sender.source;
    this.#sender.set_source({ address, filter: { [FILTER]: session.id } });
    setAttach(this.#sender, 'properties', { [LOCKED_UNTIL]: rhea.types.wrap_long(ticks(session.untilMs)) });
    this.#accepted(session);
    this.#answer();
  }

  /** The SDK looks for the error right behind the attach. */
  #refuse(error: Refusal): void {
    this.#sender.close(error);
    this.#answer();
  }
}

function timeoutOf(sender: Sender): number {
  const given = propertiesOf(sender.properties).get(TIMEOUT);
  return typeof given === 'number' && given >= 0 ? Math.min(given, waitMsMax) : waitMs;
}

function ticks(atMs: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(atMs) * 10_000n + epochTicks);
  return bytes;
}
