/** One message, two faces, in a running installation: stations that read text and stations that read documents write to each other. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditRecord } from '../src/audit/records.ts';
import { controlFrame, type Dialect, framed, loadDialect, valueOf } from '../src/dialect/dialect.ts';
import { FrameDecoder } from '../src/frame/frame.ts';
import type { Message } from '../src/message/message.ts';
import { codes } from '../src/message/codes.ts';
import { parse } from '../src/parse/parse.ts';
import { Site } from '../src/simulate/site/site.ts';
import { untilRecorded } from './failure/audit-records.ts';
import { dialectFolder, sampleDirectory } from './golden/samples.ts';

const text = loadDialect(dialectFolder('nlets-legacy'));
const documents = loadDialect(dialectFolder('nlets-xml'));
const folder = mkdtempSync(join(tmpdir(), 'tenfour-faces-'));
const waitMsMax = 30_000;

/** The sample directory with the members of one group and nobody else: a site of all of it takes seconds more to start. */
function directoryOf(code: string): string {
  const directory = join(folder, 'directory');
  cpSync(sampleDirectory, directory, { recursive: true });
  const edit = (file: string, list: string, isKept: (one: Record<string, unknown>) => boolean) => {
    const path = join(directory, file);
    const content = JSON.parse(readFileSync(path, 'utf8')) as Record<string, Record<string, unknown>[]>;
    const kept = content[list]?.filter(isKept) ?? [];
    writeFileSync(path, JSON.stringify({ ...content, [list]: kept }));
    return kept;
  };
  const [group] = edit('groups.json', 'groups', (one) => one['code'] === code);
  const members = new Set(group?.['members'] as string[]);
  edit('agencies.json', 'agencies', ({ id }) => members.has(String(id)));
  edit('states.json', 'states', ({ system }) => members.has(String(system)));
  edit('lines.json', 'lines', ({ agency }) => members.has(String(agency)));
  return directory;
}

/** A station on its line: what it was sent, frame by frame. It confirms by hand. */
class Peer {
  readonly #socket: Socket;
  readonly #dialect: Dialect;
  readonly #frames: string[] = [];
  #acks = 0;

  constructor(port: number, dialect: Dialect) {
    this.#dialect = dialect;
    const decoder = new FrameDecoder(dialect.framing);
    this.#socket = connect({ host: '127.0.0.1', port });
    this.#socket.on('data', (chunk: Buffer) => {
      for (const event of decoder.push(chunk)) {
        if (event.kind === 'frame') this.#frames.push(event.bytes.toString());
        if (event.kind === 'control' && event.byte === 'ACK') this.#acks += 1;
      }
    });
  }

  say(content: string): void {
    this.#socket.write(framed(this.#dialect.framing, Buffer.from(content)));
  }

  ack(): void {
    this.#socket.write(controlFrame(this.#dialect.framing, 'ACK'));
  }

  /** The switch has it. */
  async acked(): Promise<void> {
    await until('an ACK', () => this.#acks > 0);
    this.#acks -= 1;
  }

  async next(): Promise<string> {
    await until('a frame', () => this.#frames.length > 0);
    return this.#frames.shift() ?? '';
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + waitMsMax;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`${what}: not in time\n${lastLogged()}`);
    await sleep(5);
  }
}

/** Why nothing came, as the processes saw it. */
const lastLogged = (): string =>
  [site.gateway, site.recorder]
    .map(({ name, logPath }) => `${name}: ${readFileSync(logPath, 'utf8').slice(-1500)}`)
    .join('\n');

let site: Site;
let patrol: Peer;
let airport: Peer;
let pier: Peer;
let transit: Peer;

before(async () => {
  site = await Site.start({
    folder: join(folder, 'site'),
    directory: directoryOf('GBN05'),
    editLine: (line) => {
      if (line['name'] === 'xml-pier') line['confirm'] = 'application';
    },
  });
  const open = (line: string, dialect: Dialect) => new Peer(site.linePorts.get(line) ?? 0, dialect);
  patrol = open('nv-patrol', text);
  airport = open('xml-airport', documents);
  pier = open('xml-pier', documents);
  transit = open('ca-transit', text);
});
after(async () => {
  for (const peer of [patrol, airport, pier, transit]) peer.close();
  await site.stop();
  rmSync(folder, { recursive: true });
});

function read(content: string, dialect: Dialect): Message {
  const parsed = parse({ kind: 'frame', bytes: Buffer.from(content) }, dialect);
  assert.ok(parsed.ok, content);
  return parsed.value;
}

const fieldsOf = ({ fields, bytes }: Message) =>
  Object.fromEntries(fields.map((field) => [field.code, valueOf(bytes, field)]));

const namespaces = [
  'xmlns:m="http://www.nlets.org/niem/1.0" xmlns:h="http://www.nlets.org/niem/nlets-hdr/1.0"',
  'xmlns:c="http://niem.gov/niem/niem-core/2.0"',
].join(' ');

/** A document as a station's own program writes it. */
const document = (key: string, from: string, to: string, control: string, body: string): string =>
  [
    `<m:NLETS ${namespaces}><m:NLETSMessageHeader><h:MessageKeyCodeText>${key}</h:MessageKeyCodeText>`,
    `<h:OriginatingORIID>${from}</h:OriginatingORIID><h:DestinationORIID>${to}</h:DestinationORIID>`,
    ...(control === '' ? [] : [`<h:DocumentControlFieldText>${control}</h:DocumentControlFieldText>`]),
    `</m:NLETSMessageHeader>${body}</m:NLETS>`,
  ].join('\n');

const mail = (words: string, more = ''): string =>
  `<m:NLETSMailData><m:MailMessageText>${words}</m:MailMessageText>${more}</m:NLETSMailData>`;

test('a request in text reaches the station as a document, and its answer comes back as text', async () => {
  const asked = 'RTY/SV.RNO/1.PRI/U.OCA/26000001.NIC/V999999999.LIC/ZZZ9999.RNA/OFC EXAMPLE.RAG/EXAMPLE PD';
  patrol.say(`YQ.NV0990400.CA0992100.*FACES00001.TXT\r\n${asked}`);
  await patrol.acked();
  const request = read(await airport.next(), documents);
  airport.ack();
  const { messageKey, originatingOri, control, isRelayed } = request;
  assert.deepEqual([messageKey, originatingOri, control, isRelayed], ['YQ', 'NV0990400', 'FACES00001', true]);
  const fields = Object.fromEntries(
    asked.split('.').map((field) => [field.slice(0, 3), field.slice(4)] as const),
  );
  assert.deepEqual(fieldsOf(request), fields);

  const answer =
    '<m:NLETSResponseData><m:ResponseText>NOT &amp; NEVER\nON FILE</m:ResponseText></m:NLETSResponseData>';
  airport.say(document('DR', 'CA0992100', 'NV0990400', 'FACES00001', answer));
  await airport.acked();
  const [first, , , mark, ...rest] = (await patrol.next()).split('\r\n');
  patrol.ack();
  assert.deepEqual([first, mark, ...rest], ['DR.CA0992100', '*FACES00001', 'TXT', 'NOT & NEVER', 'ON FILE']);
});

const image = [
  '<c:Image><c:BinaryBase64Object>QUFBQQ==</c:BinaryBase64Object>',
  '<c:BinaryFormatStandardName>image/png</c:BinaryFormatStandardName></c:Image>',
].join('');

test('what text cannot carry is named in the header, and a station that takes nothing in part is sent nothing', async () => {
  airport.say(document('AM', 'CA0992100', 'NV0990400', '', mail('SEE THE PHOTO', image)));
  await airport.acked();
  const got = (await patrol.next()).split('\r\n');
  patrol.ack();
  assert.deepEqual(got.slice(3), ['NOT CARRIED: IMAGE', 'TXT', 'SEE THE PHOTO']);

  airport.say(document('AM', 'CA0992100', 'CA0992200', 'FACES00002', mail('SEE THE PHOTO', image)));
  await airport.acked();
  const refusal = read(await airport.next(), documents);
  assert.deepEqual([refusal.messageKey, refusal.control], ['ER', 'FACES00002']);
  assert.match(refusal.text ?? '', /\.87\. RECEIVER CANNOT TAKE ALL OF THIS MESSAGE - IMAGE AT BYTE \d+/);
});

const receipt = (key: string, count: string): string =>
  document(key, 'CA0992300', 'CAGWY0000', '', mail(count));
const countOf = (content: string): string =>
  /<nh2:SendMessageNumeric>(\d{5})</.exec(content)?.[1] ?? 'no count';

test('a station that reads documents confirms by one, and its sender is told what it rejects', async () => {
  for (const control of ['FACES00003', 'FACES00004']) {
    patrol.say(`AM.NV0990400.CA0992300.*${control}.TXT\r\nHELLO`);
    await patrol.acked();
  }
  const first = await pier.next();
  assert.equal(read(first, documents).control, 'FACES00003');
  pier.say(receipt('ACK', countOf(first)));
  const second = await pier.next();
  assert.equal(read(second, documents).control, 'FACES00004');
  pier.say(receipt('REJ', countOf(second)));
  const notice = await patrol.next();
  patrol.ack();
  assert.ok(notice.includes('*FACES00004') && notice.includes(codes.DELIVER_DEAD.status), notice);
});

test('a broadcast reaches every station that can have it; one that takes nothing in part gets none, and its sender is told', async () => {
  airport.say(document('AM', 'CA0992100', 'GBN05', 'FACES00005', mail('SEE THE PHOTO', image)));
  await airport.acked();
  const got = (await patrol.next()).split('\r\n');
  patrol.ack();
  assert.deepEqual(got.slice(3), ['*FACES00005', 'NOT CARRIED: IMAGE', 'TXT', 'SEE THE PHOTO']);
  const whole = await pier.next();
  pier.say(receipt('ACK', countOf(whole)));
  assert.ok(whole.includes(image), 'it takes nothing in part, and reads all of it');

  const notice = read(await airport.next(), documents);
  airport.ack();
  assert.deepEqual([notice.messageKey, notice.control], ['ER', 'FACES00005']);
  assert.ok(notice.text?.includes(codes.DELIVER_DEAD.status), notice.text);
  const deliveries = (records: readonly AuditRecord[], station: string) =>
    records.flatMap((record) =>
      record.e === 'deliver' && record.lane === `station.${station}`
        ? [`${record.o} ${record.code ?? ''} ${record.notCarried?.join() ?? ''}`]
        : [],
    );
  const inPart = 'delivered  image';
  // The message before and this one.
  const isThere = (records: readonly AuditRecord[]) =>
    deliveries(records, 'ca-transit-desk').length > 0 &&
    deliveries(records, 'nv-patrol-cad').filter((one) => one === inPart).length === 2;
  const records = await untilRecorded(site, isThere, 'what was carried and what was not');
  assert.deepEqual(deliveries(records, 'ca-transit-desk'), ['dead DELIVER_NOT_CARRIED image']);
  assert.deepEqual(
    new Set(deliveries(records, 'ca-pier-desk')),
    new Set(['delivered  ', 'dead DELIVER_REJECTED ']),
  );

  // What came after it is not held up, and nothing of it was sent before.
  patrol.say('AM.NV0990400.CA0992200.TXT\r\nHELLO');
  await patrol.acked();
  assert.ok((await transit.next()).endsWith('TXT\r\nHELLO'));
  transit.ack();
});
