import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { loadDialect } from '../src/dialect/dialect.ts';
import { loadDirectory } from '../src/directory/directory.ts';
import { parse } from '../src/parse/parse.ts';
import { travel } from './golden/inbound-road.ts';
import { dialectFolder, sampleDirectory } from './golden/samples.ts';

const dialect = loadDialect(dialectFolder('nlets-xml'));
const directory = loadDirectory(sampleDirectory);
const line = directory.lines.get('xml-marine');
const mebibyte = 1_048_576;

const namespaces =
  'xmlns:n2="http://www.nlets.org/niem/1.0" xmlns:nh2="http://www.nlets.org/niem/nlets-hdr/1.0" ' +
  'xmlns:nc="http://niem.gov/niem/niem-core/2.0"';
const header =
  '<n2:NLETSMessageHeader><nh2:MessageKeyCodeText>AM</nh2:MessageKeyCodeText><nh2:OriginatingORIID>CA0993500</nh2:OriginatingORIID>' +
  '<nh2:DestinationORIID>NV0990300</nh2:DestinationORIID></n2:NLETSMessageHeader>';

/** A message whose text element holds `text`; `inside` stands behind it in the body, `before` in front of the root. */
function documentOf({ text = 'SAMPLE', inside = '', before = '', root = '' } = {}): string {
  const body = `<n2:NLETSMailData n2:key="AM"><n2:MailMessageText>${text}</n2:MailMessageText>${inside}</n2:NLETSMailData>`;
  return `${before}<n2:NLETS ${namespaces} n2:version="4.00"${root}>${header}${body}</n2:NLETS>`;
}

function read(document: string | Buffer) {
  return parse({ kind: 'frame', bytes: Buffer.from(document) }, dialect);
}

function codeOf(document: string | Buffer): string {
  const outcome = read(document);
  return outcome.ok ? 'accepted' : outcome.refusals[0].code;
}

const nested = (depth: number) => '<n2:A>'.repeat(depth) + '</n2:A>'.repeat(depth);
const bomb = (entities: readonly string[]) =>
  `<!DOCTYPE x [${entities.map((text, at) => `<!ENTITY e${String(at)} "${text}">`).join('')}]>`;
const laughs = bomb(['ha', ...Array.from({ length: 9 }, (_, at) => `&e${String(at)};`.repeat(10))]);

/** Each with what it is answered, and nothing of it is ever expanded, fetched or followed. */
const attacks: readonly (readonly [what: string, code: string, document: string | Buffer])[] = [
  ['entities in entities', 'PARSE_XML_FORBIDDEN', documentOf({ before: laughs, text: '&e9;' })],
  [
    'one long entity many times',
    'PARSE_XML_FORBIDDEN',
    documentOf({ before: bomb(['a'.repeat(50_000)]), text: '&e0;'.repeat(10_000) }),
  ],
  ['an entity without a document type', 'PARSE_XML_FORBIDDEN', documentOf({ text: '&e0;' })],
  ['an entity in an attribute', 'PARSE_XML', documentOf({ inside: '<n2:A b="&e0;"/>' })],
  [
    'an external entity',
    'PARSE_XML_FORBIDDEN',
    documentOf({ before: '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>', text: '&e;' }),
  ],
  [
    'a document type from elsewhere',
    'PARSE_XML_FORBIDDEN',
    documentOf({ before: '<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">' }),
  ],
  [
    'a parameter entity',
    'PARSE_XML_FORBIDDEN',
    documentOf({ before: '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1/p"> %p;]>' }),
  ],
  ['an element declaration in the middle', 'PARSE_XML_FORBIDDEN', documentOf({ inside: '<!ELEMENT a ANY>' })],
  [
    'a style sheet',
    'PARSE_XML_FORBIDDEN',
    documentOf({ before: '<?xml-stylesheet href="http://127.0.0.1/"?>' }),
  ],
  ['an instruction inside', 'PARSE_XML_FORBIDDEN', documentOf({ inside: '<?php 1 ?>' })],
  ['a second declaration', 'PARSE_XML_FORBIDDEN', documentOf({ inside: '<?xml version="1.0"?>' })],
  [
    'a declaration of another encoding',
    'PARSE_XML',
    documentOf({ before: '<?xml version="1.0" encoding="UTF-16"?>' }),
  ],
  ['a name that is harmful in JavaScript', 'PARSE_XML_FORBIDDEN', documentOf({ inside: '<__proto__/>' })],
  ['such a name of an attribute', 'PARSE_XML_FORBIDDEN', documentOf({ inside: '<n2:A constructor="1"/>' })],
  ['65 elements one in the other', 'PARSE_XML_LIMIT', documentOf({ inside: nested(63) })],
  ['a hundred thousand of them', 'PARSE_XML_LIMIT', documentOf({ inside: nested(100_000) })],
  ['a hundred thousand that never end', 'PARSE_XML_LIMIT', '<a>'.repeat(100_000)],
  [
    'a hundred thousand beside each other',
    'PARSE_XML_LIMIT',
    documentOf({ inside: '<n2:A/>'.repeat(100_000) }),
  ],
  [
    'an attribute of half a mebibyte',
    'PARSE_XML_LIMIT',
    documentOf({ inside: `<n2:A b="${'x'.repeat(mebibyte / 2)}"/>` }),
  ],
  ['a tag of blanks', 'PARSE_XML_LIMIT', documentOf({ inside: `<n2:A ${' '.repeat(mebibyte / 2)}/>` })],
  [
    'a thousand attributes',
    'PARSE_XML_LIMIT',
    documentOf({
      inside: `<n2:A ${Array.from({ length: 1000 }, (_, at) => `a${String(at)}="1"`).join(' ')}/>`,
    }),
  ],
  [
    'a thousand namespaces',
    'PARSE_XML_LIMIT',
    documentOf({
      inside: Array.from({ length: 1000 }, (_, at) => `<n2:A xmlns:p${String(at)}="urn:p"/>`).join(''),
    }),
  ],
  [
    'seventeen images',
    'PARSE_XML_LIMIT',
    documentOf({
      inside: '<nc:Image><nc:BinaryBase64Object>QUJD</nc:BinaryBase64Object></nc:Image>'.repeat(17),
    }),
  ],
  [
    'a name of half a mebibyte',
    'PARSE_XML_LIMIT',
    documentOf({ inside: `<n2:${'A'.repeat(mebibyte / 2)}/>` }),
  ],
  // JavaScript, and with it the library, takes these for blanks, and a name for two; XML does not.
  ...['\u00a0', '\u1680', '\u2028', '\u3000', '\ufeff'].map(
    (blank) =>
      [
        `a name with U+${blank.charCodeAt(0).toString(16)} in it`,
        'PARSE_XML',
        documentOf({ inside: `<n2:Other${blank}x>X</n2:Other${blank}x>` }),
      ] as const,
  ),
  [
    'a second key behind such a blank',
    'PARSE_XML',
    documentOf({ root: ' xmlns:x\u00a0n2="urn:x"' }).replace('n2:key="AM"', 'n2:key="AM" x\u00a0n2:key="RQ"'),
  ],
  ['the end of a section in text', 'PARSE_XML', documentOf({ text: 'A]]>B' })],
  ['a form feed in the declaration', 'PARSE_XML', documentOf({ before: '<?xml\fversion="1.0"?>' })],
  ['the same attribute twice', 'PARSE_XML', documentOf({ inside: '<n2:A b="1" b="2"/>' })],
  ['two headers', 'PARSE_XML_DOCUMENT', documentOf().replace(header, header + header)],
  [
    'two message keys',
    'PARSE_XML_DOCUMENT',
    documentOf().replace(
      '<nh2:OriginatingORIID>',
      '<nh2:MessageKeyCodeText>RQ</nh2:MessageKeyCodeText><nh2:OriginatingORIID>',
    ),
  ],
  [
    'two originating ORIs',
    'PARSE_XML_DOCUMENT',
    documentOf().replace(
      '<nh2:DestinationORIID>',
      '<nh2:OriginatingORIID>NV0990300</nh2:OriginatingORIID><nh2:DestinationORIID>',
    ),
  ],
  ['two bodies', 'PARSE_XML_DOCUMENT', documentOf().replace('</n2:NLETS>', '<n2:NLETSMailData/></n2:NLETS>')],
  [
    'a body for another key by a second prefix',
    'PARSE_XML_DOCUMENT',
    documentOf().replace(
      '<n2:NLETSMailData n2:key="AM"',
      '<n2:NLETSMailData n2:key="AM" xmlns:m="http://www.nlets.org/niem/1.0" m:key="RQ"',
    ),
  ],
  [
    'a root of another namespace',
    'PARSE_XML_DOCUMENT',
    documentOf().replace('http://www.nlets.org/niem/1.0', 'urn:example'),
  ],
  ['a header of another namespace', 'PARSE_HEADER', documentOf().replace('nlets-hdr', 'nlets-other')],
  [
    'a prefix that means something else inside',
    'PARSE_HEADER',
    documentOf().replace('<nh2:MessageKeyCodeText>', '<nh2:MessageKeyCodeText xmlns:nh2="urn:example">'),
  ],
  ['a prefix that is not declared', 'PARSE_XML_NAMESPACE', documentOf({ inside: '<zz:A/>' })],
  [
    'a prefix declared beside, not around',
    'PARSE_XML_NAMESPACE',
    documentOf({ inside: '<n2:A xmlns:zz="urn:z"/><zz:A/>' }),
  ],
  ['a prefix that is taken back', 'PARSE_XML_NAMESPACE', documentOf({ inside: '<n2:A xmlns:n2=""/>' })],
  ['the prefix xmlns declared', 'PARSE_XML_NAMESPACE', documentOf({ root: ' xmlns:xmlns="urn:x"' })],
  ['a section that does not end', 'PARSE_XML', documentOf({ text: '<![CDATA[' })],
  ['a comment that does not end', 'PARSE_XML', documentOf({ text: '<!--' })],
  ['a comment with two hyphens', 'PARSE_XML', documentOf({ text: '<!-- a -- b -->' })],
  ['a tag that does not end', 'PARSE_XML', documentOf({ inside: '<n2:A b="1" ' })],
  ['a quote that does not end', 'PARSE_XML', documentOf({ inside: '<n2:A b="1/>' })],
  ['a mark in a value', 'PARSE_XML', documentOf({ inside: '<n2:A b="<"/>' })],
  ['an attribute without a value', 'PARSE_XML', documentOf({ inside: '<n2:A b/>' })],
  ['attributes without a blank between', 'PARSE_XML', documentOf({ inside: '<n2:A b="1"c="2"/>' })],
  ['an end tag with an attribute', 'PARSE_XML', documentOf({ inside: '<n2:A></n2:A b="1">' })],
  ['an end tag that has none to end', 'PARSE_XML', `${documentOf()}</n2:NLETS>`],
  ['a second root', 'PARSE_XML', documentOf() + documentOf()],
  ['text behind the root', 'PARSE_XML', `${documentOf()}RQ.CA0993500.NV.TXT`],
  ['a section behind the root', 'PARSE_XML', `${documentOf()}<![CDATA[x]]>`],
  ['a stray ampersand', 'PARSE_XML', documentOf({ text: 'SAMPLE & SAMPLE' })],
  ['a reference to NUL', 'PARSE_XML', documentOf({ text: '&#0;' })],
  ['a reference to half a character', 'PARSE_XML', documentOf({ text: '&#xD800;' })],
  ['a reference beyond all characters', 'PARSE_XML', documentOf({ text: '&#x110000;' })],
  ['NUL', 'PARSE_CHARACTER', documentOf({ text: '\0' })],
  ['a form feed in a comment', 'PARSE_CHARACTER', documentOf({ text: '<!-- \f -->' })],
  ['a character that XML has not', 'PARSE_CHARACTER', documentOf({ text: '\uffff' })],
  ['half a character', 'PARSE_CHARACTER', Buffer.concat([Buffer.from(documentOf()), Buffer.of(0xe2, 0x82)])],
  ['ASCII written in two bytes', 'PARSE_CHARACTER', Buffer.from(documentOf({ text: 'À¼' }), 'latin1')],
  [
    'half of a pair in three bytes',
    'PARSE_CHARACTER',
    Buffer.from(documentOf({ text: '\xed\xa0\x80' }), 'latin1'),
  ],
  ['UTF-16', 'PARSE_CHARACTER', Buffer.from(`\ufeff${documentOf()}`, 'utf16le')],
  ['two byte order marks', 'PARSE_XML', `\ufeff\ufeff${documentOf()}`],
  ['nothing but blanks', 'PARSE_XML', ' \r\n'],
  ['nothing but a comment', 'PARSE_XML', '<!-- -->'],
  ['a mebibyte of marks', 'PARSE_XML', '<'.repeat(mebibyte)],
  ['a mebibyte of ampersands', 'PARSE_XML', documentOf({ text: '&'.repeat(mebibyte) })],
];

for (const [what, code, document] of attacks) {
  test(`refuses a document with ${what}, and the next on the line passes`, () => {
    assert.ok(line);
    assert.equal(codeOf(document), code);
    const frames = [document, documentOf()].map(framed);
    const travelled = travel([Buffer.concat(frames)], line, dialect, directory);
    // What is longer than a frame is refused before it is one, and its line is closed.
    if (Buffer.byteLength(document) > mebibyte) return;
    assert.deepEqual(
      travelled.map((one) => ('refusals' in one ? one.refusals.map((refusal) => refusal.code) : 'accepted')),
      [[code], 'accepted'],
    );
  });
}

function framed(document: string | Buffer): Buffer {
  const bytes = Buffer.from(document);
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(bytes.length);
  return Buffer.concat([prefix, bytes]);
}

test('reads what only looks like an attack', () => {
  const harmless = [
    documentOf({ inside: nested(62) }),
    documentOf({ text: `<![CDATA[${laughs}]]>` }),
    documentOf({ text: `<!-- ${'< & > '.repeat(50_000)} -->SAMPLE` }),
    documentOf({ inside: '<n2:valueOf/><n2:toString n2:hasOwnProperty="1"/>' }),
    documentOf({ inside: '<zz:A xmlns:zz="urn:z" zz:b="1" xml:lang="en"><zz:A/></zz:A>' }),
    `\ufeff<?xml version='1.0' encoding='utf-8' standalone='yes'?>\n<!-- --> ${documentOf()} <!-- -->\n`,
  ];
  for (const document of harmless) assert.equal(codeOf(document), 'accepted');
});

/** As long as it is asked for, each with something that a careless reader goes through again for every part of it. */
const growing: Readonly<Record<string, (length: number) => string>> = {
  text: (length) => documentOf({ text: 'A'.repeat(length) }),
  'letters beyond ASCII': (length) => documentOf({ text: 'Ñ'.repeat(length / 2) }),
  references: (length) => documentOf({ text: '&amp;'.repeat(length / 5) }),
  'CR LF': (length) => documentOf({ text: '\r\n'.repeat(length / 2) }),
  comments: (length) => documentOf({ text: '<!---->'.repeat(length / 7) }),
  sections: (length) => documentOf({ text: '<![CDATA[]]>'.repeat(length / 12) }),
  'blanks in a field': (length) =>
    documentOf()
      .replace('AM', 'RQ')
      .replace(/<n2:NLETSMailData.*<\/n2:NLETSMailData>/, '')
      .replace(
        '</n2:NLETS>',
        `<n2:NLETSInquiryData><n2:ReasonCode>A\nB${' '.repeat(length)}C</n2:ReasonCode></n2:NLETSInquiryData></n2:NLETS>`,
      ),
  'letters in a name': (length) => documentOf({ inside: `<n2:${'Ñ'.repeat(length / 2)}/>` }),
  base64: (length) =>
    documentOf({
      inside: `<nc:Image><nc:BinaryBase64Object>${'QUJD'.repeat(length / 4)}</nc:BinaryBase64Object></nc:Image>`,
    }),
  'tags that do not end': (length) => '<a b="'.repeat(length / 6),
  'ends without a beginning': (length) => documentOf({ text: '</a>'.repeat(length / 4) }),
  brackets: (length) => documentOf({ text: `<![CDATA[${']]'.repeat(length / 2)}]]>` }),
};

for (const [what, document] of Object.entries(growing)) {
  test(`takes time that grows with the length of a document of ${what}, up to a mebibyte`, () => {
    const [short, long] = [document(mebibyte / 8), document(mebibyte - 2048)];
    const shortMs = cpuMs(short);
    const longMs = cpuMs(long);
    // Eight times as long: a reader that goes through all of it for each part of it would take sixty times as much.
    assert.ok(longMs < 30 * Math.max(shortMs, 2), `${longMs.toFixed(1)} ms after ${shortMs.toFixed(1)} ms`);
  });
}

/** The least processor time of a few readings: other work on the machine does not count. */
function cpuMs(document: string): number {
  const bytes = Buffer.from(document);
  const times = Array.from({ length: 3 }, () => {
    const before = process.cpuUsage();
    parse({ kind: 'frame', bytes }, dialect);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

test('keeps nothing of documents it has read', () => {
  const bytes = Buffer.from(documentOf({ text: '<!---->'.repeat(100_000), inside: '<n2:A/>'.repeat(4_000) }));
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const usedAfter = (rounds: number): number => {
    for (let round = 0; round < rounds; round++) assert.ok(parse({ kind: 'frame', bytes }, dialect).ok);
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = usedAfter(1);
  assert.ok(usedAfter(20) - before < 8 * mebibyte);
});
