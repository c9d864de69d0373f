import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadDialect } from '../dialect/dialect.ts';
import { parse } from '../parse/parse.ts';
import { documentReceipt, mayBeReceipt, readReceipt } from './receipt.ts';

const dialect = loadDialect(join(import.meta.dirname, '../../protocols/nlets-legacy'));
const read = (text: string) => readReceipt(Buffer.from(text, 'latin1'), dialect, 'CAGWY0000');

test('reads what a station says of a message by the count it was sent with', () => {
  assert.deepEqual(read('ACK.NV0990300.CAGWY0000.TXT00042'), { kind: 'accepted', sentCount: 42 });
  assert.deepEqual(read('REJ.NV0990300.CAGWY0000.TXT99999'), { kind: 'refused', sentCount: 99_999 });
});

test('line ends behind the text mark, words behind the count, a control field and lower case are all right', () => {
  for (const text of [
    'ACK.NV0990300.CAGWY0000.TXT\r\n00042',
    'ACK.NV0990300.CAGWY0000.TXT\r\n\x7f00042\r\n',
    'ACK.NV0990300.CAGWY0000.TXT00042 PRINTED. THANK YOU',
    'ACK.NV0990300.CAGWY0000.*GW00000A01.TXT00042',
    'ack.nv0990300.cagwy0000.*a b.txt00042',
  ]) {
    assert.deepEqual(read(text), { kind: 'accepted', sentCount: 42 }, text);
  }
});

test('anything else is an ordinary message', () => {
  for (const text of [
    '',
    'ACK',
    'ACK.NV0990300.CAGWY0000.',
    'AM.NV0990300.CAGWY0000.TXT00042',
    'ACK.NV099030.CAGWY0000.TXT00042',
    'ACK.NV0990300.CA0990100.TXT00042',
    'ACK.NV0990300.CAGWY0000.NV.TXT00042',
    'ACK.NV0990300.TXT00042',
    'ACK.NV0990300.CAGWY0000.00042',
    'ACK.NV0990300.CAGWY0000.TXT0042',
    'ACK.NV0990300.CAGWY0000.TXT000042',
    'ACK.NV0990300.CAGWY0000.TXT 00042',
    'ACK.NV0990300.CAGWY0000.TXT\n\r00042',
    'ACK.NV0990300.CAGWY0000.*.TXT00042',
    'ACK.NV0990300.CAGWY0000.*12345678901.TXT00042',
    ' ACK.NV0990300.CAGWY0000.TXT00042',
    'REJECT.NV0990300.CAGWY0000.TXT00042',
  ]) {
    assert.equal(read(text), undefined, text);
  }
});

test('never throws and never reads a count it was not given, whatever the bytes', () => {
  const parts = fc.constantFrom('ACK', 'REJ', 'NV0990300', 'CAGWY0000', 'TXT', '*A', '.', '\r\n', '00042');
  const nearly = fc.array(parts, { maxLength: 12 }).map((list) => Buffer.from(list.join('')));
  const any = fc.uint8Array({ maxLength: 300 }).map((list) => Buffer.from(list));
  const behind = any.map((bytes) => Buffer.concat([Buffer.from('ACK.NV0990300.CAGWY0000.TXT'), bytes]));
  fc.assert(
    fc.property(fc.oneof(nearly, any, behind), (bytes) => {
      const receipt = readReceipt(bytes, dialect, 'CAGWY0000');
      if (receipt === undefined) return;
      assert.ok(bytes.toString('latin1').includes(String(receipt.sentCount).padStart(5, '0')));
      assert.ok(receipt.sentCount >= 0 && receipt.sentCount <= 99_999);
    }),
    { numRuns: 2000 },
  );
});

const documents = loadDialect(join(import.meta.dirname, '../../protocols/nlets-xml'));

/** A receipt as a document of a station, one of its parts replaced. */
function receiptDocument(from = '', to = ''): Buffer {
  const text = [
    '<n2:NLETS xmlns:n2="http://www.nlets.org/niem/1.0" xmlns:nh2="http://www.nlets.org/niem/nlets-hdr/1.0">',
    '<n2:NLETSMessageHeader><nh2:MessageKeyCodeText>ACK</nh2:MessageKeyCodeText>',
    '<nh2:OriginatingORIID>NV0990300</nh2:OriginatingORIID><nh2:DestinationORIID>CAGWY0000</nh2:DestinationORIID>',
    '</n2:NLETSMessageHeader><n2:NLETSMailData><n2:MailMessageText>00042</n2:MailMessageText></n2:NLETSMailData>',
    '</n2:NLETS>',
  ].join('');
  assert.ok(text.includes(from));
  return Buffer.from(text.replace(from, () => to));
}

function readDocument(bytes: Buffer) {
  const read = parse({ kind: 'frame', bytes }, documents);
  assert.ok(read.ok);
  return documentReceipt(read.value, documents, 'CAGWY0000');
}

test('a document is a receipt by the same key, receiver and count', () => {
  assert.deepEqual(readDocument(receiptDocument()), { kind: 'accepted', sentCount: 42 });
  assert.deepEqual(readDocument(receiptDocument('ACK', 'REJ')), { kind: 'refused', sentCount: 42 });
  assert.deepEqual(readDocument(receiptDocument('00042', '<![CDATA[00042 PRINTED]]>')), {
    kind: 'accepted',
    sentCount: 42,
  });
  assert.ok(mayBeReceipt(receiptDocument(), documents));
  assert.ok(!mayBeReceipt(receiptDocument('ACK', 'AM'), documents));
  const others = [
    ['ACK', 'AM'],
    ['CAGWY0000', 'NV0990300'],
    ['00042', '000421'],
    ['00042', 'ON 00042'],
    ['</nh2:DestinationORIID>', '</nh2:DestinationORIID><nh2:DestinationORIID>NV</nh2:DestinationORIID>'],
  ] as const;
  for (const [from, to] of others) assert.equal(readDocument(receiptDocument(from, to)), undefined, to);
});
