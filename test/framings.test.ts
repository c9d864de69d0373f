/** Lines that are not framed by STX and ETX, both ways through a whole site. The peers' framing is written by hand. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditRecord } from '../src/audit/records.ts';
import { Site } from '../src/simulate/site/site.ts';
import { readRecords, refusalCodes, untilRecorded } from './failure/audit-records.ts';
import { metric } from './failure/role-metrics.ts';
import { shortTimes } from './failure/trial.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-framings-'));
const protocols = join(folder, 'protocols');
let site: Site;

type Cut = { readonly content: string; readonly end: number };

/** How a peer writes a content, and what it reads of bytes that came; undefined while a frame is not whole. */
type Spoken = {
  readonly framing: string;
  readonly write: (content: string) => string;
  readonly read: (bytes: string) => Cut | undefined;
};

const counted = (
  framing: string,
  width: number,
  prefix: (length: number) => string,
  radix: 10 | 256,
): Spoken => ({
  framing,
  write: (content) => prefix(content.length) + content,
  read: (bytes) => {
    if (bytes.length < width) return undefined;
    const codes = Array.from(bytes.slice(0, width), (byte) => byte.charCodeAt(0));
    if (framing.endsWith('little')) codes.reverse();
    const end = width + codes.reduce((sum, code) => sum * radix + code - (radix === 10 ? 0x30 : 0), 0);
    return bytes.length < end ? undefined : { content: bytes.slice(width, end), end };
  },
});

const delimited = (framing: string, delimiter: string): Spoken => ({
  framing,
  write: (content) => content + delimiter,
  read: (bytes) => {
    const at = bytes.indexOf(delimiter);
    return at === -1 ? undefined : { content: bytes.slice(0, at), end: at + delimiter.length };
  },
});

/** Blocks of the segmented template: a data block is what it holds, behind the numbers of its message and its place. */
const blocks: Spoken = {
  framing: 'segmented-template',
  write: (content) => block(0, 1, 1, 1, content),
  read: (text) => {
    if (text.length < 24) return undefined;
    const head = Buffer.from(text.slice(0, 20), 'latin1');
    assert.equal(head.toString('hex', 0, 4), 'ff00aa55');
    const end = head.readUInt32BE(4);
    if (text.length < end) return undefined;
    assert.equal(text.slice(end - 4, end), '\x55\xaa\x00\xff');
    const [type, session, id] = [head[9], head.readUInt16BE(10), head.readUInt32BE(12)];
    const place = `${String(head.readUInt16BE(16))}/${String(head.readUInt16BE(18))}`;
    const kind = ['data', 'ask', 'live', 'ack', 'nak'][type ?? 9] ?? '';
    const content = `${kind} ${String(session)} ${String(id)} ${place} ${text.slice(20, end - 4)}`;
    return { content, end };
  },
};

function block(type: number, id: number, place: number, count: number, content: string): string {
  const head = Buffer.alloc(20);
  head.write('ff00aa55', 0, 'hex');
  head.writeUInt32BE(content.length + 24, 4);
  head.set([1, type], 8);
  head.writeUInt16BE(77, 10);
  head.writeUInt32BE(id, 12);
  head.writeUInt16BE(place, 16);
  head.writeUInt16BE(count, 18);
  return `${head.toString('latin1')}${content}\x55\xaa\x00\xff`;
}

const lrcOf = (content: string): string =>
  bytes(Array.from(content).reduce((sum, character) => sum ^ character.charCodeAt(0), 0x03));

/** A header before STX and an LRC behind ETX; ACK and NAK stand alone. */
const checked: Spoken = {
  framing: 'soh-stx-etx-lrc',
  write: (content) => `\x01HEAD\x02${content}\x03${lrcOf(content)}`,
  read: (text) => {
    if (text.startsWith('\x06') || text.startsWith('\x15')) return { content: text.slice(0, 1), end: 1 };
    const [whole, content = ''] = /^\x0100\x02([^\x03]*)\x03[^]/.exec(text) ?? [];
    if (whole === undefined) return undefined;
    assert.equal(whole.at(-1), lrcOf(content));
    return { content, end: whole.length };
  },
};

const [ACK, NAK] = ['\x06', '\x15'];
const bytes = (...codes: number[]): string => String.fromCharCode(...codes);

/** By line: one confirms at the link, one by messages, in both directions; one not at all. */
const spoken = {
  'ca-dispatch': counted('len4-big', 4, (n) => bytes(0, 0, n >> 8, n & 255), 256),
  'nv-patrol': counted('len2-little', 2, (n) => bytes(n & 255, n >> 8), 256),
  'nv-sheriff': delimited('eot-delimited', '\x04'),
  // Not a file of ours: what a state's framing is, its files say.
  'or-sheriff': delimited('nnnn-delimited', 'NNNN'),
  'ut-system': blocks,
  'ca-marshal': checked,
  'az-police': counted('ascii4', 4, (n) => String(n).padStart(4, '0'), 10),
} as const;
type LineName = keyof typeof spoken;

before(async () => {
  cpSync(join(import.meta.dirname, '../protocols'), protocols, { recursive: true });
  const teletype = { kind: 'delimiter', delimiter: 'NNNN', frameBytesMax: 32_768, frameFaultsMax: 20 };
  const source = 'Invented for this test';
  const head = { source, confidence: 'convention' };
  writeFileSync(join(protocols, 'framings', 'nnnn-delimited.json'), JSON.stringify({ ...head, ...teletype }));
  // As ours, with a time that a test can wait for.
  const template = join(protocols, 'framings', 'segmented-template.json');
  const written = JSON.parse(readFileSync(template, 'utf8')) as { segments: Record<string, number> };
  written.segments['timeoutMs'] = 1000;
  writeFileSync(template, JSON.stringify(written));
  site = await Site.start({
    folder: join(folder, 'site'),
    settings: { ...shortTimes, TENFOUR_PROTOCOLS: protocols },
    editLine: (line) => {
      const name = String(line['name']);
      if (!(name in spoken)) return;
      line['framing'] = spoken[name as LineName].framing;
      if (name === 'ca-dispatch') line['frameTimeoutMs'] = 300;
      if (line['confirm'] === 'none') line['outbound'] = { resendMs: 300 };
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

/** A peer on a line: contents in, contents out. */
class Peer {
  readonly #socket: Socket;
  readonly #spoken: Spoken;
  readonly #contents: string[] = [];
  #bytes = '';
  isClosed = false;

  constructor(line: LineName) {
    this.#spoken = spoken[line];
    this.#socket = connect({ host: '127.0.0.1', port: site.linePorts.get(line) ?? 0, noDelay: true });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.isClosed = true;
    });
    this.#socket.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.toString('latin1');
      for (
        let cut = this.#spoken.read(this.#bytes);
        cut !== undefined;
        cut = this.#spoken.read(this.#bytes)
      ) {
        this.#contents.push(cut.content);
        this.#bytes = this.#bytes.slice(cut.end);
      }
    });
    peers.push(this);
  }

  send(...contents: string[]): void {
    this.raw(contents.map((content) => this.#spoken.write(content)).join(''));
  }

  raw(text: string): void {
    this.#socket.write(Buffer.from(text, 'latin1'));
  }

  /** The next content, as soon as it has come. */
  async next(): Promise<string> {
    await this.#until('another frame', () => this.#contents.length > 0);
    return this.#contents.shift() ?? '';
  }

  async closed(): Promise<void> {
    await this.#until('the line closed', () => this.isClosed);
    assert.equal(this.#bytes, '', 'nothing unread that is no frame');
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

const note = (from: string, to: string, text: string): string => `AM.${from}.${to}.TXT\r\n${text}`;
const bodyOf = (content: string): string => /\r\nTXT\r\n([\s\S]*)$/.exec(content)?.[1] ?? content;
const sentCountOf = (content: string): string =>
  /^[^\r\n]*\r\n[^\r\n]*\r\n\S+ \S+ (\d{5})/.exec(content)?.[1] ?? '';

test('length prefixes and link confirmation, both ways: a sender is ACKed in frames, a station confirms in frames', async () => {
  const [dispatch, patrol] = [new Peer('ca-dispatch'), new Peer('nv-patrol')];
  dispatch.raw('\0\0\0\0');
  dispatch.send(note('CA0990100', 'NV0990400', 'ONE'), note('CA0990100', 'NV0990400', 'TWO'));
  dispatch.raw('\0\0\0\0');
  assert.deepEqual([await dispatch.next(), await dispatch.next()], [ACK, ACK]);
  const first = await patrol.next();
  assert.equal(bodyOf(first), 'ONE');
  patrol.send(NAK);
  assert.equal(bodyOf(await patrol.next()), 'ONE', 'a NAK in a frame is a NAK');
  patrol.send(ACK);
  const second = await patrol.next();
  assert.equal(bodyOf(second), 'TWO', 'an ACK in a frame confirms: the next one comes');
  patrol.send(ACK);
  dispatch.send('QZ.CA0990100.NV.TXT\r\nLIC/ZZZ9999');
  assert.equal(await dispatch.next(), ACK);
  assert.match(await dispatch.next(), /^\.02\. MESSAGE KEY UNKNOWN/m);
  const alive = await metric(site.gateway, 'tenfour_keep_alives_total{line="ca-dispatch"}');
  assert.equal(alive, 2);
});

test('delimiters and application confirmation, both ways: an accepted message, a delivery, a receipt', async () => {
  const [sheriff, station] = [new Peer('nv-sheriff'), new Peer('or-sheriff')];
  sheriff.send(note('NV0990300', 'OR0990500', 'ONE'), note('NV0990300', 'OR0990500', 'TWO'));
  for (const accepted of [await sheriff.next(), await sheriff.next()]) assert.match(accepted, /^ACCEPTED /m);
  for (const body of ['ONE', 'TWO']) {
    const content = await station.next();
    assert.equal(bodyOf(content), body);
    station.send(`ACK.OR0990500.CAGWY0000.TXT${sentCountOf(content)}`);
  }
  sheriff.raw('\x04');
  assert.match(await sheriff.next(), /^\.64\. EMPTY FRAME/m, 'a framing fault, and the line goes on');
  sheriff.send(note('NV0990300', 'OR0990500', 'THREE'));
  assert.match(await sheriff.next(), /^ACCEPTED /m);
  const third = await station.next();
  assert.equal(bodyOf(third), 'THREE');
  station.send(`ACK.OR0990500.CAGWY0000.TXT${sentCountOf(third)}`);
});

test('what cannot travel in the framing of a station is a dead letter, its sender is told, and the lane goes on without a gap', async () => {
  const dispatch = new Peer('ca-dispatch');
  const [station, police] = [new Peer('or-sheriff'), new Peer('az-police')];
  const held = ['BEFORE', 'ENDS WITH NNNN INSIDE', 'ENDS WITH N', 'BEHIND'];
  dispatch.send(...held.map((text) => note('CA0990100', 'OR0990500', text)));
  dispatch.send(note('CA0990100', 'AZ0990600', 'A'.repeat(9999)), note('CA0990100', 'AZ0990600', 'BEHIND'));
  const told: string[] = [];
  while (told.length < held.length + 2 + 3) {
    const content = await dispatch.next();
    told.push(content);
    // A notice is a delivery to the sender's own station.
    if (content !== ACK) dispatch.send(ACK);
    if (told.length === 1) {
      const [before, behind] = [await confirmed(station), await confirmed(station)];
      assert.deepEqual([bodyOf(before), bodyOf(behind)], ['BEFORE', 'BEHIND']);
      assert.equal(Number(sentCountOf(behind)), Number(sentCountOf(before)) + 1);
    }
  }
  assert.equal(bodyOf(await police.next()), 'BEHIND');
  assert.equal(told.filter((content) => content === ACK).length, 6);
  assert.equal(told.filter((content) => /^\.74\. COULD NOT BE DELIVERED/m.test(content)).length, 3);
  const deadOf = (records: readonly AuditRecord[]): readonly string[] =>
    records.flatMap((record) =>
      record.e === 'deliver' && record.o === 'dead' ? [`${record.lane} ${String(record.code)}`] : [],
    );
  const records = await untilRecorded(site, (found) => deadOf(found).length >= 3, 'three dead letters');
  assert.deepEqual(deadOf(records).toSorted(), [
    'station.az-police-msc DELIVER_FRAMING',
    'station.or-sheriff-cad DELIVER_FRAMING',
    'station.or-sheriff-cad DELIVER_FRAMING',
  ]);
});

async function confirmed(station: Peer): Promise<string> {
  const content = await station.next();
  station.send(`ACK.OR0990500.CAGWY0000.TXT${sentCountOf(content)}`);
  return content;
}

test('a length that cannot be right is NAKed and on the record, what was read before it is answered, and the line is closed', async () => {
  const earlier = refusalCodes(await readRecords(site), 'ca-dispatch')['FRAME_TOO_LONG'] ?? 0;
  const dispatch = new Peer('ca-dispatch');
  dispatch.send(note('CA0990100', 'CA0990200', 'ONE'));
  dispatch.raw('\xff\xff\xff\xff');
  dispatch.send(note('CA0990100', 'CA0990200', 'NEVER READ'));
  assert.deepEqual([await dispatch.next(), await dispatch.next()], [ACK, NAK]);
  await dispatch.closed();
  await untilRecorded(
    site,
    (records) =>
      refusalCodes(records, 'ca-dispatch')['FRAME_TOO_LONG'] === earlier + 1 &&
      records.some(
        (record) =>
          record.e === 'session' && record.line === 'ca-dispatch' && record.code === 'FRAME_TOO_LONG',
      ),
    'the refusal and why the line was closed',
  );
});

test('half a frame closes the line when its time is over; signs of life, however they are cut, do not', async () => {
  const dispatch = new Peer('ca-dispatch');
  // Each chunk ends one and begins the next, so the line is never between two; together they take longer than one frame may.
  dispatch.raw('\0\0');
  for (let beat = 0; beat < 5; beat++) {
    await sleep(100);
    dispatch.raw('\0\0\0\0');
  }
  dispatch.raw('\0\0');
  dispatch.send(note('CA0990100', 'CA0990200', 'STILL READ'));
  assert.equal(await dispatch.next(), ACK);
  dispatch.raw('\0\0\0\x08HALF');
  await dispatch.closed();
  await untilRecorded(
    site,
    (records) =>
      records.some(
        (record) =>
          record.e === 'session' && record.line === 'ca-dispatch' && record.code === 'FRAME_INCOMPLETE',
      ),
    'why the line was closed',
  );
});

test('blocks, both ways: segments become one message, signs of life are answered, messages to a station are numbered and cut', async () => {
  const [system, dispatch] = [new Peer('ut-system'), new Peer('ca-dispatch')];
  const text = note('UT0999000', 'CA0990100', 'IN THREE PIECES');
  const pieces = [text.slice(0, 20), text.slice(20, 30), text.slice(30)];
  system.raw(`NOISE\xff${block(0, 5, 2, 3, pieces[1] ?? '')}${block(1, 0, 1, 1, '')}`);
  assert.equal(await system.next(), 'live 77 0 1/1 ', 'answered at once, with the session the peer named');
  system.raw(block(0, 5, 1, 3, pieces[0] ?? '') + block(0, 5, 3, 3, pieces[2] ?? ''));
  assert.equal(await system.next(), 'ack 77 0 1/1 ');
  const long = 'L'.repeat(5000);
  dispatch.send(note('CA0990100', 'UT0999000', 'SHORT'), note('CA0990100', 'UT0999000', long));
  const short = await system.next();
  assert.match(short, /^data 77 1 1\/1 AM\./);
  assert.equal(bodyOf(short), 'SHORT');
  system.raw(block(3, 0, 1, 1, ''));
  const [first, second] = [await system.next(), await system.next()];
  assert.match(first, /^data 77 2 1\/2 /);
  assert.match(second, /^data 77 2 2\/2 L+$/);
  assert.equal(first.length, 'data 77 2 1/2 '.length + 4000);
  assert.equal(bodyOf(first + second.replace('data 77 2 2/2 ', '')), long);
  system.raw(block(3, 0, 1, 1, ''));
  assert.equal(await metric(site.gateway, 'tenfour_keep_alives_total{line="ut-system"}'), 1);
  assert.equal(await metric(site.gateway, 'tenfour_stray_bytes_total{line="ut-system"}'), 6);
});

test('a message whose last segment never comes is refused when its time is over, and the line goes on', async () => {
  const system = new Peer('ut-system');
  const text = note('UT0999000', 'CA0990100', 'NEVER WHOLE');
  system.raw(block(0, 8, 1, 2, text.slice(0, 20)));
  assert.match(await system.next(), /^nak 77 /);
  system.raw(block(0, 8, 1, 1, text));
  assert.match(await system.next(), /^ack 77 /);
  const refused = (records: readonly AuditRecord[]) => refusalCodes(records, 'ut-system')['FRAME_INCOMPLETE'];
  await untilRecorded(site, (records) => refused(records) === 1, 'the refusal of what was unfinished');
});

test('a wrong LRC is NAKed and the line goes on; headers are counted and no message', async () => {
  const marshal = new Peer('ca-marshal');
  const text = note('CA0990200', 'CA0990100', 'ONE');
  const frame = checked.write(text);
  marshal.raw(`${frame.slice(0, -1)}${bytes(frame.charCodeAt(frame.length - 1) ^ 1)}\r\n${frame}\r\n`);
  assert.deepEqual([await marshal.next(), await marshal.next()], [NAK, ACK]);
  marshal.send('QZ.CA0990200.NV.TXT\r\nLIC/ZZZ9999');
  assert.equal(await marshal.next(), ACK);
  assert.match(await marshal.next(), /^\.02\. MESSAGE KEY/m);
  assert.equal(await metric(site.gateway, 'tenfour_header_bytes_total{line="ca-marshal"}'), 12);
});
