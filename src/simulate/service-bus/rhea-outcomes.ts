import type { Session } from 'rhea';

/**
 * rhea 3.0.5 writes the first two dispositions of a turn as one range without comparing their outcomes
 * (`write_dispositions` in lib/session.js): a refusal behind an acceptance reached the peer as accepted, and the
 * message was lost. Here each run of equal outcomes is given to rhea alone.
 */
type Disposed = {
  settled: boolean;
  state?: { readonly descriptor?: { readonly value?: unknown } } | undefined;
  readonly remote_settled: boolean;
  readonly link: { readonly connection: { _register(): void } };
};
type Incoming = { updated: Disposed[]; process: (session: unknown) => void };
type Outgoing = {
  pending_dispositions: Disposed[];
  update: (delivery: Disposed, settled: boolean, state?: Disposed['state']) => void;
  process: () => void;
};
type Inside = { readonly incoming: Incoming; readonly outgoing: Outgoing };

const ACCEPTED = 0x24;

/** Makes a session tell each delivery its own outcome, in both directions. */
export function separateOutcomes(session: Session): void {
  const { incoming, outgoing } = session as unknown as Inside;
  separateIncoming(incoming);
  separateOutgoing(outgoing);
}

function separateIncoming(incoming: Incoming): void {
  const original = incoming.process;
  incoming.process = function (session) {
    const [first = [], ...others] = runsOf(this.updated);
    this.updated = first;
    original.call(this, session);
    for (const run of others) {
      this.updated = run;
      original.call(this, session);
    }
  };
}

/** Settlements arise inside rhea's own `process`, so ours are kept apart and handed to it once that is over. */
function separateOutgoing(outgoing: Outgoing): void {
  const original = outgoing.process;
  let waiting: Disposed[] = [];
  outgoing.update = (delivery, settled, state) => {
    delivery.settled = settled;
    if (state !== undefined) delivery.state = state;
    if (!delivery.remote_settled) waiting.push(delivery);
    delivery.link.connection._register();
  };
  outgoing.process = function () {
    original.call(this);
    const runs = runsOf(waiting);
    waiting = [];
    for (const run of runs) {
      this.pending_dispositions = run;
      original.call(this);
    }
  };
}

/** Neighbours that were accepted may share a frame; every other outcome travels alone. */
function runsOf(deliveries: readonly Disposed[]): Disposed[][] {
  const runs: Disposed[][] = [];
  let isOpen = false;
  for (const delivery of deliveries) {
    const isAccepted = delivery.state?.descriptor?.value === ACCEPTED;
    if (isAccepted && isOpen) runs.at(-1)?.push(delivery);
    else runs.push([delivery]);
    isOpen = isAccepted;
  }
  return runs;
}
