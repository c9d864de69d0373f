import type { Book } from './books.ts';
import type { BusReader } from './bus-reader.ts';
import type { LineSender } from './line-sender.ts';
import type { StationLine, StationState } from './station-line.ts';

export type Running = {
  readonly books: Readonly<Record<'sent' | 'told' | 'got' | 'noted', Book>>;
  readonly reader: BusReader;
  readonly senders: readonly LineSender[];
  readonly stations: readonly StationLine[];
};

/**
 * What the witness prints twice a second: counts since it began. `got` counts the bus and every line; `expired`, `dead` and
 * `unconfirmed` count notices as they came, repeats too; `unasked` counts answers to a station that had sent nothing but confirmations.
 */
export type Status = {
  readonly state: 'sending' | 'stopped';
  readonly sent: number;
  readonly acked: number;
  readonly refused: number;
  readonly nak: number;
  readonly silent: number;
  readonly connects: number;
  readonly got: number;
  readonly expired: number;
  readonly dead: number;
  readonly unconfirmed: number;
  readonly stations: Readonly<
    Record<
      string,
      {
        readonly state: StationState;
        readonly got: number;
        readonly marked: number;
        readonly unasked: number;
      }
    >
  >;
};

export function statusOf(state: Status['state'], { reader, senders, stations }: Running): Status {
  const sum = <C>(counts: readonly C[], of: (one: C) => number): number =>
    counts.reduce((total, one) => total + of(one), 0);
  const sending = senders.map((sender) => sender.counts);
  const received = [...senders.map((sender) => sender.received), ...stations.map(({ counts }) => counts)];
  return {
    state,
    sent: sum(sending, (one) => one.sent),
    acked: sum(sending, (one) => one.acked),
    refused: sum(sending, (one) => one.refused),
    nak: sum(sending, (one) => one.nak),
    silent: sum(sending, (one) => one.silent),
    connects: sum(sending, (one) => one.connects),
    got: reader.got + sum(received, (one) => one.got),
    expired: sum(received, (one) => one.expired),
    dead: sum(received, (one) => one.dead),
    unconfirmed: sum(received, (one) => one.unconfirmed),
    stations: Object.fromEntries(
      stations.map((station) => [
        station.name,
        {
          state: station.state,
          got: station.counts.got,
          marked: station.counts.marked,
          unasked: station.unasked,
        },
      ]),
    ),
  };
}
