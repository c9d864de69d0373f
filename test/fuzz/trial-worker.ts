import { parentPort, workerData } from 'node:worker_threads';
import { problemOf, realRooms } from './judge.ts';
import { type Case, readStock } from './stock.ts';

/** Judges one case after another, as they are sent; answers with what is wrong, or an empty text. */
const port = parentPort;
if (port === null) throw new Error('runs as a worker');
const { parseModule } = workerData as { readonly parseModule: string };
const stock = readStock();
const rooms = parseModule === '' ? realRooms : ((await import(parseModule)) as typeof realRooms);
port.on('message', (one: Case) => {
  port.postMessage(problemOf({ ...one, wire: Buffer.from(one.wire) }, stock, rooms) ?? '');
});
port.postMessage('ready');
