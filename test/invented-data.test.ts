import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Dialect, loadDialect, valueOf } from '../src/dialect/dialect.ts';
import { FrameDecoder } from '../src/frame/frame.ts';
import type { Message } from '../src/message/message.ts';
import { parse } from '../src/parse/parse.ts';
import {
  acceptedSamples,
  dialectFolder,
  dialectNames,
  outputSamples,
  refusedSamples,
} from './golden/samples.ts';

/** Nobody's data: what the ranges are, and where they are looked for. What is found is told: nothing in a sample is secret. */
const root = join(import.meta.dirname, '..');
const folders = [
  ...['protocols', 'examples', 'benchmarks', 'loadtest', 'docs', 'README.md'],
  ...['test/golden', 'test/talk', 'test/fuzz/corpus', 'test/fuzz/text-mutations.ts'],
];
/** Messages that no sample runner reads, as they stand in their files. */
const written = ['benchmarks/corpus', 'test/fuzz/corpus'];
const dialects = new Map(dialectNames().map((name) => [name, loadDialect(dialectFolder(name))]));

/** An agency of county 099, which no state has, or nine characters that name an office of a network: letters, and zeros behind them. */
const inventedOri = /^(?:[A-Z]{2}099[0-9A-Z]{4}|[A-Z]{2,8}[A-Z0]0*)$/;
/** SAMPLE and EXAMPLE are nobody’s names, of persons and of agencies; a title alone is where an echo was cut off. */
const inventedName = /SAMPLE|EXAMPLE|^OFC$/;
const ofNines = /^[A-Z]{0,2}0?[9Z]+$/;

/** Fields that name a person, a thing or an agency, by what an invented value looks like. */
const invented: Readonly<Record<string, RegExp>> = {
  ORI: inventedOri,
  LIC: /ZZ/,
  // As the domain sheet writes one, nines and Zs behind the first character, then a number; or a part of one.
  VIN: /^(?:[0-9A-Z]Z[9Z]{9}\d{6}|[9Z]*)$/,
  NAM: inventedName,
  ATN: inventedName,
  RNA: inventedName,
  RAG: inventedName,
  CNA: inventedName,
  CAG: inventedName,
  PHO: /^(?:\d{3}-?)?555-?01\d\d$/,
  SOC: /^(?:000|666|9\d\d)/,
  SID: ofNines,
  FBI: ofNines,
  NIC: ofNines,
  OLN: ofNines,
};

/** Found in any text, whatever it is written in. Each has what makes it invented in its first group, or is not. */
const patterns: readonly (readonly [name: string, found: RegExp, isInvented: RegExp])[] = [
  ['ORI', /\b[A-Z]{2}\d{7}\b/gi, /^(?:..099|NL0000000$)/i],
  ['phone number', /(?<![\d/-])(?:\d{3}[- ])?\d{3}-\d{4}(?![\d-])/g, /555-01\d\d$/],
  ['social security number', /(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])/g, /^(?:000|666|9)/],
  ['VIN', /\b(?=[A-HJ-NPR-Z]*\d)(?=\d*[A-HJ-NPR-Z])[A-HJ-NPR-Z0-9]{17}\b/g, /^[0-9A-Z]Z[9Z]{9}\d{6}$/],
  [
    'mail address',
    /\b[\w.-]+@[a-z][\w-]*\.[a-z]{2,}\b/gi,
    /@(?:[\w-]+\.)*(?:example|invalid|test)(?:\.(?:com|org|net))?$/i,
  ],
];

/** `code value`, of fields that do not look invented. */
function strangeFields({ fields, bytes }: Pick<Message, 'fields' | 'bytes'>): string[] {
  return fields.flatMap((field) => {
    const [value, wanted] = [valueOf(bytes, field), invented[field.code]];
    return wanted === undefined || wanted.test(value) ? [] : [`${field.code}/${value}`];
  });
}

function strangeHeader({
  originatingOri,
  destinations,
}: Pick<Message, 'originatingOri' | 'destinations'>): string[] {
  const oris = [originatingOri, ...destinations.map(({ text }) => text).filter((text) => text.length === 9)];
  return oris.filter((ori) => !inventedOri.test(ori));
}

/** Fields found by their codes alone, whatever stands around them: a value ends with its period, its line or the next code. */
function strangeFieldTexts(text: string): string[] {
  return Object.entries(invented).flatMap(([code, wanted]) =>
    [...text.matchAll(new RegExp(`\\b${code}/(.*?)(?=\\.|[\r\n<"]| [A-Z]{3}/|\\\\|\x03|$)`, 'gm'))].flatMap(
      ([, value = '']) => {
        const [first = ''] = value.trim().split(' ');
        return wanted.test(value) || wanted.test(first) ? [] : [`${code}/${value}`];
      },
    ),
  );
}

function strangeTexts(text: string): string[] {
  return patterns.flatMap(([name, found, isInvented]) =>
    [...text.matchAll(found)].flatMap(([what]) => (isInvented.test(what) ? [] : [`${name} ${what}`])),
  );
}

function messagesIn(wire: Buffer, dialect: Dialect): Message[] {
  return new FrameDecoder(dialect.framing).push(wire).flatMap((event) => {
    const outcome = event.kind === 'frame' ? parse(event, dialect) : undefined;
    return outcome?.ok === true ? [outcome.value] : [];
  });
}

function filesIn(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path).flatMap((name) => filesIn(join(path, name)));
}

test('what the samples say in their fields and headers is invented', () => {
  let read = 0;
  const strange = [...acceptedSamples(), ...refusedSamples(), ...outputSamples()].flatMap((sample) => {
    const dialect = dialects.get(sample.dialect);
    assert.ok(dialect);
    const messages = messagesIn(sample.wire, dialect);
    read += messages.length;
    const found = messages.flatMap((message) => [...strangeHeader(message), ...strangeFields(message)]);
    return found.map((what) => `${sample.dialect} ${sample.name}: ${what}`);
  });
  assert.ok(read > 100, 'samples are read');
  assert.deepEqual(strange, []);
});

test('no file of samples, conversations, examples and goldens holds a number or an agency that may be somebody’s', () => {
  const files = folders.flatMap((folder) => filesIn(join(root, folder)));
  assert.ok(files.length > 300);
  const strange = files.flatMap((file) =>
    strangeTexts(readFileSync(file, 'latin1')).map((what) => `${file.slice(root.length + 1)}: ${what}`),
  );
  assert.deepEqual(strange, []);
});

test('what talks and the messages of other folders say in their fields is invented', () => {
  const talks = filesIn(join(root, 'protocols')).filter((file) => file.endsWith('.talk'));
  const files = [...talks, ...written.flatMap((folder) => filesIn(join(root, folder)))];
  assert.ok(talks.length > 15 && files.length > 60);
  let fields = 0;
  const strange = files.flatMap((file) => {
    const text = readFileSync(file, 'latin1');
    fields += text.match(/\b[A-Z]{3}\//g)?.length ?? 0;
    return strangeFieldTexts(text).map((what) => `${file.slice(root.length + 1)}: ${what}`);
  });
  assert.ok(fields > 100, 'fields are there');
  assert.deepEqual(strange, []);
});

test('what is not invented is seen', () => {
  const dialect = dialects.get('nlets-legacy');
  assert.ok(dialect);
  const of = (content: string): string[] =>
    messagesIn(Buffer.from(`\x02${content}\x03`, 'latin1'), dialect).flatMap((message) => [
      ...strangeHeader(message),
      ...strangeFields(message),
    ]);
  assert.deepEqual(of('RQ.CA0990100.NV.TXT\r\nLIC/ZZZ9999.VIN/1ZZZZ99Z9ZZ999999'), []);
  assert.deepEqual(of('RQ.CA0190100.NV.TXT\r\nLIC/1ABC234.VIN/1HGCM82633A004352'), [
    'CA0190100',
    'LIC/1ABC234',
    'VIN/1HGCM82633A004352',
  ]);
  assert.deepEqual(of('YQ.CA0990100.NV0190300.TXT\r\nRAG/SOME PD.PHO/5551234.NIC/V123456789'), [
    'NV0190300',
    'RAG/SOME PD',
    'PHO/5551234',
    'NIC/V123456789',
  ]);
  assert.deepEqual(of('DQ.CA0990100.NVLIC0000.TXT\r\nNAM/DOE,JOHN.SOC/123456789.OLN/D1234567'), [
    'NAM/DOE,JOHN',
    'SOC/123456789',
    'OLN/D1234567',
  ]);
  assert.deepEqual(
    strangeFieldTexts(
      'I RQ.X.TXT LIC/1ABC234.LIC/ZZZ9999 VIN/1ZZZZ99Z9ZZ999999\r\nNAM/DOE,JOHN\x03\nNAM/SAMPLE,PAT',
    ),
    ['LIC/1ABC234', 'NAM/DOE,JOHN'],
  );
  const text =
    'CALL 916-555-1234 OR 555-0100, SSN 123-45-6789 OR 900-45-6789, CA0340000, 1HGCM82633A004352, A@B.GOV, A@B.EXAMPLE';
  assert.deepEqual(strangeTexts(text), [
    'ORI CA0340000',
    'phone number 916-555-1234',
    'social security number 123-45-6789',
    'VIN 1HGCM82633A004352',
    'mail address A@B.GOV',
  ]);
});
