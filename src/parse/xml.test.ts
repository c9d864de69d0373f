import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadDialect, valueOf } from '../dialect/dialect.ts';
import type { Message } from '../message/message.ts';
import { parse } from './parse.ts';

const protocols = join(import.meta.dirname, '../../protocols');
const dialect = loadDialect(join(protocols, 'nlets-xml'));
const samples = join(protocols, 'nlets-xml/samples/accepted');
/** The documents of the samples, without the length in front. */
const documents = readdirSync(samples).map((name) => ({
  name,
  bytes: readFileSync(join(samples, name, 'wire.msg')).subarray(4),
}));

function read(document: string | Buffer) {
  return parse({ kind: 'frame', bytes: Buffer.from(document) }, dialect);
}

function messageOf(document: string | Buffer): Message {
  const outcome = read(document);
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return outcome.value;
}

/** What a message says, wherever it stands in the frame. */
function said({
  messageKey,
  originatingOri,
  destinations,
  control,
  isRelayed,
  fields,
  text,
  bytes,
}: Message) {
  return {
    ...{ messageKey, originatingOri, control, isRelayed, text },
    destinations: destinations.map((destination) => destination.text),
    fields: fields.map((field) => `${field.code}/${valueOf(bytes, field)}`),
  };
}

const namespaces =
  'xmlns:n2="http://www.nlets.org/niem/1.0" xmlns:nh2="http://www.nlets.org/niem/nlets-hdr/1.0" ' +
  'xmlns:nc="http://niem.gov/niem/niem-core/2.0"';

function documentOf(key: string, body: string, header = ''): string {
  return [
    `<n2:NLETS ${namespaces}><n2:NLETSMessageHeader><nh2:MessageKeyCodeText>${key}</nh2:MessageKeyCodeText>`,
    '<nh2:OriginatingORIID>CA0993500</nh2:OriginatingORIID><nh2:DestinationORIID>NV</nh2:DestinationORIID>',
    `${header}</n2:NLETSMessageHeader>${body}</n2:NLETS>`,
  ].join('');
}

const inquiry = (inside: string) => `<n2:NLETSInquiryData>${inside}</n2:NLETSInquiryData>`;
const plate = (inside: string) =>
  inquiry(
    `<nc:Vehicle><nc:ConveyanceRegistrationPlateIdentification>${inside}</nc:ConveyanceRegistrationPlateIdentification></nc:Vehicle>`,
  );
const mail = (inside: string) => `<n2:NLETSMailData>${inside}</n2:NLETSMailData>`;

test('every field, header part, attachment and unread element of the samples stands where the message says', () => {
  for (const { name, bytes } of documents) {
    const message = messageOf(bytes);
    for (const field of message.fields) {
      const characters = bytes.toString('utf8', field.offset, field.offset + field.length);
      assert.equal(bytes[field.codeOffset], 0x3c, `${name} ${field.code}`);
      assert.ok(field.codeOffset < field.offset && !characters.startsWith(' '), `${name} ${field.code}`);
      if (field.value === undefined) assert.doesNotMatch(characters, /[<&]/);
    }
    for (const { offset, length } of message.attachments ?? [])
      assert.match(bytes.toString('latin1', offset, offset + length), /^[A-Za-z0-9+/=\s]+$/, name);
    for (const { offset, length } of message.unread ?? [])
      assert.match(bytes.toString('latin1', offset, offset + length), /^<[^>]*>[^]*<\/[^>]*>$/, name);
    const at = (offset: number, length: number) =>
      bytes.toString('latin1', offset, offset + length).toUpperCase();
    assert.equal(at(message.keyOffset, message.messageKey.length), message.messageKey);
    assert.equal(at(message.oriOffset, 9), message.originatingOri);
    for (const { offset, text } of message.destinations) assert.equal(at(offset, text.length), text);
    const body = bytes.toString('latin1', message.bodyOffset, message.bodyEnd);
    assert.match(
      body,
      /^<[^>]*NLETS(?:Inquiry|Response|Mail)Data[^]*NLETS(?:Inquiry|Response|Mail)Data>$/,
      name,
    );
  }
});

test('prefixes are the sender’s choice: every sample with others says the same', () => {
  const renamed = (text: string) =>
    text.replaceAll(
      /(<\/?|\s|xmlns:)(n2c|n2-aa|n2|nh2|nc|j)(:|=)/g,
      (_all, before: string, prefix: string, after: string) => `${before}s-${prefix}.x${after}`,
    );
  for (const { name, bytes } of documents) {
    const other = renamed(bytes.toString('utf8'));
    assert.deepEqual(said(messageOf(other)), said(messageOf(bytes)), name);
  }
});

test('an element without a prefix stands in the default namespace, and inside its own element only', () => {
  const field = '<IdentificationID xmlns="http://niem.gov/niem/niem-core/2.0">ZZZ9999</IdentificationID>';
  assert.deepEqual(said(messageOf(documentOf('RQ', plate(field)))).fields, ['LIC/ZZZ9999']);
  const bare = messageOf(documentOf('RQ', plate('<IdentificationID>ZZZ9999</IdentificationID>')));
  assert.deepEqual([bare.fields, bare.unread?.map(({ name }) => name)], [[], ['IdentificationID']]);
});

test('says of a value that it is the bytes where it is, and else what it is', () => {
  const fieldOf = (characters: string, code = 'nc:IdentificationID') => {
    const message = messageOf(documentOf('RQ', plate(`<${code}>${characters}</${code}>`)));
    const [field] = message.fields;
    assert.ok(field);
    return [message.bytes.toString('utf8', field.offset, field.offset + field.length), field.value];
  };
  assert.deepEqual(fieldOf('ZZZ9999'), ['ZZZ9999', undefined]);
  assert.deepEqual(fieldOf('\r\n  ZZZ9999\t'), ['\r\n  ZZZ9999\t', 'ZZZ9999']);
  assert.deepEqual(fieldOf('  ZZZ9999 '), ['ZZZ9999', undefined]);
  assert.deepEqual(fieldOf('<![CDATA[ZZZ9999]]>'), ['ZZZ9999', undefined]);
  assert.deepEqual(fieldOf('ZZ<!-- -->Z9999'), ['ZZ<!-- -->Z9999', 'ZZZ9999']);
  assert.deepEqual(fieldOf('ZZZ&#57;999'), ['ZZZ&#57;999', 'ZZZ9999']);
  assert.deepEqual(fieldOf('ZÑZ'), ['ZÑZ', 'ZÑZ']);
});

test('reads dates, names, lists and indicators into what a field holds', () => {
  const fields = (key: string, inside: string) => said(messageOf(documentOf(key, inquiry(inside)))).fields;
  const name = (inside: string) => `<n2:Person><nc:PersonName>${inside}</nc:PersonName></n2:Person>`;
  const parts =
    '<nc:PersonGivenName>Pat</nc:PersonGivenName><nc:PersonSurName>Sample</nc:PersonSurName>' +
    '<nc:PersonNameSuffixText>Jr</nc:PersonNameSuffixText>';
  assert.deepEqual(fields('DQ', name(parts)), ['NAM/SAMPLE,PAT JR']);
  assert.deepEqual(fields('DQ', name('<nc:PersonFullName>SAMPLE,PAT Q</nc:PersonFullName>')), [
    'NAM/SAMPLE,PAT Q',
  ]);
  assert.deepEqual(fields('DQ', name('SAMPLE,PAT')), ['NAM/SAMPLE,PAT']);
  const birth = (text: string) =>
    `<n2:Person><nc:PersonBirthDate><nc:Date>${text}</nc:Date></nc:PersonBirthDate></n2:Person>`;
  assert.deepEqual(fields('DQ', birth('1980-02-29')), ['DOB/19800229']);
  assert.deepEqual(fields('DQ', birth('19800229')), ['DOB/19800229']);
  const image = (text: string) => `<n2:ImageIndicator>${text}</n2:ImageIndicator>`;
  for (const text of ['true', '1', 'Y']) assert.deepEqual(fields('DQ', image(text)), ['IMQ/Y']);
  for (const text of ['false', '0', 'N']) assert.deepEqual(fields('DQ', image(text)), ['IMQ/N']);
  const keys =
    '<n2:LogSearch><n2:MessageKeyCodeText>RQ</n2:MessageKeyCodeText>' +
    '<n2:MessageKeyCodeText>RR</n2:MessageKeyCodeText></n2:LogSearch>';
  assert.deepEqual(fields('NLQ', keys), ['TYP/RQ,RR']);
});

test('keeps what it does not know by its place, in header, root and body', () => {
  const document = documentOf(
    'RQ',
    `${plate('<n2:New><n2:Inside/></n2:New>')}<n2:Behind/>`,
    '<nh2:More>1</nh2:More>',
  );
  const { unread = [] } = messageOf(document);
  assert.deepEqual(
    unread.map(({ name, offset, length }) => [name, document.slice(offset, offset + length)]),
    [
      ['nh2:More', '<nh2:More>1</nh2:More>'],
      ['n2:Behind', '<n2:Behind/>'],
      ['n2:New', '<n2:New><n2:Inside/></n2:New>'],
    ],
  );
});

test('what stands in a part of header or name besides its characters, or beside a whole name, is kept by its place', () => {
  const more = '<nh2:MessageSendTime>14:02<nh2:Zone/></nh2:MessageSendTime>';
  const name =
    '<n2:Person><nc:PersonName><nc:PersonSurName>OTHER</nc:PersonSurName>' +
    '<nc:PersonFullName>SAMPLE,PAT<n2:Note/></nc:PersonFullName></nc:PersonName></n2:Person>';
  const message = messageOf(documentOf('DQ', inquiry(name), more));
  assert.deepEqual(said(message).fields, ['NAM/SAMPLE,PAT']);
  assert.deepEqual(
    message.unread?.map((element) => element.name),
    ['nh2:Zone', 'nc:PersonSurName', 'n2:Note'],
  );
});

test('an image is taken only where its bytes are base64 as they stand', () => {
  const image = (characters: string) =>
    mail(`<nc:Image><nc:BinaryBase64Object>${characters}</nc:BinaryBase64Object></nc:Image>`);
  const placeOf = (characters: string) => {
    const { attachments = [], bytes } = messageOf(documentOf('AM', image(characters)));
    return attachments.map(({ offset, length }) => bytes.toString('latin1', offset, offset + length));
  };
  assert.deepEqual(placeOf('QUJD\r\nQUJD'), ['QUJD\r\nQUJD']);
  assert.deepEqual(placeOf('<![CDATA[QUJD\r\nQUJD]]>'), ['QUJD\r\nQUJD']);
  for (const characters of ['QU<!-- -->JD', 'QU&#74;D', 'QUJD<![CDATA[QUJD]]>']) {
    const outcome = read(documentOf('AM', image(characters)));
    assert.deepEqual(outcome.ok ? [] : outcome.refusals.map(({ code }) => code), ['PARSE_FIELD'], characters);
  }
});

test('a line end is one character, however it is written', () => {
  for (const end of ['\r\n', '\n', '\r']) {
    assert.equal(
      messageOf(documentOf('AM', mail(`<n2:MailMessageText>A${end}B</n2:MailMessageText>`))).text,
      'A\nB',
    );
    const section = `<n2:MailMessageText><![CDATA[A${end}B]]></n2:MailMessageText>`;
    assert.equal(messageOf(documentOf('AM', mail(section))).text, 'A\nB');
  }
});

test('a clock or a count in the header makes a message one that a network handed on', () => {
  assert.equal(messageOf(documentOf('AM', mail('X'))).isRelayed, false);
  const sent = '<nh2:MessageSendTime>14:02</nh2:MessageSendTime>';
  assert.equal(messageOf(documentOf('AM', mail('X'), sent)).isRelayed, true);
});

test('a body without free text has none, whatever elements it has', () => {
  assert.equal(messageOf(documentOf('AM', mail('<n2:Other>X</n2:Other>'))).text, '');
  const response = '<n2:NLETSResponseData><n2:Other>X</n2:Other><n2:More/></n2:NLETSResponseData>';
  assert.equal(messageOf(documentOf('RR', response)).text, 'Other: X');
});

test('an element too long for a line of text is kept by its place instead', () => {
  const long = `<n2:Data>${'QUJD'.repeat(1001)}</n2:Data>`;
  const { text, unread } = messageOf(
    documentOf('RR', `<n2:NLETSResponseData>${long}<n2:Other>X</n2:Other></n2:NLETSResponseData>`),
  );
  assert.deepEqual([text, unread?.map(({ name }) => name)], ['Other: X', ['n2:Data']]);
});

test('passes a limit of fields or destinations to nobody', () => {
  const many = '<nc:IdentificationID>ZZZ9999</nc:IdentificationID>'.repeat(dialect.fieldsMax + 1);
  const fields = read(documentOf('RQ', plate(many)));
  assert.deepEqual(fields.ok ? [] : fields.refusals.map(({ code, limit }) => [code, limit]), [
    ['PARSE_FIELD', dialect.fieldsMax],
  ]);
  const places = '<nh2:DestinationORIID>NV</nh2:DestinationORIID>'.repeat(dialect.header.destinationsReadMax);
  const destinations = read(documentOf('RQ', plate(''), places));
  assert.deepEqual(destinations.ok ? [] : destinations.refusals.map(({ code, limit }) => [code, limit]), [
    ['PARSE_DESTINATION', dialect.header.destinationsReadMax],
  ]);
});

test('no bytes make it throw, and what it reads stands inside the frame', () => {
  const pieces = [
    '<',
    '>',
    '</',
    '/>',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '&',
    ';',
    '&#x',
    '"',
    ' xmlns:',
    '=',
    '\0',
    '\xff',
    '',
  ];
  const cut = fc.record({
    document: fc.constantFrom(...documents.map(({ bytes }) => bytes)),
    from: fc.double({ min: 0, max: 1, noNaN: true }),
    to: fc.nat(60),
    piece: fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary', maxLength: 20 })),
  });
  const damaged = cut.map(({ document, from, to, piece }) => {
    const at = Math.floor(from * document.length);
    return Buffer.concat([document.subarray(0, at), Buffer.from(piece), document.subarray(at + to)]);
  });
  const anything = fc.oneof(
    damaged,
    fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(anything, (bytes) => {
      const outcome = read(bytes);
      const places = outcome.ok
        ? [...outcome.value.fields, ...(outcome.value.unread ?? []), ...(outcome.value.attachments ?? [])]
        : outcome.refusals.map(({ offset = 0, length = 0 }) => ({ offset, length }));
      for (const { offset, length } of places)
        assert.ok(offset >= 0 && length >= 0 && offset + length <= bytes.length);
    }),
    { numRuns: 1500 },
  );
});
