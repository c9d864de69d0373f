import { connect } from 'node:net';
import { DoubleReader, doublesOf } from './doubles.ts';

export type Backlog = {
  /** What may be counted off the deliveries this generator waits for. With one generator: what was drained. */
  covered: number;
  onReport: () => void;
  /** Tells how many deliveries this generator may rely on, and how many its own stations got. */
  tell(expected: number, received: number): void;
};

/** The drainer tells every few ms, while it changes. */
export const followDrainer = (port: number): Promise<Backlog> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const backlog: Backlog = {
      covered: 0,
      onReport: () => undefined,
      tell: (expected, received) => {
        socket.write(doublesOf(expected, received));
      },
    };
    const doubles = new DoubleReader(1);
    socket.once('error', reject);
    socket.once('connect', () => {
      resolve(backlog);
    });
    socket.on('data', (chunk: Buffer) => {
      const [covered] = doubles.last(chunk) ?? [];
      if (covered === undefined) return;
      backlog.covered = covered;
      backlog.onReport();
    });
    socket.unref();
  });
