// Brings connections that come to this container to the board, which listens on its own loopback only. The port is published on the host's
// loopback (compose.yaml). Every container on the board's networks reaches it too, so nothing else belongs in them.
import { connect, createServer } from 'node:net';

const [from = 8471, to = 8470] = process.argv.slice(2, 4).map(Number);
const server = createServer((socket) => {
  const board = connect({ host: '127.0.0.1', port: to });
  for (const [one, other] of [
    [socket, board],
    [board, socket],
  ]) {
    one.pipe(other);
    one.on('error', () => other.destroy());
    one.on('close', () => other.destroy());
  }
});
server.maxConnections = 64;
server.listen(from, process.argv[4] ?? '0.0.0.0');
// A board that starts again has a new network, and this process stays behind in the old one, where nobody answers: it ends, and whoever
// supervises it starts it again in the new one.
setInterval(() => {
  const probe = connect({ host: '127.0.0.1', port: to });
  probe.on('connect', () => probe.destroy());
  probe.on('error', () => process.exit(1));
}, 2000);
process.on('SIGTERM', () => process.exit(0));
