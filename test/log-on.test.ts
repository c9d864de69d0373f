/** A line that requires log-on, through a whole site: what passes before it, what it costs to guess, and that no password is kept. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditRecord } from '../src/audit/records.ts';
import { Site } from '../src/simulate/site/site.ts';
import { readRecords, untilRecorded } from './failure/audit-records.ts';
import { shortTimes } from './failure/trial.ts';
import { sampleDirectory } from './golden/samples.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-log-on-'));
const password = 'SAMPLE-PASS-099';
const line = 'clets-ranger';
let site: Site;

before(async () => {
  site = await Site.start({
    folder: join(folder, 'site'),
    directory: sampleDirectory,
    settings: shortTimes,
    editLine: (one) => {
      if (one['name'] === line) one['logOn'] = { users: ['RANGER1'], failureDelayMs: 50, timeoutMs: 60_000 };
      // The same users, on a line that gives nobody time.
      if (one['name'] === 'clets-jail') one['logOn'] = { users: ['RANGER1'], timeoutMs: 300 };
    },
  });
});
after(async () => {
  await site.stop();
  rmSync(folder, { recursive: true });
});

const peers: Peer[] = [];
afterEach(() => {
  for (const peer of peers.splice(0)) peer.close();
});

/** A peer on an STX/ETX line: ACK, NAK and contents, in the order they came. */
class Peer {
  readonly #socket: Socket;
  readonly #told: string[] = [];
  /** All of it, from the first byte. */
  everything = '';
  #bytes = '';
  isClosed = false;

  constructor(name = line) {
    this.#socket = connect({ host: '127.0.0.1', port: site.linePorts.get(name) ?? 0, noDelay: true });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.isClosed = true;
    });
    this.#socket.on('data', (chunk: Buffer) => {
      this.everything += chunk.toString('latin1');
      this.#bytes += chunk.toString('latin1');
      for (let cut = this.#cut(); cut !== undefined; cut = this.#cut()) this.#told.push(cut);
    });
    peers.push(this);
  }

  #cut(): string | undefined {
    const [whole, text] = /^(?:\x02([^\x03]*)\x03|[\x06\x15])/.exec(this.#bytes) ?? [];
    if (whole === undefined) return undefined;
    this.#bytes = this.#bytes.slice(whole.length);
    return text ?? (whole === '\x06' ? 'ACK' : 'NAK');
  }

  send(...contents: string[]): void {
    this.#socket.write(Buffer.from(contents.map((content) => `\x02${content}\x03`).join(''), 'latin1'));
  }

  /** Everything sent is on its way: the socket may be gone from now on. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.write('\r\n', () => {
        resolve();
      });
    });
  }

  ack(): void {
    this.#socket.write('\x06');
  }

  end(): void {
    this.#socket.end();
  }

  async next(): Promise<string> {
    await this.#until('another answer', () => this.#told.length > 0);
    return this.#told.shift() ?? '';
  }

  async closed(): Promise<void> {
    await this.#until('the line closed', () => this.isClosed);
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!isSo()) {
      if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
      await sleep(5);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

const logOn = (user = 'RANGER1', secret = password, control = ''): string =>
  `LON.CA0991000.CAGWY0000.${control}TXT\r\nUSR/${user}.PWD/${secret}`;
const logOff = 'LOF.CA0991000.CAGWY0000.TXT';
const note = (text: string): string => `AM.CA0991000.CA0990700.TXT\r\n${text}`;

test('before the log-on nothing passes, and nothing is said back of it; behind it everything does, in the order it was sent', async () => {
  const peer = new Peer();
  peer.send(note('TOO EARLY'));
  assert.equal(await peer.next(), 'ACK');
  const refused = await peer.next();
  assert.match(refused, /^\.85\. LOG ON FIRST/m);
  assert.doesNotMatch(refused, /EARLY/);
  // In one chunk: what follows the log-on waits for what becomes of it.
  peer.send(logOn('ranger1', password, '*R1.'), note('AFTER IT'), logOff, note('TOO LATE'));
  assert.equal(await peer.next(), 'ACK');
  assert.match(await peer.next(), /^LON\.CAGWY0000\r\n[^]*\*R1\r\nTXT\r\nLOGGED ON$/);
  assert.equal(await peer.next(), 'ACK');
  assert.equal(await peer.next(), 'ACK');
  assert.match(await peer.next(), /LOGGED OFF$/);
  assert.equal(await peer.next(), 'ACK');
  assert.match(await peer.next(), /^\.85\. LOG ON FIRST/m);
  const accepted = (records: readonly AuditRecord[]) =>
    records.flatMap((record) =>
      record.e === 'accept' && record.line === line ? [`${record.mke} ${record.user}`] : [],
    );
  const records = await untilRecorded(site, (found) => accepted(found).length >= 3, 'what was accepted');
  assert.deepEqual(accepted(records), ['LON RANGER1', 'AM RANGER1', 'LOF RANGER1']);
});

test('a wrong password, a user who is none and one who may not are told the same, and after three the line is closed', async () => {
  const peer = new Peer();
  const told: string[] = [];
  for (const content of [
    logOn('RANGER1', 'WRONG-PASS'),
    logOn('RANGER1', password.toLowerCase()),
    logOn('NOBODY'),
  ]) {
    peer.send(content);
    assert.equal(await peer.next(), 'ACK');
    told.push((await peer.next()).replaceAll(/\d\d:\d\d \S+ \d{5}/g, ''));
  }
  const [first = ''] = told;
  assert.match(first, /^\.86\. LOG-ON REFUSED$/m);
  assert.deepEqual(told, [first, first, first]);
  await peer.closed();
  const isClosed = (record: AuditRecord) => record.e === 'session' && record.code === 'LISTEN_LOG_ON';
  await untilRecorded(site, (records) => records.some(isClosed), 'why the line was closed');
});

test('a log-on whose sender has gone is on the record all the same', async () => {
  const refusals = (records: readonly AuditRecord[]): number =>
    records.filter(
      (record) => record.e === 'refuse' && record.codes.some(({ code }) => code === 'LISTEN_LOG_ON'),
    ).length;
  const earlier = refusals(await readRecords(site));
  const peer = new Peer();
  peer.send(logOn('RANGER1', 'WRONG-PASS'));
  await peer.flushed();
  peer.close();
  await untilRecorded(site, (records) => refusals(records) > earlier, 'the refused log-on');
});

test('who half closes behind a log-on still reads what became of it', async () => {
  const peer = new Peer();
  peer.send(logOn());
  peer.end();
  assert.equal(await peer.next(), 'ACK');
  assert.match(await peer.next(), /LOGGED ON$/);
  await peer.closed();
});

test('a station gets what waits for it once it is logged on, and nothing before or behind', async () => {
  const [desk, dispatch] = [new Peer(), new Peer('ca-dispatch')];
  dispatch.send('AM.CA0990100.CA0991000.TXT\r\nFOR THE RANGERS');
  assert.equal(await dispatch.next(), 'ACK');
  desk.send(note('NOT YET'));
  assert.deepEqual([await desk.next(), /LOG ON FIRST/.test(await desk.next())], ['ACK', true]);
  await sleep(200);
  assert.doesNotMatch(desk.everything, /RANGERS/);
  desk.send(logOn());
  assert.equal(await desk.next(), 'ACK');
  assert.match(await desk.next(), /LOGGED ON$/);
  assert.match(await desk.next(), /FOR THE RANGERS$/);
  desk.ack();
  desk.send(logOff);
  assert.equal(await desk.next(), 'ACK');
  assert.match(await desk.next(), /LOGGED OFF$/);
  const said = desk.everything.length;
  dispatch.send('AM.CA0990100.CA0991000.TXT\r\nBEHIND THE LOG-OFF');
  assert.equal(await dispatch.next(), 'ACK');
  await sleep(200);
  assert.equal(desk.everything.length, said);
  desk.send(logOn());
  assert.equal(await desk.next(), 'ACK');
  assert.match(await desk.next(), /LOGGED ON$/);
  assert.match(await desk.next(), /BEHIND THE LOG-OFF$/);
  desk.ack();
});

test('a session that nobody logs on is closed when its time is over', async () => {
  const peer = new Peer('clets-jail');
  await peer.closed();
  const isClosed = (record: AuditRecord) =>
    record.e === 'session' && record.code === 'AUTHORIZE_LOG_ON_MISSING';
  await untilRecorded(site, (records) => records.some(isClosed), 'why the line was closed');
});

test('a password is in no answer, log or record, however the log-on was garbled', async () => {
  const peer = new Peer();
  const garbled = [
    logOn('RANGER1', password),
    `LOM.CA0991000.CAGWY0000.TXTUSR/RANGER1.PWD/${password}`,
    `LON.CA0991000.CAGWY0000.TXTUSR/RANGER1.PWD/${password}\x07`,
    `LON CA0991000 CAGWY0000 ${password}`,
    `LON.CA0991000.NV0990300.TXTUSR/RANGER1.PWD/${password}`,
    `RQ.CA0991000.NV.TXTUSR/RANGER1.PWD/${password}`,
    `${password}.CA0991000.CAGWY0000.TXTUSR/RANGER1`,
    logOn(password, 'ANYTHING'),
  ];
  for (const content of garbled) {
    peer.send(content);
    assert.equal(await peer.next(), 'ACK');
    assert.notEqual(await peer.next(), '');
  }
  const stray = new Peer('clets-dispatch');
  stray.send(`LON.CA0990100.CAGWY0000.TXTUSR/RANGER1.PWD/${password}`, `LON,CA0990100,PWD/${password}`);
  for (let answers = 0; answers < 4; answers++) assert.notEqual(await stray.next(), '');
  const refused = (records: readonly AuditRecord[]): number =>
    records.filter((record) => record.e === 'refuse' && record.line === 'clets-dispatch').length;
  await untilRecorded(site, (found) => refused(found) >= 2, 'the refused ones');
  for (const { everything } of [peer, stray]) assert.doesNotMatch(everything, new RegExp(password, 'i'));
  const records = JSON.stringify(await readRecords(site));
  assert.doesNotMatch(records, new RegExp(password, 'i'));
  for (const process of [site.gateway, site.courier, site.recorder])
    assert.doesNotMatch(JSON.stringify(process), new RegExp(password, 'i'));
  assert.ok(filesBelow(folder).length > 0);
  for (const file of filesBelow(folder))
    assert.ok(!readFileSync(file).includes(password) || file.endsWith('users.json'), file);
});

function filesBelow(at: string): string[] {
  return readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
