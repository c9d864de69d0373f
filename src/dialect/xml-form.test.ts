import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { fromXml, loadDialect, nameFromXml, nameToXml, toXml } from './dialect.ts';

const protocols = join(import.meta.dirname, '../../protocols');

type Json = Record<string, unknown>;

/** What a dialect of its own says when its xml.json is that of nlets-xml with a change. */
function faultWith(
  context: TestContext,
  change: (file: Json) => void,
  other?: (folder: string) => void,
): string {
  const folder = mkdtempSync(join(tmpdir(), 'tenfour-xml-'));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  for (const name of ['nlets-legacy', 'nlets-xml']) {
    cpSync(join(protocols, name), join(folder, name), {
      recursive: true,
      filter: (path) => !path.includes('samples'),
    });
  }
  const file = join(folder, 'nlets-xml/xml.json');
  const content = JSON.parse(readFileSync(file, 'utf8')) as Json;
  change(content);
  writeFileSync(file, JSON.stringify(content));
  other?.(folder);
  try {
    loadDialect(join(folder, 'nlets-xml'));
    return '';
  } catch (fault) {
    return fault instanceof Error ? fault.message.replace('DIALECT_INVALID: ', '') : '';
  }
}

type Families = { keys?: string[]; kinds?: string[]; fieldSets?: string[]; text?: string }[];
const families = (file: Json) => file['families'] as Families;
const sets = (file: Json) => file['fieldSets'] as Record<string, { fields: Json }>;

test('loads documents’ forms, and every key of the dialect has a body with places for its text or fields', () => {
  for (const name of ['nlets-xml', 'ofml']) {
    const { xml, keys } = loadDialect(join(protocols, name));
    assert.ok(xml);
    for (const { key, body } of keys.values()) {
      const held = xml.bodies.get(key);
      assert.ok(held && (body === 'fields' ? held.fields.size > 0 : held.text.length > 0), `${name} ${key}`);
    }
  }
});

test('every field of every query of nlets-legacy has a place in a document', () => {
  const { xml, keys } = loadDialect(join(protocols, 'nlets-xml'));
  const without = [...keys.values()].flatMap(({ key, fields, cases }) => {
    const codes = [fields, ...cases.flatMap(({ by }) => [...by.values()])].flatMap(({ permitted }) => [
      ...permitted,
    ]);
    return codes
      .filter((code) => xml?.bodies.get(key)?.fields.has(code) !== true)
      .map((code) => `${key} ${code}`);
  });
  assert.deepEqual(without, []);
});

const wrongs: readonly (readonly [fault: string, change: (file: Json) => void])[] = [
  ['xml.json /families/0/keys names a key that has no file', (file) => families(file)[0]?.keys?.push('ZZZ')],
  [
    'xml.json /families/1/keys names a key that another family has',
    (file) => families(file)[1]?.keys?.push('RQ'),
  ],
  [
    'xml.json /families/0/fieldSets names a set that is not there',
    (file) => families(file)[0]?.fieldSets?.push('zz'),
  ],
  [
    'xml.json /families/1/fieldSets has a field twice',
    (file) => families(file)[1]?.fieldSets?.push('driver'),
  ],
  [
    'xml.json /families has no family for ACR',
    (file) =>
      Reflect.deleteProperty(
        families(file).find(({ kinds }) => kinds?.includes('response') === true) ?? {},
        'kinds',
      ),
  ],
  [
    'xml.json /fieldSets/plate/fields/ZZZ is a field fields.json lacks',
    (file) => Object.assign(sets(file)['plate']?.fields ?? {}, { ZZZ: 'nc:A' }),
  ],
  [
    'xml.json /fieldSets/plate/fields/LIC has a prefix that /namespaces lacks',
    (file) => Object.assign(sets(file)['plate']?.fields ?? {}, { LIC: 'zz:A' }),
  ],
  [
    'xml.json /families/0 has two things in one element, or one inside another',
    (file) => Object.assign(sets(file)['plate']?.fields ?? {}, { LIC: 'nc:Vehicle' }),
  ],
  [
    'xml.json /header/parts must say destination',
    (file) => Reflect.deleteProperty((file['header'] as { parts: Json }).parts, 'destination'),
  ],
  [
    'xml.json /header/parts has an element twice',
    (file) => Object.assign((file['header'] as { parts: Json }).parts, { control: 'nh2:OriginatingORIID' }),
  ],
  [
    'xml.json /namespaces/zz has a namespace that is there already',
    (file) => Object.assign(file['namespaces'] as Json, { zz: ['http://www.nlets.org/niem/1.0'] }),
  ],
  [
    'xml.json /aliases/n2:NLETS is a name of this file',
    (file) => Object.assign(file['aliases'] as Json, { 'n2:NLETS': 'n2:Person' }),
  ],
  [
    'xml.json /aliases/*:A leads to another alias',
    (file) => Object.assign(file['aliases'] as Json, { '*:A': 'n2:B', 'n2:B': 'n2:NLETS' }),
  ],
  [
    'xml.json /fieldSets/person/fields/NAM is a name, yet /nameParts says nothing of its elements',
    (file) => Reflect.deleteProperty(file, 'nameParts'),
  ],
];

for (const [fault, change] of wrongs) {
  test(`refuses a file, and says: ${fault}`, (context) => {
    assert.equal(faultWith(context, change), fault);
  });
}

test('an xml.json is of no use to a dialect of another form', (context) => {
  const asText = (folder: string): void => {
    const file = join(folder, 'nlets-xml/dialect.json');
    const head = JSON.parse(readFileSync(file, 'utf8')) as Json;
    for (const name of ['header', 'answers', 'output', 'relayed']) Reflect.deleteProperty(head, name);
    writeFileSync(file, JSON.stringify(head));
    for (const key of ['HS', 'HSL']) rmSync(join(folder, `nlets-xml/message-keys/${key}.json`));
    rmSync(join(folder, 'nlets-xml/codes/conditions.tsv'));
    rmSync(join(folder, 'nlets-xml/fields.json'));
  };
  const fault = faultWith(context, () => undefined, asText);
  assert.equal(fault, 'xml.json / is of no use: /header/form of dialect.json is not xml');
});

test('values come back from a document as they went in', () => {
  const all = new Set(['full', 'sur', 'given', 'middle', 'suffix'] as const);
  const word = fc.stringMatching(/^[A-Z'-]{1,8}$/);
  const name = fc
    .tuple(word, fc.array(word, { minLength: 1, maxLength: 4 }))
    .map(([sur, rest]) => `${sur},${rest.join(' ')}`);
  fc.assert(
    fc.property(fc.oneof(name, fc.string()), (value) => {
      const parts = nameToXml(value, all);
      assert.ok(parts !== undefined);
      assert.equal(nameFromXml(parts), value);
    }),
  );
  assert.deepEqual(nameToXml('SAMPLE,PAT Q JR', all), {
    sur: 'SAMPLE',
    given: 'PAT',
    middle: 'Q',
    suffix: 'JR',
  });
  assert.deepEqual(nameToXml('SAMPLE, PAT', all), { full: 'SAMPLE, PAT' });
  assert.equal(nameToXml('SAMPLE, PAT', new Set(['sur', 'given'])), undefined);
  assert.equal(toXml('date', '19800229'), '1980-02-29');
  assert.equal(fromXml('date', '1980-02-29'), '19800229');
  assert.equal(toXml('date', '022980'), undefined);
  assert.equal(toXml('indicator', 'Y'), 'true');
  assert.equal(fromXml('indicator', 'true'), 'Y');
  assert.equal(toXml('indicator', 'X'), undefined);
});
