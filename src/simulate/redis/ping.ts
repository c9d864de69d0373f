import { connect, createServer } from 'node:net';

const pingTimeoutMs = 1_000;
const replyBytesMax = 64 * 1024;

/** Whether a Redis on this loopback port answers PING with PONG; one that is still loading does not. */
export async function answersPing(port: number): Promise<boolean> {
  return (await ask(port, 'PING', '\r\n')).startsWith('+PONG');
}

/** The pid of the Redis on this loopback port; undefined when none tells. */
export async function redisPid(port: number): Promise<number | undefined> {
  const found = /^process_id:(\d+)\r$/m.exec(await ask(port, 'INFO server', '\r\n\r\n'));
  return found === null ? undefined : Number(found[1]);
}

/** One inline command and its reply, up to `end`; empty when there is none in a second. */
function ask(port: number, command: string, end: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: pingTimeoutMs });
    let reply = '';
    const done = () => {
      socket.destroy();
      resolve(reply);
    };
    socket.once('connect', () => socket.write(`${command}\r\n`));
    socket.on('data', (bytes) => {
      reply += bytes.toString('latin1');
      if (reply.endsWith(end) || reply.startsWith('-') || reply.length > replyBytesMax) done();
    });
    socket.once('timeout', done);
    socket.once('error', done);
    socket.once('close', done);
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
