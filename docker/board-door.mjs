// Brings connections that come to this container to the board, which listens on its own loopback only. The port is published on the host's
// loopback (compose.yaml); whoever reaches this network reaches the board, so nothing else belongs in it.
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
process.on('SIGTERM', () => process.exit(0));
