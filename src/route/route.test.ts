import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadDialect } from '../dialect/dialect.ts';
import { loadDirectory } from '../directory/directory.ts';
import { parse } from '../parse/parse.ts';
import { route } from './route.ts';

const dialect = loadDialect(join(import.meta.dirname, '../../protocols/nlets-legacy'));
const directory = loadDirectory(join(import.meta.dirname, '../../examples/county-099/directory'));

function outcomeOf(key: string, destinations: string) {
  const bytes = Buffer.from(`${key}.CA0990100.${destinations}.TXTVIN/1`);
  const parsed = parse({ kind: 'frame', bytes }, dialect);
  assert.ok(parsed.ok);
  return route({ ...parsed.value, permitted: true, valid: true }, directory, dialect);
}

/** Plans as `destination>recipients` or `[groups]`. */
function plans(key: string, destinations: string): string[] {
  const outcome = outcomeOf(key, destinations);
  assert.ok(outcome.ok);
  return outcome.value.map(({ topic, destination, groups, recipients }) => {
    if (topic === 'point-to-point') {
      assert.deepEqual(groups, []);
      return `${destination}>${recipients.join()}`;
    }
    assert.equal(destination, '');
    assert.deepEqual(recipients, groups);
    return `[${groups.join()}]`;
  });
}

test('an ORI goes to its agency, once however often it is written', () => {
  assert.deepEqual(plans('AM', 'NV0990300.CA0990200.NV0990300'), [
    'NV0990300>nv-sheriff',
    'CA0990200>ca-marshal',
  ]);
});

test('a question to a state goes to its system, a bulletin to everyone there', () => {
  assert.deepEqual(plans('RQ', 'NV.AZ'), ['NV>nv-system', 'AZ>az-system']);
  assert.deepEqual(plans('AM', 'NV.AZ'), ['[NV,AZ]']);
});

test('a region is the member states this switch can reach, and a state named twice gets one copy', () => {
  assert.deepEqual(plans('RQ', 'NV.H1'), ['NV>nv-system', 'CA>ca-system', 'OR>or-system', 'WA>wa-system']);
  assert.deepEqual(plans('AM', 'G1.H1.NV.AZ'), ['[AZ,CA,NV,OR,WA]']);
});

test('all points is every state of the directory', () => {
  assert.deepEqual(plans('AM', 'Z1'), ['[AZ,CA,NV,OR,WA]']);
});

test('all that reaches many is one broadcast, after what goes to one', () => {
  assert.deepEqual(plans('AML', 'OR.GBN01.NV0990300.OR'), ['NV0990300>nv-sheriff', '[OR,GBN01]']);
});

test('one unknown destination refuses the message, naming each unknown one', () => {
  const outcome = outcomeOf('AM', 'NV.TX.A1.GBN99.NV0990999');
  assert.ok(!outcome.ok);
  assert.deepEqual(
    outcome.refusals.map(({ code, offset }) => [code, offset]),
    [
      ['ROUTE_DESTINATION_UNKNOWN', 16],
      ['ROUTE_REGION_UNKNOWN', 19],
      ['ROUTE_GROUP_UNKNOWN', 22],
      ['ROUTE_DESTINATION_UNKNOWN', 28],
    ],
  );
});
