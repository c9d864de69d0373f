import { connect, createServer } from 'node:net';

const pingTimeoutMs = 1_000;

/** Whether a Redis on this loopback port answers PING with PONG; one that is still loading does not. */
export function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: pingTimeoutMs });
    const answer = (isUp: boolean) => {
      socket.destroy();
      resolve(isUp);
    };
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (bytes) => {
      answer(bytes.toString('latin1').startsWith('+PONG'));
    });
    socket.once('timeout', () => {
      answer(false);
    });
    socket.once('error', () => {
      answer(false);
    });
    socket.once('close', () => {
      answer(false);
    });
  });
}

/** A loopback port nobody listens on right now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}
