import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { Fault } from '../../message/codes.ts';

const pingTimeoutMs = 1_000;
const replyBytesMax = 64 * 1024;
/** Linux gives outgoing connections 32768 and up. */
const portMin = 20_000;
const portMax = 32_000;
const portTriesMax = 100;

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

/**
 * A loopback port nobody listens on right now. From below the range the kernel gives to outgoing connections: one of that range may be
 * taken by any connection before its server gets to it.
 */
export async function freePort(): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    const port = randomInt(portMin, portMax);
    if (await isFree(port)) return port;
    if (tries === portTriesMax) throw new Fault('CONFIG_INVALID', 'no free port found on loopback');
  }
}

/** Whether a server of ours could listen on this loopback port right now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
