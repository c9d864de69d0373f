/** The demo's station on a line of its own, against a socket that plays the gateway. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Books } from '../src/cli/demo/books.ts';
import { DemoSender } from '../src/cli/demo/sender.ts';
import { DemoStation, readArrived } from '../src/cli/demo/station.ts';

const delivery = (control: string, mark = ''): string =>
  `AM.CA0990100\r\n13:04 01/02/2026 00001\r\n13:04 01/02/2026 00002 NV0990400\r\n*${control}\r\n${mark}TXT\r\nTEXT`;

const gateway = async (t: TestContext): Promise<{ port: number; sockets: Socket[] }> => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
};

const until = async (isSo: () => boolean): Promise<void> => {
  const deadline = performance.now() + 5000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error('never');
    await sleep(5);
  }
};

test('what a station gets is confirmed and booked, with its mark, and it comes back when it is cut off', async (t) => {
  const { port, sockets } = await gateway(t);
  const books = new Books();
  const station = new DemoStation({ line: 'one', port, ori: 'NV0990400', confirm: 'link' }, books);
  books.sending('A1', ['NV0990400'], 0);
  books.told('A1', 'accepted', 0);
  station.plug();
  await until(() => sockets.length === 1);
  sockets[0]?.write(`\x02${delivery('A1')}\x03`);
  const [said] = (await once(sockets[0] as Socket, 'data')) as [Buffer];
  assert.deepEqual([...said], [0x06]);
  sockets[0]?.destroy();
  await until(() => sockets.length === 2);
  sockets[1]?.write(`\x02${delivery('A1', 'POSSIBLE DUPLICATE\r\n')}\x03`);
  await until(() => books.account.repeats === 1);
  const { delivered, missing, unmarkedDuplicates } = books.account;
  assert.deepEqual([delivered, missing, unmarkedDuplicates], [1, 0, 0]);
  await station.unplug();
  assert.equal(station.isConnected, false);
});

test('a plug pulled while the station still connects is out', { timeout: 5000 }, async (t) => {
  const { port, sockets } = await gateway(t);
  const station = new DemoStation({ line: 'one', port, ori: 'NV0990400', confirm: 'none' }, new Books());
  station.plug();
  await station.unplug();
  assert.deepEqual([station.isPlugged, station.isConnected], [false, false]);
  station.plug();
  await until(() => station.isConnected);
  await station.unplug();
  await until(() => sockets.every(({ destroyed, readableEnded }) => destroyed || readableEnded));
});

test('on a line that sends only a notice of the gateway excuses a copy, anything else is a stranger', {
  timeout: 5000,
}, async (t) => {
  const { port, sockets } = await gateway(t);
  const books = new Books();
  for (const control of ['A1', 'A2']) {
    books.sending(control, ['NV0990400'], 0);
    books.told(control, 'accepted', 0);
  }
  const traffic = [].values();
  const sender = new DemoSender({ line: 'one', port, confirm: 'link', traffic, pauseMs: 10 }, books);
  t.after(() => sender.stop());
  sender.start();
  await until(() => sockets.length === 1);
  const notice = delivery('A1').replace('AM.CA0990100', 'ER.CAGWY0000').replace('TEXT', '.73. TEXT');
  sockets[0]?.write(`\x02${notice}\x03\x02${delivery('A2')}\x03`);
  await until(() => books.account.noted + books.account.strangers === 2);
  const { noted, strangers, missing } = books.account;
  assert.deepEqual([noted, strangers, missing], [1, 1, 1]);
});

test('only what names a control field in the output form is an arrival', () => {
  assert.deepEqual(readArrived(delivery('A1')), { from: 'CA0990100', control: 'A1', isMarked: false });
  assert.equal(readArrived(delivery('A1', 'POSSIBLE DUPLICATE\r\n'))?.isMarked, true);
  assert.equal(readArrived('AM.CA0990100\r\nTXT\r\n*A1'), undefined);
  assert.equal(readArrived(''), undefined);
});
