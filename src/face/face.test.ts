import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Dialect, type KeyDefinition, loadDialect } from '../dialect/dialect.ts';
import type { Message } from '../message/message.ts';
import { parse } from '../parse/parse.ts';
import {
  controlFor,
  type Dropped,
  isNothing,
  isSameFace,
  notCarried,
  noteOf,
  writeBody,
  writeMessage,
} from './face.ts';

const protocols = join(import.meta.dirname, '../../protocols');
const [text, clets, documents, ofml] = ['nlets-legacy', 'clets', 'nlets-xml', 'ofml'].map((name) =>
  loadDialect(join(protocols, name)),
) as [Dialect, Dialect, Dialect, Dialect];

function read(content: string, dialect: Dialect): Message {
  const parsed = parse({ kind: 'frame', bytes: Buffer.from(content) }, dialect);
  assert.ok(parsed.ok, content);
  return parsed.value;
}

const written = (content: string, from: Dialect, to: Dialect): readonly [string, string] => {
  const { bytes, dropped } = writeMessage(read(content, from), from, to);
  return [bytes.toString(), noteOf(dropped)];
};

const names = 'xmlns:n2="http://www.nlets.org/niem/1.0" xmlns:nh2="http://www.nlets.org/niem/nlets-hdr/1.0"';
const core = 'xmlns:nc="http://niem.gov/niem/niem-core/2.0"';

/** A document of one county for another, whose root declares what it is told. */
const document = (body: string, key = 'AM', control = '', root = `${names} ${core}`): string =>
  [
    `<n2:NLETS ${root}><n2:NLETSMessageHeader><nh2:MessageKeyCodeText>${key}</nh2:MessageKeyCodeText>`,
    '<nh2:OriginatingORIID>NV0990300</nh2:OriginatingORIID><nh2:DestinationORIID>CA0990100</nh2:DestinationORIID>',
    `<nh2:DocumentControlFieldText>${control}</nh2:DocumentControlFieldText></n2:NLETSMessageHeader>${body}</n2:NLETS>`,
  ].join('\r\n');

test('a plate query is the document of the domain sheet, X1, and goes back as it came', () => {
  const query = 'RQ.CA0990100.NV.*GW00000A01.TXT\r\nLIC/ZZZ9999.LIY/2026.LIT/PC';
  const lines = [
    `<n2:NLETS ${names} ${core} n2:version="4.00">`,
    ' <n2:NLETSMessageHeader>',
    '  <nh2:MessageKeyCodeText>RQ</nh2:MessageKeyCodeText>',
    '  <nh2:OriginatingORIID>CA0990100</nh2:OriginatingORIID>',
    '  <nh2:DestinationORIID>NV</nh2:DestinationORIID>',
    '  <nh2:DocumentControlFieldText><![CDATA[GW00000A01]]></nh2:DocumentControlFieldText>',
    ' </n2:NLETSMessageHeader>',
    ' <n2:NLETSInquiryData n2:key="RQ">',
    '  <nc:Vehicle>',
    '   <nc:ConveyanceRegistrationPlateIdentification>',
    '    <nc:IdentificationID>ZZZ9999</nc:IdentificationID>',
    '    <nc:IdentificationCategoryText>PC</nc:IdentificationCategoryText>',
    '    <nc:IdentificationExpirationDate>',
    '     <nc:Year>2026</nc:Year>',
    '    </nc:IdentificationExpirationDate>',
    '   </nc:ConveyanceRegistrationPlateIdentification>',
    '  </nc:Vehicle>',
    ' </n2:NLETSInquiryData>',
    '</n2:NLETS>',
  ].join('\r\n');
  assert.deepEqual(written(query, text, documents), [lines, '']);
  assert.deepEqual(written(lines, documents, text), [query, '']);
  assert.deepEqual(written(lines, documents, documents), [lines, '']);
});

test('text is written canonical: no period at the end, no line ends around fields, capitals', () => {
  assert.deepEqual(written('rq.ca0990100.nv.txt\r\n\r\nlic/zzz9999.\r\nliy/2026.lit/pc.', text, text), [
    'RQ.CA0990100.NV.TXT\r\nLIC/ZZZ9999.LIY/2026.LIT/PC',
    '',
  ]);
  // A DEL in front of the text would be taken for the line's, so a whole line end stands before it.
  const odd = 'AM.CA0990100.NV0990300.TXT\r\n\x7f\x7fHELLO';
  assert.deepEqual(written(odd, text, text), [odd, '']);
});

test('a document’s text comes with CR LF at its line ends, signs unescaped, and what is not ASCII as a question mark', () => {
  const mail = (words: string) =>
    document(`<n2:NLETSMailData><n2:MailMessageText>${words}</n2:MailMessageText></n2:NLETSMailData>`);
  const to = 'AM.NV0990300.CA0990100.TXT\r\n';
  assert.deepEqual(written(mail('A &amp; B\n<![CDATA[<C>]]>'), documents, text), [`${to}A & B\r\n<C>`, '']);
  assert.deepEqual(written(mail('CAF\u00c9\tX'), documents, text), [`${to}CAF? X`, 'CHARACTERS OF TEXT']);
});

test('a date of six digits, which a document cannot say, is dropped with its place', () => {
  const query = 'DQ.CA0990100.NV.TXT\r\nNAM/SAMPLE,PAT Q.DOB/022980.SEX/M';
  const dropped = notCarried(read(query, text), text, documents);
  assert.deepEqual(dropped, [{ kind: 'field', name: 'DOB', offset: query.indexOf('022980'), length: 6 }]);
  assert.ok(!writeMessage(read(query, text), text, documents).bytes.includes('022980'));
});

test('images and elements stay in their dialect; elsewhere they are named', () => {
  const image =
    '<nc:Image><nc:BinaryBase64Object>QUFB</nc:BinaryBase64Object><nc:Size>4</nc:Size></nc:Image>';
  const body = `<n2:NLETSMailData n2:key="AM"><n2:MailMessageText>SEE PHOTO</n2:MailMessageText>${image}</n2:NLETSMailData>`;
  const message = read(document(body), documents);
  assert.equal(noteOf(notCarried(message, documents, text)), 'IMAGE, ELEMENT Size');
  assert.equal(noteOf(notCarried(message, documents, ofml)), 'IMAGE, ELEMENT Size');
  assert.deepEqual(notCarried(message, documents, documents), []);
  assert.ok(writeBody(message, documents, documents).bytes.toString().includes(image));
});

test('what a sender puts into the header besides its parts is named, also between documents', () => {
  const body = '<n2:NLETSMailData><n2:MailMessageText>A</n2:MailMessageText></n2:NLETSMailData>';
  const content = document(body).replace(
    '<nh2:OriginatingORIID>',
    '<nh2:Shift>NIGHT</nh2:Shift><nh2:OriginatingORIID>',
  );
  assert.equal(noteOf(notCarried(read(content, documents), documents, documents)), 'ELEMENT Shift');
});

test('a body keeps the namespaces that stood around it, whatever its prefixes', () => {
  const around = 'xmlns:a="http://www.nlets.org/niem/1.0" xmlns:x="urn:example:x" xmlns:y="urn:example:y"';
  const body =
    '<a:NLETSMailData xmlns:y="urn:example:z"><a:MailMessageText x:lang="en">A</a:MailMessageText><y:B/></a:NLETSMailData>';
  const content = document(body, 'AM', '', `${names} ${around}`);
  assert.equal(
    writeBody(read(content, documents), documents, documents).bytes.toString(),
    body.replace(
      '<a:NLETSMailData',
      '<a:NLETSMailData xmlns:a="http://www.nlets.org/niem/1.0" xmlns:x="urn:example:x"',
    ),
  );
  const forged = document(body, 'AM', '', `${names} ${around} x:a=' xmlns:a="urn:example:z"'`);
  assert.deepEqual(
    writeBody(read(forged, documents), documents, documents),
    writeBody(read(content, documents), documents, documents),
    'a value that looks like a declaration is none',
  );
  // The second byte of à alone is a blank, to JavaScript.
  const uri = 'http://www.nlets.org/niem/1.0';
  const letters = '<à:NLETSMailData><à:MailMessageText>A</à:MailMessageText></à:NLETSMailData>';
  const accented = document(
    letters,
    'AM',
    '',
    `${names} xmlns:à="${uri}" xmlns:bà="urn:b" bà:c="" xmlns:aàxmlns="urn:x" aàxmlns:n2="urn:z"`,
  );
  assert.equal(
    writeBody(read(accented, documents), documents, documents).bytes.toString(),
    letters.replace('<à:NLETSMailData', `<à:NLETSMailData xmlns:à="${uri}"`),
  );
  const bare = '<NLETSMailData><MailMessageText>A</MailMessageText></NLETSMailData>';
  const inDefault = document(bare, 'AM', '', `${names} xmlns="http://www.nlets.org/niem/1.0"`);
  assert.equal(
    writeBody(read(inDefault, documents), documents, documents).bytes.toString(),
    bare.replace('<NLETSMailData', '<NLETSMailData xmlns="http://www.nlets.org/niem/1.0"'),
  );
});

test('a control field that text would cut short is left out whole and named', () => {
  const body = '<n2:NLETSMailData><n2:MailMessageText>A</n2:MailMessageText></n2:NLETSMailData>';
  for (const [control, kept] of [
    ['GW.1', ''],
    ['GW*1', ''],
    ['GW 1', 'GW 1'],
  ] as const) {
    // This dialect's documents cannot have them either; one of another network may.
    const message = { ...read(document(body), documents), control };
    assert.equal(controlFor(message, documents, text), kept);
    assert.equal(noteOf(notCarried(message, documents, text)), kept === '' ? 'CONTROL FIELD' : '');
    assert.equal(controlFor(message, documents, documents), control);
  }
});

test('a key the other dialect lacks is nothing, and so is a body without one part it has a place for', () => {
  const unknown = read('ZZT.CA0990100.NV0990300.TXT\r\nLOCAL', clets);
  assert.ok(isNothing(notCarried(unknown, clets, documents)));
  assert.equal(writeMessage(unknown, clets, documents).bytes.length, 0);
  const onlyText = '<n2:NLETSResponseData><n2:ResponseText>A</n2:ResponseText></n2:NLETSResponseData>';
  const fieldsOnly = new Map(text.keys).set('RR', { ...text.keys.get('RQ'), key: 'RR' } as KeyDefinition);
  const answer = read(document(onlyText, 'RR'), documents);
  assert.ok(!isNothing(notCarried(answer, documents, text)));
  assert.ok(isNothing(notCarried(answer, documents, { ...text, keys: fieldsOnly })));
  assert.equal(writeMessage(answer, documents, { ...text, keys: fieldsOnly }).bytes.length, 0);
  const noPlace: Dialect = { ...documents, xml: documents.xml && { ...documents.xml, bodies: new Map() } };
  assert.ok(isNothing(notCarried(read('AM.CA0990100.NV.TXT\r\nA', text), text, noPlace)));
});

test('a mnemonic is no destination where there are none, and a message without one left is nothing', () => {
  const to = (destinations: string) => read(`AM.CA0990100.${destinations}.TXT\r\nA`, clets);
  assert.equal(noteOf(writeMessage(to('ZZA1.NV0990300'), clets, documents).dropped), 'DESTINATION ZZA1');
  assert.ok(isNothing(writeMessage(to('ZZA1'), clets, documents).dropped));
});

test('between texts a body goes as it came and nothing is dropped', () => {
  const message = read('RQ.CA0990100.NV.TXT\r\nlic/zzz9999.\r\nLIY/2026.LIT/PC.', text);
  assert.ok(isSameFace(text, clets));
  assert.deepEqual(writeBody(message, text, clets), {
    bytes: Buffer.from('lic/zzz9999.\r\nLIY/2026.LIT/PC.'),
    dropped: [],
  });
});

test('to NCIC goes what NCIC is asked, and of other dialects nothing else', () => {
  const ncic = loadDialect(join(protocols, 'ncic-2000'));
  // Its responses say neither what they are nor who wrote them: a text would be read as one.
  const hit = 'MKE/STOLEN VEHICLE\r\nNIC/V999999999';
  for (const [content, from] of [
    [`AM.CA0990100.CA0991200.TXT\r\n${hit}`, text],
    [`NCH.CA0990100.CA0991200.TXT\r\n${hit}`, clets],
    ['RQ.CA0990100.FB.TXT\r\nVIN/1ZZZZ99Z9ZZ999999', text],
    // This dialect reads no fields of a key without a file, and free text cannot be entered.
    ['EP.CA0990100.FB.TXT\r\nSER/ZZ1.OCA/26000001', clets],
  ] as const) {
    const { bytes, dropped } = writeBody(read(content, from), from, ncic);
    assert.ok(isNothing(dropped) && bytes.length === 0, content);
  }
  const own: Dialect = { ...text, keys: new Map([...text.keys, ...ncic.keys]), fields: ncic.fields };
  const query = read('QV.CA0990100.lic/zzz9999 .\r\nLIS/NV.', own);
  assert.deepEqual(writeBody(query, own, ncic), { bytes: Buffer.from('LIC/ZZZ9999.LIS/NV'), dropped: [] });
  const response = read(`1L01A\r\nCA0991200\r\n\r\n${hit}`, ncic);
  const other: Dialect = { ...ncic, name: 'zz-ncic' };
  for (const to of [ncic, other]) {
    assert.deepEqual(writeBody(response, ncic, to), { bytes: Buffer.from(hit), dropped: [] });
  }
  assert.ok(isNothing(notCarried(response, ncic, { ...other, keys: new Map() })));
});

test('a note is one line of ASCII that names each thing once, eight of them at most', () => {
  const dropped = (name: string): Dropped => ({ kind: 'element', name, offset: 0, length: 1 });
  assert.equal(noteOf([dropped('q:A'), dropped('r:A'), dropped('\u00e9\r\n')]), 'ELEMENT A, ELEMENT ???');
  const many = Array.from({ length: 11 }, (_none, at) => dropped(`E${String(at)}`));
  assert.match(noteOf(many), /ELEMENT E7, AND 3 MORE$/);
  assert.ok(noteOf([dropped('X'.repeat(5000))]).length < 60);
});

test('a control field keeps the blanks at its ends through a document and back; those of the layout are none of it', () => {
  const asked = 'AM.NV0990300.CA0990100.* GW 1 .TXT\r\nA';
  const [sent] = written(asked, text, documents);
  assert.deepEqual(written(sent, documents, text), [asked, '']);
  const body = '<n2:NLETSMailData><n2:MailMessageText>A</n2:MailMessageText></n2:NLETSMailData>';
  for (const [laidOut, control] of [
    [' GW1 ', ' GW1 '],
    ['\n  GW1\n ', 'GW1'],
    ['   GW00000A01   ', 'GW00000A01'],
    ['   ', ''],
  ] as const)
    assert.equal(read(document(body, 'AM', laidOut), documents).control, control);
});

test('a value on two lines of a document keeps its words apart', () => {
  const names = 'SAMPLE,PAT\r\n   Q';
  const query = (name: string) =>
    document(
      `<n2:NLETSInquiryData><n2:Person><nc:PersonName><nc:PersonFullName>${name}</nc:PersonFullName></nc:PersonName></n2:Person></n2:NLETSInquiryData>`,
      'DQ',
    );
  const [got] = written(query(names), documents, text);
  assert.match(got, /NAM\/SAMPLE,PAT Q$/);
});
