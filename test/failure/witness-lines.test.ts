import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Book, bookNames, type Books, formatLine, readBooks } from '../../loadtest/witness/books.ts';
import { LineSender } from '../../loadtest/witness/line-sender.ts';
import { type LineSpec, MessageMaker } from '../../loadtest/witness/made-messages.ts';
import { gatewayOriDefault, readOutput } from '../../loadtest/witness/output-frame.ts';
import { StationLine, type StationOptions } from '../../loadtest/witness/station-line.ts';
import { GatewayLine, outputFrame } from './gateway-line.ts';

const root = mkdtempSync(join(tmpdir(), 'tenfour-lines-'));
after(() => {
  rmSync(root, { recursive: true });
});

const [ack, nak] = ['\x06', '\x15'];
const gatewayOri = gatewayOriDefault;
const er = (control: string, status: string, isMarked = false): string =>
  outputFrame({ key: 'ER', ori: gatewayOri, control, isMarked, body: `${status}\r\nORIGINAL MESSAGE\r\nX` });

/** A line's gateway side, empty books, and a peer at the far end; all closed when the test ends. */
async function opened(t: TestContext) {
  const gateway = await GatewayLine.open();
  const folder = mkdtempSync(join(root, 'books-'));
  const books = {
    sent: new Book(folder, bookNames.sent),
    told: new Book(folder, bookNames.told),
    got: new Book(folder, bookNames.got),
    noted: new Book(folder, bookNames.noted),
  };
  t.after(() => {
    gateway.close();
    for (const book of Object.values(books)) book.close();
  });
  const read = (): Books => {
    for (const book of Object.values(books)) book.flush();
    return readBooks(folder);
  };
  return { gateway, books, folder, read };
}

async function openedStation(t: TestContext, confirm: StationOptions['confirm'], ori = '') {
  const { gateway, books, folder, read } = await opened(t);
  const address = { host: '127.0.0.1', port: gateway.port };
  const station = new StationLine({ ...books, ...address, name: 'nv-patrol', confirm, ori, gatewayOri });
  t.after(() => station.unplug());
  station.plug();
  await gateway.connected(1);
  return { gateway, station, folder, read };
}

const arrived = ({ got }: Books): readonly string[] =>
  got.map(({ key, control, deliveryId, isMarked }) =>
    [key, control, deliveryId, isMarked ? 'marked' : 'unmarked'].join(' '),
  );

test('a station books what comes, byte by byte or at once, and on a link line sends one ACK for each once it is in the file', async (t) => {
  const { gateway, folder, read } = await openedStation(t, 'link');
  const first = outputFrame({ key: 'AM', control: 'W0000001', received: '00017' });
  const rest =
    outputFrame({ key: 'YQ', control: 'W0000002', received: '00018', isMarked: true }) +
    outputFrame({ key: 'AM', body: '*** OFFICER SAFETY ***\r\nTXT' });
  for (const byte of first) {
    gateway.say(byte);
    await sleep(0);
  }
  await gateway.heardAll(ack);
  assert.match(
    readFileSync(join(folder, bookNames.got), 'latin1'),
    /\n00017\.1 W0000001 AM station\.nv-patrol - - unmarked 0 \d+\n$/,
  );
  gateway.say(rest);
  await gateway.heardAll(ack.repeat(3));
  assert.equal(gateway.heard, ack.repeat(3));
  assert.deepEqual(arrived(read()), [
    'AM W0000001 00017 unmarked',
    'YQ W0000002 00018 marked',
    'AM - 00001 unmarked',
  ]);
});

test('an application line is confirmed by a frame that names the sent count, a line without confirmation by nothing', async (t) => {
  const application = await openedStation(t, 'application', 'OR0990500');
  application.gateway.say(outputFrame({ key: 'AM', control: 'W0000001', received: '00017', sent: '00042' }));
  const confirmation = '\x02ACK.OR0990500.CAGWY0000.TXT00042\x03';
  await application.gateway.heardAll(confirmation);
  assert.equal(application.gateway.heard, confirmation);

  const none = await openedStation(t, 'none');
  none.gateway.say(outputFrame({ key: 'AM', control: 'W0000001' }));
  await none.gateway.until(() => none.read().got.length === 1, 'booked');
  none.gateway.say(outputFrame({ key: 'AM', control: 'W0000002' }));
  none.gateway.end();
  await none.gateway.connected(2);
  assert.equal(none.gateway.heard, '');
  assert.deepEqual(
    none.read().got.map(({ control }) => control),
    ['W0000001', 'W0000002'],
  );
});

test('what is not of the output form is booked as nobody’s and not confirmed; answers nobody asked for are counted', async (t) => {
  const { gateway, station, read } = await openedStation(t, 'link');
  gateway.say(`\x02AM.CA0990100.NV0990400.TXT\r\nNOT AN OUTPUT HEADER\x03`);
  gateway.say(er('', '.22. FIELD INVALID') + ack + outputFrame({ key: 'AM', control: 'W0000001' }));
  await gateway.heardAll(ack);
  assert.equal(gateway.heard, ack);
  assert.deepEqual(arrived(read()), ['- - ? unmarked', 'AM W0000001 00001 unmarked']);
  assert.equal(station.unasked, 2);
});

test('a station comes back by itself, slower each time, and stays away while unplugged', {
  timeout: 20_000,
}, async (t) => {
  const { gateway, station } = await openedStation(t, 'link');
  const begun = performance.now();
  for (let session = 1; session < 5; session += 1) {
    gateway.end();
    await gateway.connected(session + 1);
  }
  assert.ok(performance.now() - begun > 100 + 200 + 400, 'the back-off doubles');
  assert.equal(station.state, 'connected');

  await station.unplug();
  assert.equal(station.state, 'unplugged');
  await sleep(300);
  assert.equal(gateway.sessions, 5);
  station.plug();
  await gateway.connected(6);
});

test('an unplugged station reads to the end of the session what it can no longer confirm', async (t) => {
  const { gateway, station, read } = await openedStation(t, 'link');
  gateway.isEndedWithPeer = false;
  const unplugged = station.unplug();
  await gateway.until(() => gateway.isPeerGone, 'it ended its half');
  gateway.say(outputFrame({ key: 'AM', control: 'W0000001' }));
  gateway.end();
  await unplugged;
  assert.equal(gateway.heard, '');
  assert.deepEqual(
    read().got.map(({ control }) => control),
    ['W0000001'],
  );
});

const lineOf = (port: number, confirm: LineSpec['confirm']): LineSpec => ({
  name: 'ca-dispatch',
  host: '127.0.0.1',
  port,
  ori: 'CA0990100',
  mayBroadcast: false,
  confirm,
});

async function openedSender(t: TestContext, confirm: LineSpec['confirm']) {
  const { gateway, books, read } = await opened(t);
  const line = lineOf(gateway.port, confirm);
  const frames: string[] = [];
  gateway.onFrame = (content) => frames.push(content);
  const maker = new MessageMaker({ line, tag: 'W', lineNumber: 0, mix: 'topics', stations: [] });
  const sender = new LineSender({ ...books, line, maker, gatewayOri, perSecond: 1_000, windowMax: 4 });
  t.after(() => {
    sender.close();
  });
  sender.start();
  await gateway.until(() => frames.length === 4, 'a window full of frames');
  return { gateway, sender, read, frames };
}

const toldOf = ({ told }: Books): readonly string[] =>
  told.map(({ control, outcome }) => `${control} ${outcome}`);

test('a sender tells answers, notices and deliveries on its line apart, and confirms all but answers', async (t) => {
  const { gateway, sender, read, frames } = await openedSender(t, 'link');
  const stopped = sender.stop();
  gateway.say(ack + outputFrame({ key: 'AM', ori: 'NV0990300', control: 'N1', received: '00003' }));
  gateway.say(ack + er('W0000001', '.22. FIELD LENGTH INVALID - LIC'));
  gateway.say(er('W0000000', '.73. NV0990400 NOT DELIVERED IN TIME') + nak);
  gateway.say(outputFrame({ key: 'ER', ori: 'NV0990300', body: '.73. NOT OUR GATEWAY' }) + ack);
  await stopped;
  // The line stays up for what is told later.
  gateway.say(er('W0000003', '.74. COULD NOT BE DELIVERED', true));
  gateway.say(er('W0000000', '.75. DELIVERY NOT CONFIRMED IN TIME\r\nDESTINATION NV0990400'));
  await gateway.until(() => read().noted.length === 3, 'the notices are booked');
  await gateway.until(() => gateway.heard.split(ack).length > 5, 'the last is confirmed');
  assert.equal(gateway.heard.replaceAll(/\x02[^\x03]*\x03/g, ''), ack.repeat(5));
  assert.equal(frames.length, 4);

  const books = read();
  assert.deepEqual(toldOf(books), [
    'W0000000 acked',
    'W0000001 acked',
    'W0000001 refused',
    'W0000002 nak',
    'W0000003 acked',
  ]);
  assert.deepEqual(arrived(books), ['AM N1 00003 unmarked', 'ER - 00001 unmarked']);
  assert.deepEqual(
    books.noted.map(({ control, kind, destination, line, isMarked }) =>
      [control, kind, destination, line, isMarked].join(' '),
    ),
    [
      'W0000000 expired NV0990400 ca-dispatch false',
      'W0000003 dead - ca-dispatch true',
      'W0000000 unconfirmed NV0990400 ca-dispatch false',
    ],
  );
  assert.deepEqual(sender.counts, { sent: 4, acked: 2, refused: 1, nak: 1, silent: 0, connects: 1 });
  assert.deepEqual(sender.received, { got: 2, marked: 0, expired: 1, dead: 1, unconfirmed: 1 });
});

test('a sender on an application line is answered and confirms by frames', async (t) => {
  const { gateway, sender, read } = await openedSender(t, 'application');
  const stopped = sender.stop();
  const accepted = (control: string): string =>
    outputFrame({ key: 'ACK', ori: gatewayOri, control, body: 'ACCEPTED g1-1' });
  gateway.say(accepted('W0000000') + outputFrame({ key: 'AM', ori: 'NV0990300', sent: '00007' }));
  gateway.say(er('W0000001', '.14. REQUIRED FIELD MISSING') + accepted('W0000002'));
  gateway.end();
  await stopped;
  assert.deepEqual(toldOf(read()), [
    'W0000000 acked',
    'W0000001 refused',
    'W0000002 acked',
    'W0000003 silent',
  ]);
  assert.ok(gateway.heard.endsWith('\x02ACK.CA0990100.CAGWY0000.TXT00007\x03'));
});

test('a notice is known by the gateway’s ORI and its status alone, not by what the original message says', () => {
  const read = (frame: string) => readOutput(frame.slice(1, -1), gatewayOri);
  const quoting = outputFrame({
    key: 'ER',
    ori: gatewayOri,
    control: 'W1',
    body: '.22. FIELD INVALID\r\nORIGINAL MESSAGE\r\n.73. NOT DELIVERED IN TIME',
  });
  assert.deepEqual(read(quoting), { kind: 'refused', control: 'W1' });
  for (const [said, of, destination] of [
    ['.74. COULD NOT BE DELIVERED TO NV0990400', 'dead', 'NV0990400'],
    ['.74. COULD NOT BE DELIVERED\r\nDESTINATION NV', 'dead', 'NV'],
    ['.74. COULD NOT BE DELIVERED - GBN03', 'dead', 'GBN03'],
    ['.74. COULD NOT BE DELIVERED', 'dead', '-'],
    ['.73. NOT DELIVERED IN TIME', 'expired', '-'],
    ['.75. DELIVERY NOT CONFIRMED IN TIME', 'unconfirmed', '-'],
  ] as const) {
    const notice = read(er('W1', said));
    assert.ok(notice.kind === 'notice');
    assert.deepEqual([notice.of, notice.destination], [of, destination]);
  }
});

test('the dialect’s own samples of output are read, and their mark', () => {
  const samples = join(import.meta.dirname, '../../protocols/nlets-legacy/samples/output');
  // The witness reads text between STX and ETX; some samples are of stations that read documents.
  const names = readdirSync(samples).filter(
    (name) => readFileSync(join(samples, name, 'plain.msg'))[0] === 0x02,
  );
  assert.ok(names.length >= 5);
  for (const name of names) {
    for (const [file, isMarked] of [
      ['plain.msg', false],
      ['marked.msg', true],
    ] as const) {
      const frame = readFileSync(join(samples, name, file), 'latin1').slice(1, -1);
      const output = readOutput(frame, gatewayOri);
      assert.ok(output.kind === 'delivery', name);
      assert.equal(output.isMarked, isMarked, name);
    }
  }
});

test('a book begins with its format, once, however often it is opened', () => {
  const folder = mkdtempSync(join(root, 'twice-'));
  for (const name of Object.values(bookNames))
    for (let time = 0; time < 2; time += 1) new Book(folder, name).close();
  assert.equal(readFileSync(join(folder, bookNames.got), 'latin1'), `${formatLine}\n`);
  assert.deepEqual(readBooks(folder), { sent: [], told: [], got: [], noted: [], unreadable: [] });
});
