import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Framing, loadDialect } from '../dialect/dialect.ts';
import { FrameDecoder } from '../frame/frame.ts';
import { Fault } from '../message/codes.ts';
import type { Delivery } from '../message/delivery.ts';
import { parse } from '../parse/parse.ts';
import { noticeFrame, stationFrame } from './station-frame.ts';

const dialect = loadDialect(join(import.meta.dirname, '../../protocols/nlets-legacy'));
const mark = 'POSSIBLE DUPLICATE';

const stored: Delivery = {
  deliveryId: 'w1-1.0',
  generation: 0,
  messageId: 'w1-1',
  messageKey: 'AM',
  priorityClass: 4,
  originatingOri: 'CA0990100',
  destination: 'NV0990400',
  groups: [],
  recipients: ['nv-patrol'],
  agency: 'ca-dispatch',
  station: 'ca-dispatch-cad',
  dialect: 'nlets-legacy',
  receivedAtMs: Date.parse('2026-06-15T14:02:59Z'),
  receivedCount: 1873,
  directoryVersion: '0123456789abcdef',
  isTest: false,
  traceparent: '',
  user: '',
  terminal: '',
  incident: '',
  resentOf: '',
  isNotice: false,
};

function sent(
  text: string,
  isPossibleDuplicate = false,
  of: Partial<Delivery> = {},
  framing: Framing = dialect.framing,
): string {
  const parsed = parse({ kind: 'frame', bytes: Buffer.from(text, 'latin1') }, dialect);
  assert.ok(parsed.ok);
  const copy = {
    message: parsed.value,
    from: dialect,
    delivery: { ...stored, ...of },
    isPossibleDuplicate,
    sentAt: new Date('2026-06-15T14:03:00Z'),
    sentCount: 412,
    whenNotCarried: 'deliver-with-note' as const,
  };
  return stationFrame(copy, { ...dialect, framing }).toString('latin1');
}

const header = 'AM.CA0990100\r\n14:02 06/15/2026 01873\r\n14:03 06/15/2026 00412';

test('a station gets the output header and the body as it came', () => {
  assert.equal(
    sent('AM.CA0990100.NV0990400.*GW00000A01.TXT\r\nHELLO\r\n'),
    `\x02${header} NV0990400\r\n*GW00000A01\r\nTXT\r\nHELLO\r\n\x03`,
  );
});

test('a broadcast names the codes that reached the station', () => {
  assert.equal(
    sent('AM.CA0990100.GBN03.OR.TXTHELLO', false, { destination: '', groups: ['GBN03', 'OR'] }),
    `\x02${header} GBN03.OR\r\nTXT\r\nHELLO\x03`,
  );
});

test('a copy that may be a repeat says so before the text mark, never behind it', () => {
  assert.equal(
    sent('AM.CA0990100.NV0990400.TXT\r\nFIRST\r\nTXT\r\nSECOND', true),
    `\x02${header} NV0990400\r\n${mark}\r\nTXT\r\nFIRST\r\nTXT\r\nSECOND\x03`,
  );
});

test('the control field goes out as it came, case, blanks and signs', () => {
  assert.ok(sent('AM.CA0990100.NV0990400.* a{b}$& .TXTHELLO').includes('\r\n* a{b}$& \r\nTXT\r\n'));
});

test('whatever body was read, it is one frame whose last bytes are that body', () => {
  const allowed = fc.constantFrom(...Array.from({ length: 95 }, (_, at) => at + 0x20), 0x0d, 0x0a, 0x7f);
  fc.assert(
    fc.property(fc.array(allowed, { maxLength: 200 }), fc.boolean(), (list, isRepeat) => {
      const body = Buffer.from(list);
      const text = `AM.CA0990100.NV0990400.TXT\r\n\x7f${body.toString('latin1')}`;
      const [event, ...more] = new FrameDecoder(dialect.framing).push(
        Buffer.from(sent(text, isRepeat), 'latin1'),
      );
      assert.ok(event?.kind === 'frame');
      assert.deepEqual(more, []);
      const lines = isRepeat ? `NV0990400\r\n${mark}\r\nTXT\r\n` : 'NV0990400\r\nTXT\r\n';
      assert.equal(event.bytes.toString('latin1'), `${header} ${lines}${body.toString('latin1')}`);
    }),
  );
});

test('a notice goes out as it is; one that may be a repeat is marked before its first text mark', () => {
  const notice = (text: string, isRepeat: boolean) =>
    noticeFrame(Buffer.from(text, 'latin1'), isRepeat, dialect).toString('latin1');
  const text = 'ER.CAGWY0000\r\n*TXT\r\nTXT\r\n.80. EXPIRED\r\nTXT\r\nMORE';
  assert.equal(notice(text, false), `\x02${text}\x03`);
  assert.equal(
    notice(text, true),
    `\x02ER.CAGWY0000\r\n*TXT\r\n${mark}\r\nTXT\r\n.80. EXPIRED\r\nTXT\r\nMORE\x03`,
  );
  assert.equal(notice('ER.CAGWY0000\r\nTXT', true), `\x02ER.CAGWY0000\r\n${mark}\r\nTXT\x03`);
  assert.equal(notice('TXT\r\nBODY', true), `\x02${mark}\r\nTXT\r\nBODY\x03`);
  assert.equal(notice('NO TXT LINE', true), `\x02${mark}\r\nNO TXT LINE\x03`);
  assert.equal(notice('', true), `\x02${mark}\r\n\x03`);
});

test('a copy goes out in the framing of the station’s line, or not at all when it would not be one frame there', () => {
  const limits = { frameBytesMax: 9000, frameFaultsMax: 20 } as const;
  const digits: Framing = {
    ...{ kind: 'length-prefix', encoding: 'ascii', width: 4, countsSelf: false },
    ...limits,
  };
  const teletype: Framing = { kind: 'delimiter', delimiter: 'NNNN', ...limits };
  const text = 'AM.CA0990100.NV0990400.TXT\r\n';
  const content = `${header} NV0990400\r\nTXT\r\nHELLO`;
  assert.equal(
    sent(`${text}HELLO`, false, {}, digits),
    `${String(content.length).padStart(4, '0')}${content}`,
  );
  assert.equal(sent(`${text}HELLO`, false, {}, teletype), `${content}NNNN`);
  assert.throws(() => sent(text + 'A'.repeat(9999), false, {}, digits), { code: 'DELIVER_FRAMING' });
  assert.throws(() => sent(`${text}ANNNNB`, false, {}, teletype), { code: 'DELIVER_FRAMING' });
  const notice = noticeFrame(Buffer.from('TXT\r\nANNNNB'), true, { ...dialect, framing: teletype });
  assert.equal(notice.toString('latin1'), `${mark}\r\nTXT\r\nA?NNNBNNNN`, 'its own text always can be sent');
});

const documents = loadDialect(join(import.meta.dirname, '../../protocols/nlets-xml'));
const once = { sentAt: new Date(0), sentCount: 1, whenNotCarried: 'deliver-with-note' } as const;

test('a document that may be a repeat says so in its header, a notice too', () => {
  const parsed = parse({ kind: 'frame', bytes: Buffer.from('AM.CA0990100.NV0990400.TXT\r\nHELLO') }, dialect);
  assert.ok(parsed.ok);
  const at = { ...once, message: parsed.value, from: dialect, delivery: stored };
  const copy = stationFrame({ ...at, isPossibleDuplicate: true }, documents).toString();
  const told =
    /<tf:PossibleDuplicateText xmlns:tf="urn:tenfour:note">POSSIBLE DUPLICATE<[^\n]*\n <\/n2:NLETSMessageHeader>/;
  assert.match(copy, told);
  const answer = documents.answers.refused.join('\r\n');
  assert.match(noticeFrame(Buffer.from(answer), true, documents).toString(), told);
  assert.doesNotMatch(noticeFrame(Buffer.from(answer), false, documents).toString(), told);
  assert.match(
    noticeFrame(Buffer.from('<A/>'), true, documents).toString(),
    /<A\/>\r\n<!-- POSSIBLE DUPLICATE -->$/,
  );
});

test('codes of a broadcast are an element each', () => {
  const parsed = parse({ kind: 'frame', bytes: Buffer.from('AM.CA0990100.OR.TXT\r\nHELLO') }, dialect);
  assert.ok(parsed.ok);
  const delivery = { ...stored, destination: '', groups: ['GBN03', 'OR'] };
  const at = { ...once, message: parsed.value, from: dialect, delivery };
  const found = stationFrame({ ...at, isPossibleDuplicate: false }, documents)
    .toString()
    .matchAll(/DestinationORIID>(\w+)</g);
  assert.deepEqual(
    Array.from(found, ([, code]) => code),
    ['GBN03', 'OR'],
  );
});

test('a message of which nothing can be written is a fault, and nothing is sent', () => {
  const clets = loadDialect(join(import.meta.dirname, '../../protocols/clets'));
  const parsed = parse({ kind: 'frame', bytes: Buffer.from('ZZT.CA0990100.NV0990400.TXT\r\nLOCAL') }, clets);
  assert.ok(parsed.ok);
  const at = { ...once, message: parsed.value, from: clets, delivery: stored };
  assert.throws(
    () => stationFrame({ ...at, isPossibleDuplicate: false }, documents),
    (fault) => fault instanceof Fault && fault.code === 'DELIVER_NOT_CARRIED',
  );
});

test('a station that takes nothing in part, or could not be told what is missing, is sent nothing of such a message', () => {
  const parsed = parse(
    {
      kind: 'frame',
      bytes: Buffer.from('DQ.CA0990100.NV0990400.TXT\r\nNAM/SAMPLE,PAT Q.DOB/022980.SEX/M'),
    },
    dialect,
  );
  assert.ok(parsed.ok);
  const at = {
    ...once,
    message: parsed.value,
    from: dialect,
    delivery: stored,
    isPossibleDuplicate: false,
  } as const;
  const isNotCarried = (fault: unknown) => fault instanceof Fault && fault.code === 'DELIVER_NOT_CARRIED';
  assert.match(stationFrame(at, documents).toString(), />FIELD DOB<\/tf:NotCarriedText>/);
  assert.throws(() => stationFrame({ ...at, whenNotCarried: 'refuse' }, documents), isNotCarried);
  const form = documents.output.form.filter((line) => !line.includes('{notCarried}'));
  const silent = { ...documents, output: { ...documents.output, form } };
  assert.throws(() => stationFrame(at, silent), isNotCarried);
  const whole = parse({ kind: 'frame', bytes: Buffer.from('AM.CA0990100.NV0990400.TXT\r\nHELLO') }, dialect);
  assert.ok(whole.ok);
  assert.doesNotThrow(() => stationFrame({ ...at, message: whole.value, whenNotCarried: 'refuse' }, silent));
});
