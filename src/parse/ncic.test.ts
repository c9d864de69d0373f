import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Dialect, loadDialect, ncicHeader, renderForm } from '../dialect/dialect.ts';
import type { Message } from '../message/message.ts';
import { parse } from './parse.ts';

const dialect = loadDialect(join(import.meta.dirname, '../../protocols/ncic-2000'));
const legacy = loadDialect(join(import.meta.dirname, '../../protocols/nlets-legacy'));
const { ncic } = dialect;
assert.ok(ncic);

function read(text: string, by: Dialect = dialect): Message {
  const outcome = parse({ kind: 'frame', bytes: Buffer.from(text, 'latin1') }, by);
  assert.ok(outcome.ok, outcome.ok ? '' : `${outcome.refusals[0].code} ${text}`);
  return outcome.value;
}

function refusal(text: string, by: Dialect = dialect): [code: string, offset: number | undefined] {
  const outcome = parse({ kind: 'frame', bytes: Buffer.from(text, 'latin1') }, by);
  assert.ok(!outcome.ok, `it was read: ${text}`);
  assert.equal(outcome.refusals.length, 1);
  return [outcome.refusals[0].code, outcome.refusals[0].offset];
}

const values = ({ bytes, fields }: Message) =>
  fields.map(({ code, offset, length }) => `${code}/${bytes.toString('latin1', offset, offset + length)}`);
const bodyOf = ({ bytes, bodyOffset, bodyEnd }: Message) => bytes.toString('latin1', bodyOffset, bodyEnd);

/** Inquiries and entries of domain sheet 5.2. */
const asked: Readonly<Record<string, readonly [reference: string, key: string, body: string]>> = {
  'vehicle by plate': ['GW00000B01', 'QV', 'LIC/ZZZ9999.LIS/NV'],
  'wanted person by name': ['GW00000B02', 'QW', 'NAM/SAMPLE,PAT Q.SEX/M.RAC/W.DOB/19800229'],
  'wanted person entered': [
    ...(['GW00000B03', 'EW'] as const),
    'NAM/SAMPLE,PAT Q.SEX/M.RAC/W.HGT/510.WGT/170.HAI/BRO.OFF/1399.DOW/20260601.OCA/26000002',
  ],
  gun: ['GW00000B04', 'QG', 'SER/ZZ99999'],
  article: ['GW00000B05', 'QA', 'TYP/BBICYCL.SER/ZZ12345'],
  boat: ['GW00000B06', 'QB', 'REG/CF9999ZZ'],
  'criminal history index': [
    ...(['GW00000B07', 'QH'] as const),
    'PUR/C.ATN/DET EXAMPLE.NAM/SAMPLE,PAT Q.SEX/M.RAC/W.DOB/19800229',
  ],
  'criminal history record': ['GW00000B08', 'QR', 'PUR/C.ATN/DET EXAMPLE.FBI/999999ZZ9'],
};

for (const [name, [reference, key, body]] of Object.entries(asked)) {
  test(`reads the example of domain sheet 5.2: ${name}`, () => {
    const message = read(`1N01${reference}.${key}.CA0990100.${body}`);
    assert.equal(message.control, reference);
    assert.equal(message.messageKey, key);
    assert.equal(message.originatingOri, 'CA0990100');
    assert.deepEqual(values(message), body.split('.'));
    assert.equal(message.isRelayed, false);
  });
}

test('everything has its place: key, ORI and fields where they stand, the implied destination at the key', () => {
  const { bytes, keyOffset, oriOffset, bodyOffset, destinations, fields } = read(
    '1N01GW00000B01.QV.CA0990100.LIC/ZZZ9999.LIS/NV',
  );
  assert.equal(bytes.toString('latin1', keyOffset, keyOffset + 2), 'QV');
  assert.equal(bytes.toString('latin1', oriOffset, oriOffset + 9), 'CA0990100');
  assert.deepEqual(destinations, [{ text: 'FB', offset: keyOffset, isImplied: true }]);
  assert.equal(bodyOffset, oriOffset + 10);
  for (const { code, codeOffset } of fields) {
    assert.equal(bytes.toString('latin1', codeOffset, codeOffset + 3), code);
  }
});

test('the reference is opaque: 19 characters with the lead, anything but a period, and kept as it is', () => {
  for (const reference of ['a', 'gw00000b01', ' A/B*C-1 2 3=4 ', '***************']) {
    assert.equal(read(`1N01${reference}.QV.CA0990100.LIC/A`).control, reference);
    assert.equal(read(`1L01${reference}\r\nCA0990100\r\n\r\nNO RECORD`).control, reference);
  }
  assert.deepEqual(refusal(`1N01${'A'.repeat(16)}.QV.CA0990100.LIC/A`), ['PARSE_CONTROL', 4]);
});

test('a message key may have a suffix, which is part of it and not of another key', () => {
  const read1 = (key: string) => read(`1N01A.${key}.CA0990100.OCA/1`);
  for (const key of ['EW-C', 'EV-A', 'MW-Z']) {
    assert.equal(read1(key).messageKey, key);
    assert.deepEqual(values(read1(key)), ['OCA/1']);
  }
  assert.equal(read1('ew-c').messageKey, 'EW-C');
  // No key that takes one: authorize says that it is not known.
  assert.deepEqual([read1('QV-C').destinations, read1('QV-C').fields], [[], []]);
  for (const key of ['EW-', 'EW-1', 'EW-CC', 'EW--C', '-C']) {
    assert.deepEqual(refusal(`1N01A.${key}.CA0990100.OCA/1`), ['PARSE_HEADER', 6], key);
  }
});

test('dotted text has such keys too, where the dialect’s file allows the suffix', () => {
  const key = legacy.keys.get('RQ');
  assert.ok(key);
  const by = { ...legacy, keys: new Map([['RQ', { ...key, suffixes: ['C'] }]]) };
  const message = read('RQ-C.CA0990100.NV.TXTVIN/1Z', by);
  assert.deepEqual([message.messageKey, message.oriOffset], ['RQ-C', 5]);
  assert.deepEqual(values(message), ['VIN/1Z']);
  assert.deepEqual(values(read('RQ-A.CA0990100.NV.TXTVIN/1Z', by)), []);
});

test('line ends and blanks behind a message are tolerated and are not its body; inside there are none', () => {
  const message = read('1N01A.QV.CA0990100.LIC/ZZZ9999.LIS/NV.\r\n');
  assert.deepEqual(values(message), ['LIC/ZZZ9999', 'LIS/NV']);
  assert.equal(bodyOf(message), 'LIC/ZZZ9999.LIS/NV.');
  assert.equal(read('1N01A.QV.CA0990100.LIC/A').bodyEnd, undefined);
  const text = '1N01A.QV.CA0990100.LIC/ZZZ9999.\r\nLIS/NV';
  assert.deepEqual(refusal(text), ['PARSE_CHARACTER', text.indexOf('\r')]);
});

test('says where the header stops being one', () => {
  const cases: readonly [text: string, code: string, offset: number][] = [
    ['', 'PARSE_HEADER', 0],
    ['1N0', 'PARSE_HEADER', 0],
    ['2N01A.QV.CA0990100.LIC/A', 'PARSE_HEADER', 0],
    ['QV.CA0990100.LIC/A', 'PARSE_HEADER', 0],
    ['CA0990100\r\n\r\nNO RECORD', 'PARSE_HEADER', 0],
    ['1N01', 'PARSE_CONTROL', 4],
    ['1N01.QV.CA0990100.LIC/A', 'PARSE_CONTROL', 4],
    ['1N01A', 'PARSE_CONTROL', 4],
    ['1N01A.', 'PARSE_HEADER', 6],
    ['1N01A.QV', 'PARSE_HEADER', 6],
    ['1N01A.Q.CA0990100.LIC/A', 'PARSE_MESSAGE_KEY', 6],
    ['1N01A.Q1.CA0990100.LIC/A', 'PARSE_MESSAGE_KEY', 6],
    ['1N01A.QVWXYZ.CA0990100.LIC/A', 'PARSE_MESSAGE_KEY', 6],
    ['1N01A.QV.CA0990100', 'PARSE_HEADER', 9],
    ['1N01A.QV.CA09901000.LIC/A', 'PARSE_ORI', 9],
    ['1N01A.QV.CA0990100.NV', 'PARSE_FIELD', 19],
    ['1N01A.NCH.CA0990100.TEXT', 'PARSE_DESTINATION', 20],
    ['1N01A.QV.CA0990100.LIC/\t', 'PARSE_CHARACTER', 23],
    ['1L01', 'PARSE_CONTROL', 4],
    ['1L01A', 'PARSE_CONTROL', 4],
    ['1L01\r\nCA0990100\r\n\r\nX', 'PARSE_CONTROL', 4],
    ['1L01A\r\n', 'PARSE_DESTINATION', 7],
    ['1L01A\r\nCA099010\r\n\r\nX', 'PARSE_DESTINATION', 7],
    ['1L01A\r\nCA0990100 X\r\n\r\nX', 'PARSE_DESTINATION', 7],
    ['1L01A\r\nCA0990100', 'PARSE_TEXT_MISSING', 16],
    ['$.8. FOR NOBODY', 'PARSE_DESTINATION', 15],
  ];
  for (const [text, code, offset] of cases) {
    assert.deepEqual(refusal(text), [code, offset], JSON.stringify(text));
  }
});

const hit = 'MKE/STOLEN VEHICLE\r\nORI/NV0990300 LIC/ZZZ9999 LIS/NV\r\nNIC/V999999999 DTE/20260601 1132 EDT';

test('a response says what it is by how its text begins', () => {
  const cases: readonly [key: string, text: string][] = [
    ['NCN', 'NO RECORD LIC/ZZZ9999 LIS/NV'],
    ['NCN', 'NO NCIC WANT NAM/SAMPLE,PAT Q DOB/19800229 SEX/M'],
    ['NCN', 'no record lic/zzz9999'],
    ['NCH', hit],
    ['NCH', `WARNING: A PARAGRAPH THAT STANDS BEFORE IT\r\n\r\n${hit}`],
    ['NCH', `NO NCIC WANT NAM/SAMPLE,PAT Q\r\n\r\n${hit}`],
    ['NCA', 'NIC/W999999999 OCA/26000002'],
    ['NCJ', 'REJ FIELD ERROR OFF'],
    ['NCJ', 'REJECT - DUPLICATE ON FILE'],
    ['NCJ', `REJ NOT ON FILE\r\n${hit}`],
    ['NCU', '$.8. NOTICE'],
    ['NCU', `$.H.\r\n${hit}`],
    ['NCT', '$..8 NOTHING OF THE KIND'],
    ['NCH', `NO RECORD LIC/ZZZ9999 LIS/NV ${hit}`],
    ['NCH', 'NO NCIC WANT NAM/SAMPLE,PAT Q - mke/wanted person'],
    ['NCH', `1. ${hit}`],
    ['NCH', `WARNING:${hit}`],
    ['NCH', `ACCEPTED INQUIRY\r\n${hit}`],
    ['NCH', `NIC/V999999999 ${hit}`],
    ['NCN', 'NO RECORD SMOKEMKE/X XMKE/ MKE'],
    ['NCT', 'A RECORD WITH NO RECORD OF IT'],
    ['NCT', 'P 01 OF 02'],
    ['NCT', 'ONLY THE TEXT MAY BEGIN SO\r\nNO RECORD\r\nREJ\r\nNIC/W999999999'],
  ];
  for (const [key, text] of cases) {
    for (const gap of ['\r\n', '\r\n\r\n', '\n\n', ' \r\n\r\n']) {
      const message = read(`1L01GW00000B01\r\nCA0990100${gap}${text}`);
      assert.equal(message.messageKey, key, text);
      assert.equal(bodyOf(message), text);
      assert.deepEqual(message.destinations, [{ text: 'CA0990100', offset: 16 }]);
      assert.equal(message.originatingOri, ncic.networkOri);
      assert.equal(message.isRelayed, true);
      assert.equal(message.control, 'GW00000B01');
    }
  }
});

test('the key of a response has the place of the line that told it', () => {
  const message = read(`1L01A\r\nCA0990100\r\n\r\nWARNING\r\n\r\n${hit}`);
  assert.equal(message.keyOffset, message.bytes.indexOf('MKE/'));
  assert.equal(bodyOf(message), `WARNING\r\n\r\n${hit}`);
});

test('behind the reference its line may hold more, as a state’s own routing', () => {
  const message = read('1L01GW00000B01ABCDE.ZZ0 99.*X\r\nCA0990100\r\nNO RECORD');
  assert.equal(message.control, 'GW00000B01ABCDE');
  assert.deepEqual(message.destinations, [{ text: 'CA0990100', offset: 31 }]);
  assert.equal(message.messageKey, 'NCN');
});

test('a notice that nobody asked for is for the ORI it names, with or without lines before it', () => {
  const cases: readonly [text: string, body: string, reference: string][] = [
    [`1L01ZZ1\r\nCA0990100\r\n\r\n$.8. X\r\n${hit}`, `$.8. X\r\n${hit}`, 'ZZ1'],
    [`CA0990100\r\n\r\n$.8. X\r\n${hit}`, `$.8. X\r\n${hit}`, ''],
    [`CA0990100 \r\n$.8. X\r\n${hit}`, `$.8. X\r\n${hit}`, ''],
    ['CA0990100\r\nPOSSIBLE DUPLICATE\r\n\r\n$.8. X', 'POSSIBLE DUPLICATE\r\n\r\n$.8. X', ''],
    [`$.8. X\r\nCA0990100\r\n${hit}`, `$.8. X\r\nCA0990100\r\n${hit}`, ''],
    ['$.8. X\r\nNIC/V999999999 ORI/CA0990100', '$.8. X\r\nNIC/V999999999 ORI/CA0990100', ''],
  ];
  for (const [text, body, reference] of cases) {
    const message = read(text);
    assert.equal(message.messageKey, 'NCU');
    assert.equal(message.isRelayed, true);
    const [{ text: to, offset } = { text: '', offset: -1 }] = message.destinations;
    assert.deepEqual([to, offset], ['CA0990100', text.indexOf('CA0990100')], text);
    assert.equal(bodyOf(message), body);
    assert.equal(message.control, reference);
  }
  assert.deepEqual(refusal('$.8. ORI/CA09901000'), ['PARSE_DESTINATION', 19]);
});

test('a switch’s own answers are known from the network’s, repeated or not', () => {
  const { answers, output } = dialect;
  const values1 = { control: 'GW00000B01', originatingOri: 'CA0990100', messageId: 'w7-42' };
  const refused = { ...values1, status: ['.14. REQUIRED FIELD MISSING - LIS', '.22. FIELD LENGTH INVALID'] };
  for (const [form, key, given] of [
    [answers.refused, 'GWJ', refused],
    [answers.accepted, 'GWA', values1],
  ] as const) {
    const text = renderForm(form, given).toString('latin1');
    assert.equal(read(text).messageKey, key);
    assert.equal(read(text).control, 'GW00000B01');
    const marked = text.replace('\r\n\r\n', `\r\n${output.possibleDuplicate}\r\n\r\n`);
    assert.equal(read(marked).messageKey, key);
  }
});

test('a dialect may have leads, a network ORI and responses of its own', () => {
  const responses = [{ begins: 'FOUND', where: 'text', mayStandAlone: false, messageKey: 'NCH' }] as const;
  const leads = { input: ['ZZ01', 'ZZ02'], output: ['ZZ99'] };
  const own = { ...dialect, ncic: { ...ncic, leads, networkOri: 'ZZ0990000', responses, otherKey: 'NCN' } };
  assert.equal(read('zz02A.QV.CA0990100.LIC/A', own).messageKey, 'QV');
  const found = read('ZZ99A\r\nCA0990100\r\n\r\nFOUND', own);
  assert.deepEqual([found.messageKey, found.originatingOri], ['NCH', 'ZZ0990000']);
  assert.equal(read('ZZ99A\r\nCA0990100\r\n\r\nREJ', own).messageKey, 'NCN');
  assert.deepEqual(refusal('1N01A.QV.CA0990100.LIC/A', own), ['PARSE_HEADER', 0]);
  assert.deepEqual(refusal('CA0990100\r\n\r\n$.8. X', own), ['PARSE_HEADER', 0]);
});

const pieces = fc
  .array(
    fc.oneof(
      fc.constantFrom('1N01', '1L01', 'A', '.', 'QV', 'EW-C', 'CA0990100', '\r\n', 'LIC/', '/', '-', 'MKE/'),
      fc.constantFrom(
        '1N01A.QV.CA0990100.',
        '1L01A\r\nCA0990100\r\n\r\n',
        '$.8.',
        'ORI/',
        'NO RECORD',
        'REJ',
      ),
      fc.string({ unit: 'binary-ascii', maxLength: 4 }),
    ),
    { maxLength: 20 },
  )
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));

test('never throws, and every offset it gives lies in the frame and points at what it names', () => {
  const anything = fc.uint8Array({ maxLength: 200 }).map((list) => Buffer.from(list));
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: pieces }, anything), (bytes) => {
      const outcome = parse({ kind: 'frame', bytes }, dialect);
      if (!outcome.ok) {
        const { offset = 0, length = 0 } = outcome.refusals[0];
        assert.ok(offset >= 0 && offset + length <= bytes.length);
        return;
      }
      const { fields, destinations, keyOffset, messageKey, originatingOri, oriOffset, isRelayed } =
        outcome.value;
      const at = (from: number, length: number) =>
        bytes.toString('latin1', from, from + length).toUpperCase();
      for (const { code, codeOffset, offset, length } of fields) {
        assert.equal(at(codeOffset, 4), `${code}/`);
        assert.ok(length >= 0 && offset === codeOffset + 4 && offset + length <= bytes.length);
      }
      for (const { text, offset, isImplied } of destinations) {
        assert.equal(
          isImplied === true ? at(keyOffset, messageKey.length) : at(offset, 9),
          isImplied ? messageKey : text,
        );
      }
      if (!isRelayed) assert.equal(at(oriOffset, 9), originatingOri);
    }),
    { numRuns: 3000 },
  );
});

const reference = fc.stringMatching(/^[ -\-/-~]{1,15}$/);
const ori = fc.stringMatching(/^[A-Z]{2}[A-Z0-9]{7}$/);
const inputKeys = [...dialect.keys.values()].filter(({ destinations }) => destinations.implied.length > 0);

test('reads back what an inquiry or entry was made of', () => {
  const field = fc.tuple(
    fc.stringMatching(/^[A-Z]{3}$/),
    fc.stringMatching(/^[A-Z0-9]([A-Z0-9 ,/-]{0,8}[A-Z0-9])?$/),
  );
  const key = fc
    .constantFrom(...inputKeys)
    .chain(({ key: name, suffixes }) =>
      suffixes === 'any' ? fc.constantFrom(name, `${name}-A`, `${name}-Z`) : fc.constant(name),
    );
  fc.assert(
    fc.property(
      reference,
      key,
      ori,
      fc.array(field, { maxLength: 20 }),
      (control, messageKey, from, pairs) => {
        const body = pairs.map(([code, value]) => `${code}/${value}`);
        const message = read(
          ncicHeader(ncic, { control, messageKey, originatingOri: from }) + body.join('.'),
        );
        assert.equal(message.control, control);
        assert.equal(message.messageKey, messageKey);
        assert.equal(message.originatingOri, from);
        assert.deepEqual(values(message), body);
      },
    ),
    { numRuns: 500 },
  );
});

/** As a station of this dialect is sent one. */
const responseHead = (control: string, destination: string) =>
  `${renderForm(dialect.output.form, { control, destination }).toString('latin1')}\r\n`;

test('reads back what a response was made of', () => {
  const texts = fc.constantFrom('NO RECORD LIC/ZZZ9999', hit, '$.8. X', 'NIC/W999999999', 'REJ X', 'OTHER');
  fc.assert(
    fc.property(reference, ori, texts, (control, to, text) => {
      const message = read(responseHead(control, to) + text);
      assert.equal(message.control, control);
      assert.deepEqual(
        message.destinations.map(({ text: one }) => one),
        [to],
      );
      assert.equal(bodyOf(message), text);
    }),
    { numRuns: 200 },
  );
  const alone = read(`${responseHead('', 'CA0990100')}$.8. X`);
  assert.deepEqual([alone.control, bodyOf(alone)], ['', '$.8. X']);
});

test('what has no reference is written with the dialect’s', () => {
  const message = read(
    `${ncicHeader(ncic, { control: '', messageKey: 'QG', originatingOri: 'CA0990100' })}SER/ZZ9`,
  );
  assert.equal(message.control, ncic.referenceOfNone);
});
