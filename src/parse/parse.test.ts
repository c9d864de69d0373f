import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadDialect } from '../dialect/dialect.ts';
import type { Message } from '../message/message.ts';
import { parse } from './parse.ts';

const dialect = loadDialect(join(import.meta.dirname, '../../protocols/nlets-legacy'));
const clets = loadDialect(join(import.meta.dirname, '../../protocols/clets'));

function read(text: string, by = dialect): Message {
  const outcome = parse({ kind: 'frame', bytes: Buffer.from(text, 'latin1') }, by);
  assert.ok(outcome.ok, outcome.ok ? '' : outcome.refusals[0].code);
  return outcome.value;
}

function refusal(text: string, by = dialect) {
  const outcome = parse({ kind: 'frame', bytes: Buffer.from(text, 'latin1') }, by);
  assert.ok(!outcome.ok, 'it was read');
  assert.equal(outcome.refusals.length, 1);
  const { code, offset, limit } = outcome.refusals[0];
  return limit === undefined ? { code, offset } : { code, offset, limit };
}

const values = ({ bytes, fields }: Message) =>
  fields.map(({ code, offset, length }) => [code, bytes.toString('latin1', offset, offset + length)]);

test('reads the header parts and where each stands', () => {
  const message = read('RQ.CA0990100.NV.H1.*GW/+A01.TXT\r\nVIN/1ZZZZ99Z9ZZ999999');
  assert.equal(message.messageKey, 'RQ');
  assert.equal(message.originatingOri, 'CA0990100');
  assert.deepEqual(message.destinations, [
    { text: 'NV', offset: 13 },
    { text: 'H1', offset: 16 },
  ]);
  assert.equal(message.control, 'GW/+A01');
  assert.equal(message.bodyOffset, 33);
});

test('field offsets point at the bytes of codes and values', () => {
  const { bytes, fields } = read('RQ.CA0990100.NV.TXT\r\nLIC/ZZZ9999.LIY/2026');
  for (const { code, codeOffset } of fields) {
    assert.equal(bytes.toString('latin1', codeOffset, codeOffset + 3), code);
  }
  assert.deepEqual(
    fields.map(({ codeOffset, offset, length }) => [codeOffset, offset, length]),
    [
      [21, 25, 7],
      [33, 37, 4],
    ],
  );
});

test('is lenient: lower case, a trailing period, line ends and blanks around fields', () => {
  const message = read('rq.ca0990100.nv.txt\r\n\x7f lic/ZZZ9999 .\r\nLIY/2026.\r\n');
  assert.equal(message.messageKey, 'RQ');
  assert.equal(message.originatingOri, 'CA0990100');
  assert.deepEqual(values(message), [
    ['LIC', 'ZZZ9999'],
    ['LIY', '2026'],
  ]);
});

test('the body may follow TXT with no line end, one, or DEL', () => {
  for (const gap of ['', '\r\n', '\n', '\r\n\x7f', ' ']) {
    assert.deepEqual(values(read(`RQ.CA0990100.NV.TXT${gap}VIN/1Z`)), [['VIN', '1Z']], JSON.stringify(gap));
  }
});

test('a slash inside a value is legal, a period ends the field', () => {
  assert.deepEqual(values(read('RQ.CA0990100.NV.TXTVCO/BLU/WHI.LIC/A')), [
    ['VCO', 'BLU/WHI'],
    ['LIC', 'A'],
  ]);
  assert.deepEqual(refusal('YQ.CA0990100.NV0990300.TXTREM/ST. PAUL'), { code: 'PARSE_FIELD', offset: 34 });
});

test('free text is not cut into fields, and a key the dialect lacks is left to authorize', () => {
  assert.deepEqual(read('AM.CA0990100.NV.TXT\r\nLIC/ZZZ9999. MORE.').fields, []);
  assert.deepEqual(read('ZZQ.CA0990100.NV.TXT\r\nLIC/ZZZ9999').fields, []);
});

test('reads a sixth and seventh destination, up to thirty-two: how many a key may have is authorize’s question', () => {
  assert.equal(read(`AM.CA0990100.${'NV.'.repeat(7)}TXTX`).destinations.length, 7);
  assert.equal(read(`AM.CA0990100.${'NV.'.repeat(32)}TXTX`).destinations.length, 32);
  assert.deepEqual(refusal(`AM.CA0990100.${'NV.'.repeat(33)}TXTX`), {
    code: 'PARSE_DESTINATION',
    offset: 109,
    limit: 32,
  });
});

test('an ORI that begins like the text mark is a destination', () => {
  const message = read('AM.CA0990100.TXT099000.TXT\r\nHELLO');
  assert.deepEqual(message.destinations, [{ text: 'TXT099000', offset: 13 }]);
});

test('bounds the number of fields', () => {
  assert.equal(read(`RQ.CA0990100.NV.TXT${'LIC/A.'.repeat(64)}`).fields.length, 64);
  assert.deepEqual(refusal(`RQ.CA0990100.NV.TXT${'LIC/A.'.repeat(65)}`), {
    code: 'PARSE_FIELD',
    offset: 19 + 64 * 6,
    limit: 64,
  });
});

test('says where the header stops being one', () => {
  const cases: [string, string, number][] = [
    ['', 'PARSE_HEADER', 0],
    ['RQ', 'PARSE_HEADER', 0],
    ['.CA0990100.NV.TXTX', 'PARSE_HEADER', 0],
    ['RQ.CA0990100', 'PARSE_HEADER', 3],
    ['RQ.CA09901000.NV.TXTX', 'PARSE_ORI', 3],
    ['R.CA0990100.NV.TXTX', 'PARSE_MESSAGE_KEY', 0],
    ['RQAB.CA0990100.NV.TXTX', 'PARSE_MESSAGE_KEY', 0],
    ['RQ.CA0990100.NV', 'PARSE_TEXT_MISSING', 13],
    ['RQ.CA0990100.NV.', 'PARSE_TEXT_MISSING', 16],
    ['RQ.CA0990100.NV.TX', 'PARSE_TEXT_MISSING', 16],
    ['RQ.CA0990100.N.TXTX', 'PARSE_DESTINATION', 13],
    ['RQ.CA0990100.*A.TXTX', 'PARSE_DESTINATION', 13],
    ['RQ.CA0990100.NV.*.TXTX', 'PARSE_CONTROL', 17],
    ['RQ.CA0990100.NV.*A', 'PARSE_CONTROL', 17],
    ['RQ.CA0990100.NV.*A*B.TXTX', 'PARSE_CONTROL', 17],
    ['RQ.CA0990100.NV.*A.NV.TXTX', 'PARSE_TEXT_MISSING', 19],
    ['AM.CA0990100.NV.TXT\x00', 'PARSE_CHARACTER', 19],
    ['AM.CA0990100.NV.TXT\t', 'PARSE_CHARACTER', 19],
  ];
  for (const [text, code, offset] of cases) {
    const found = refusal(text);
    assert.deepEqual([found.code, found.offset], [code, offset], JSON.stringify(text));
  }
});

const clocks = '14:02 06/15/2026 01873\r\n14:02 06/15/2026 00412';

test('reads what a network hands on, the destination behind the second clock line or below it', () => {
  for (const gap of [' ', '\r\n', ' \r\n']) {
    const text = `RR.NVDMV0000\r\n${clocks}${gap}CA0990100\r\n*GW 1 \r\nTXT\r\nNOT ON FILE`;
    const message = read(text);
    assert.equal(message.isRelayed, true);
    assert.equal(message.originatingOri, 'NVDMV0000');
    assert.deepEqual(message.destinations, [{ text: 'CA0990100', offset: text.indexOf('CA0990100') }]);
    assert.equal(message.control, 'GW 1 ');
    assert.equal(message.bytes.toString('latin1', message.bodyOffset), 'NOT ON FILE');
  }
  assert.equal(read('AM.CA0990100.NV.TXTX').isRelayed, false);
});

test('a handed-on message may have no control field, bare line ends, several codes, and fields', () => {
  const message = read(`YR.NV0990300\n${clocks} CA.GBN01\nTXT\nRTY/SV.RNO/1`);
  assert.equal(message.control, '');
  assert.deepEqual(
    message.destinations.map(({ text }) => text),
    ['CA', 'GBN01'],
  );
  assert.deepEqual(values(message), [
    ['RTY', 'SV'],
    ['RNO', '1'],
  ]);
});

test('says where a handed-on header stops being one, in the form that got furthest', () => {
  const start = 'RR.NVDMV0000\r\n';
  const to = ' CA0990100\r\n';
  const body = 'TXT\r\nX';
  const cases: [text: string, code: string, at: string][] = [
    [start, 'PARSE_CLOCK_LINE', ''],
    [`${start}14:02 06/15/26 01873\r\n`, 'PARSE_CLOCK_LINE', '06/15/26'],
    [`${start}14:02 06/15/2026 1873\r\n`, 'PARSE_CLOCK_LINE', '1873'],
    [`${start}${clocks}\r\nTXT\r\nX`, 'PARSE_DESTINATION', 'TXT'],
    [`${start}${clocks} CA099010\r\n${body}`, 'PARSE_DESTINATION', 'CA099010'],
    [`${start}${clocks} CA.N\r\n${body}`, 'PARSE_DESTINATION', 'N\r\n'],
    [`${start}${clocks} CA0990100 NV\r\n${body}`, 'PARSE_CLOCK_LINE', ' NV'],
    [`${start}${clocks}${to}*GW00000A01X\r\n${body}`, 'PARSE_CONTROL', 'GW00000A01X'],
    [`${start}${clocks}${to}*A.B\r\n${body}`, 'PARSE_CONTROL', 'A.B'],
    [`${start}${clocks}${to}*\r\n${body}`, 'PARSE_CONTROL', '\r\nTXT'],
    [`${start}${clocks}${to}\r\n${body}`, 'PARSE_TEXT_MISSING', '\r\nTXT'],
    [`${start}${clocks}${to}TXTX`, 'PARSE_TEXT_MISSING', 'TXTX'],
    [`${start}${clocks}${to}`, 'PARSE_TEXT_MISSING', ''],
    ['RR.NVDMV000\r\n', 'PARSE_ORI', 'NVDMV000'],
  ];
  for (const [text, code, at] of cases) {
    assert.deepEqual(refusal(text).code, code, JSON.stringify(text));
    assert.equal(refusal(text).offset, at === '' ? text.length : text.indexOf(at), JSON.stringify(text));
  }
});

test('a dialect without the network’s form does not read it', () => {
  const { code, offset } = refusal(`RR.NVDMV0000\r\n${clocks} CA\r\nTXT\r\nX`, { ...dialect, relayed: [] });
  assert.deepEqual([code, offset], ['PARSE_HEADER', 3]);
});

test('a key with implied destinations has its body behind the ORI, and nothing between', () => {
  for (const gap of ['', '\r\n', '\r\n\x7f', ' ']) {
    const message = read(`QV.CA0990100.${gap}LIC/9ZZZ999.LIS/CA`, clets);
    assert.deepEqual(message.destinations, [{ text: 'CA', offset: 0, isImplied: true }]);
    assert.equal(message.control, '');
    assert.deepEqual(values(message), [
      ['LIC', '9ZZZ999'],
      ['LIS', 'CA'],
    ]);
  }
  assert.deepEqual(refusal('QV.CA0990100.NV.TXTLIC/9ZZZ999.LIS/CA', clets), {
    code: 'PARSE_FIELD',
    offset: 13,
  });
  assert.deepEqual(refusal('QV.CA0990100', clets), { code: 'PARSE_HEADER', offset: 3 });
});

test('a mnemonic has three or four characters, and may begin like the text mark', () => {
  const to = (text: string) => read(text, clets).destinations.map((destination) => destination.text);
  assert.deepEqual(to('AM.CA0990100.ZZA.zza1.9999.TXT HELLO'), ['ZZA', 'ZZA1', '9999']);
  assert.deepEqual(to('AM.CA0990100.TXTA.TXT HELLO'), ['TXTA']);
  assert.deepEqual(refusal('AM.CA0990100.ZZA111.TXT HELLO', clets), {
    code: 'PARSE_DESTINATION',
    offset: 13,
  });
  assert.deepEqual(refusal('AM.CA0990100.ZZA1.TXT HELLO'), { code: 'PARSE_DESTINATION', offset: 13 });
});

const pieces = fc
  .array(
    fc.oneof(
      fc.constantFrom('RQ', 'AM', '.', 'CA0990100', 'NV', '*', 'TXT', '\r\n', 'LIC/', 'ZZZ9999', '/', '\x7f'),
      fc.constantFrom('IV.CA0990100.', 'RR.NVDMV0000\r\n', '14:02 06/15/2026 01873', ' CA0990100', 'ZZA1'),
      fc.string({ unit: 'binary-ascii', maxLength: 4 }),
    ),
    { maxLength: 30 },
  )
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));

test('never throws, and every offset it gives lies in the frame', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        pieces,
        fc.uint8Array({ maxLength: 300 }).map((list) => Buffer.from(list)),
      ),
      fc.constantFrom(dialect, clets),
      (bytes, by) => {
        const outcome = parse({ kind: 'frame', bytes }, by);
        if (!outcome.ok) {
          const { offset = 0 } = outcome.refusals[0];
          assert.ok(offset <= bytes.length);
          return;
        }
        for (const { offset, length, codeOffset } of outcome.value.fields) {
          assert.ok(codeOffset >= outcome.value.bodyOffset && length >= 0 && offset + length <= bytes.length);
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test('reads back what a header was made of', () => {
  const ori = fc.stringMatching(/^[A-SU-Z][A-Z][A-Z0-9]{7}$/);
  const destination = fc.oneof(ori, fc.stringMatching(/^[A-Z]{2}$/), fc.stringMatching(/^[A-Z][0-9]$/));
  const control = fc.stringMatching(/^[!-)+\-/-~]{1,10}$/);
  fc.assert(
    fc.property(ori, fc.array(destination, { minLength: 1, maxLength: 32 }), control, (from, to, own) => {
      const message = read(`AM.${from}.${to.join('.')}.*${own}.TXT\r\nTEXT`);
      assert.equal(message.originatingOri, from);
      assert.deepEqual(
        message.destinations.map(({ text }) => text),
        to.map((code) => dialect.destinations.aliases.get(code) ?? code),
      );
      assert.equal(message.control, own);
      assert.equal(message.bytes.toString('latin1', message.bodyOffset), 'TEXT');
    }),
    { numRuns: 200 },
  );
});

test('another name of a destination is read as the code it stands for, at its own place', () => {
  assert.deepEqual(read('AM.CA0990100.NV.ne.GU.TXT\r\nTEXT').destinations, [
    { text: 'NV', offset: 13 },
    { text: 'NB', offset: 16 },
    { text: 'GM', offset: 19 },
  ]);
  const relayed = 'SM.NL0000000\r\n14:02 06/15/2026 01873\r\n14:02 06/15/2026 00412 NE.NV\r\nTXT\r\n.01.';
  assert.deepEqual(
    read(relayed).destinations.map(({ text }) => text),
    ['NB', 'NV'],
  );
  // In a field the value is the sender's own.
  assert.deepEqual(values(read('XQ.CA0990100.CN.TXT\r\nLIC/ZZZ999.LIS/NE'))[1], ['LIS', 'NE']);
});

test('a response says which part of several it is, near its start or its end', () => {
  const part = (body: string, key = 'FR') => read(`${key}.NV0990300.CA0990100.TXT\r\n${body}`).part;
  assert.deepEqual(part('P 01 OF 02\r\nTEXT'), { number: 1, of: 2 });
  assert.deepEqual(part('TEXT\r\nPAGE 1 OF 2'), { number: 1, of: 2 });
  assert.deepEqual(part('(part  3 of 12) TEXT'), { number: 3, of: 12 });
  assert.deepEqual(part('TEXT Seg 9/9.'), { number: 9, of: 9 });
  assert.equal(part('P 01 OF 02', 'AM'), undefined, 'what people write is no marker');
  for (const other of [
    'P 0 OF 2',
    'P 3 OF 2',
    'P 001 OF 002',
    'P 1 OF 100',
    'STOP 1 OF 2',
    'P 1 OF2',
    'P 1',
    'TEXT',
  ]) {
    assert.equal(part(other), undefined, other);
  }
  const far = 'X'.repeat(81);
  assert.equal(part(`${far} P 1 OF 2 ${far}`), undefined);
  // Near its start is what begins there.
  assert.deepEqual(part(`${'X'.repeat(78)} P 1 OF 2 ${far}`), { number: 1, of: 2 });
});
