import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type LineSpec,
  type MadeMessage,
  MessageMaker,
  type Mix,
} from '../../loadtest/witness/made-messages.ts';
import { loadDialect } from '../../src/dialect/dialect.ts';
import { parse } from '../../src/parse/parse.ts';
import { validate } from '../../src/validate/validate.ts';

const dialect = loadDialect(join(import.meta.dirname, '../../protocols/nlets-legacy'));
const everyStation = ['nv-patrol', 'or-sheriff', 'az-police'];

const made = (
  mix: Mix,
  { mayBroadcast = true, stations = everyStation, count = 40 } = {},
): readonly MadeMessage[] => {
  const ori = mayBroadcast ? 'CA0990100' : 'CA0990200';
  const line: LineSpec = { name: 'any', host: 'any', port: 1, ori, mayBroadcast, confirm: 'link' };
  const maker = new MessageMaker({ line, tag: 'W', lineNumber: 1, mix, stations });
  return Array.from({ length: count }, () => maker.next());
};

const headerOf = ({ frame }: MadeMessage): string =>
  frame.toString('latin1').replace(/^\x02(\w+\.)\w+\.(.*?)\.\*[\s\S]*$/, '$1$2');

test('for topics the messages are the same as ever, byte for byte', () => {
  const digest = (mayBroadcast: boolean): string => {
    const hash = createHash('sha256');
    for (const { frame } of made('topics', { mayBroadcast })) hash.update(frame);
    return hash.digest('hex').slice(0, 12);
  };
  assert.deepEqual([digest(true), digest(false)], ['678caa27c9fb', '35ef9342b014']);
  assert.ok(made('topics').every(({ places }) => places.every((place) => !place.startsWith('station.'))));
});

test('each mix is what the dialect accepts, but for one of twenty', () => {
  for (const [mix, count, refused] of [
    ['topics', 20, 1],
    ['stations', 20, 1],
    ['both', 40, 2],
  ] as const) {
    for (const mayBroadcast of [true, false]) {
      const outcomes = made(mix, { mayBroadcast, count }).map(({ frame }) => {
        const parsed = parse({ kind: 'frame', bytes: frame.subarray(1, -1) }, dialect);
        return parsed.ok && validate({ ...parsed.value, permitted: true }, dialect).ok;
      });
      assert.equal(outcomes.filter((isOk) => !isOk).length, refused, mix);
    }
  }
});

test('copies are counted where the message goes, at stations only where the witness sits', () => {
  const placesTo = (header: string, stations = everyStation): readonly string[] | undefined =>
    made('stations', { stations }).find((message) => headerOf(message) === header)?.places;
  assert.deepEqual(placesTo('YQ.NV0990400'), ['station.nv-patrol']);
  assert.deepEqual(placesTo('AM.OR0990500'), ['station.or-sheriff']);
  assert.deepEqual(placesTo('AM.AZ0990600'), ['station.az-police', 'point-to-point']);
  assert.deepEqual(placesTo('YQ.NV0990400.OR0990500'), ['station.nv-patrol', 'station.or-sheriff']);
  const group = ['broadcast', 'station.nv-patrol', 'station.or-sheriff', 'station.az-police'];
  assert.deepEqual(placesTo('AM.GBN03'), group);
  assert.deepEqual(placesTo('AM.GBN03', ['or-sheriff']), [
    'broadcast',
    'unread',
    'station.or-sheriff',
    'unread',
  ]);
  assert.equal(
    made('stations', { mayBroadcast: false }).find((message) => headerOf(message).includes('GBN')),
    undefined,
  );
});
