import { connect, createServer, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

/** A way over TCP to a port of this machine that can lose what is on it. */
export type LossyWay = {
  readonly port: number;
  /** Connections of now stay open and nothing comes through any more, as behind a dead router. New ones pass. */
  loseNow(): void;
  /** Ends the connections of now without a word of AMQP. */
  dropNow(): void;
  open(): number;
  made(): number;
  close(): Promise<void>;
};

export const openLossyWay = async (toPort: number): Promise<LossyWay> => {
  const pairs = new Set<{ readonly near: Socket; readonly far: Socket }>();
  let made = 0;
  const server = createServer((near) => {
    const far = connect(toPort, '127.0.0.1');
    const pair = { near, far };
    pairs.add(pair);
    made += 1;
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.on('close', () => {
      pairs.delete(pair);
      far.destroy();
    });
    far.on('close', () => near.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const dropNow = (): void => {
    for (const { near } of pairs) near.destroy();
  };
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    loseNow: () => {
      for (const { near, far } of pairs) {
        near.unpipe();
        far.unpipe();
        // Still read, so that the end of a socket is seen.
        near.resume();
        far.resume();
      }
    },
    dropNow,
    open: () => pairs.size,
    made: () => made,
    close: async () => {
      dropNow();
      server.close();
      await turn();
    },
  };
};
