import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Dialect, loadDialect } from '../dialect/dialect.ts';
import { loadDirectory, type Agency, type Directory, type Line } from '../directory/directory.ts';
import { parse } from '../parse/parse.ts';
import { stationFacesOf } from '../wiring/station-faces.ts';
import { route } from './route.ts';

const dialect = loadDialect(join(import.meta.dirname, '../../protocols/nlets-legacy'));
const clets = loadDialect(join(import.meta.dirname, '../../protocols/clets'));
const directory = loadDirectory(join(import.meta.dirname, '../../protocols/sample-directory'));

function outcomeOf(key: string, destinations: string, by = directory, fromStation = 'ca-dispatch-cad') {
  const bytes = Buffer.from(`${key}.CA0990100.${destinations}.TXTVIN/1`);
  const parsed = parse({ kind: 'frame', bytes }, dialect);
  assert.ok(parsed.ok);
  return route({ ...parsed.value, permitted: true, valid: true }, by, dialect, fromStation);
}

/** Plans as `destination>recipients` or `[groups]`. */
function plans(key: string, destinations: string): string[] {
  const outcome = outcomeOf(key, destinations);
  assert.ok(outcome.ok);
  return outcome.value.map(({ lane, destination, groups, recipients }) => {
    if (lane === 'point-to-point') {
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
  assert.deepEqual(plans('RQ', 'NV.H1'), [
    'NV>nv-system',
    'CA>ca-system',
    'ID>id-system',
    'OR>or-system',
    'WA>wa-system',
  ]);
  assert.deepEqual(plans('AM', 'G1.H1.NV.AZ'), ['[AZ,UT,CA,ID,NV,OR,WA]']);
});

test('all points is every state of the directory, and no service of the network', () => {
  assert.deepEqual(plans('AM', 'Z1'), ['[AZ,CA,NV,OR,WA,ID,NB,UT]']);
  assert.deepEqual(plans('RQ', 'NL'), ['NL>nlets']);
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

/** Plans as `lane>recipients:destination` or `lane>recipients[groups]`. */
function lanes(key: string, destinations: string, by?: Directory, fromStation?: string): string[] {
  const outcome = outcomeOf(key, destinations, by, fromStation);
  assert.ok(outcome.ok);
  return outcome.value.map(({ lane, destination, groups, recipients }) => {
    assert.equal(destination === '', groups.length > 0, 'one or many, never both');
    return `${lane}>${recipients.join()}${destination === '' ? `[${groups.join()}]` : `:${destination}`}`;
  });
}

/** The example with some agencies changed. */
function withAgencies(changes: Readonly<Record<string, Partial<Agency>>>): Directory {
  const agencies = Array.from(
    directory.agencies,
    ([id, agency]) => [id, { ...agency, ...changes[id] }] as const,
  );
  return { ...directory, agencies: new Map(agencies) };
}

test('an agency that delivers by station gets its copy there instead of on the topic, or beside it', () => {
  assert.deepEqual(lanes('AM', 'NV0990400.AZ0990600.NV0990300'), [
    'station.nv-patrol-cad>nv-patrol:NV0990400',
    'point-to-point>az-police:AZ0990600',
    'station.az-police-msc>az-police:AZ0990600',
    'point-to-point>nv-sheriff:NV0990300',
  ]);
});

test('a state asked a question is asked on the stations of its system', () => {
  const by = withAgencies({ 'nv-system': { delivery: 'both' } });
  assert.deepEqual(lanes('RQ', 'OR.NV', by), [
    'point-to-point>or-system:OR',
    'point-to-point>nv-system:NV',
    'station.nv-system-switch>nv-system:NV',
  ]);
});

test('the first station of the list gets the copy, or under policy all each of them', () => {
  const stations = ['first', 'second', 'third'];
  const primary = withAgencies({ 'nv-patrol': { stations } });
  assert.deepEqual(lanes('AM', 'NV0990400', primary), ['station.first>nv-patrol:NV0990400']);
  const all = withAgencies({ 'nv-patrol': { stations, stationPolicy: 'all' } });
  assert.deepEqual(lanes('AM', 'NV0990400', all), [
    'station.first>nv-patrol:NV0990400',
    'station.second>nv-patrol:NV0990400',
    'station.third>nv-patrol:NV0990400',
  ]);
  assert.deepEqual(lanes('AM', 'GBN03', all, 'second').slice(0, 3), [
    'broadcast>GBN03[GBN03]',
    'station.first>nv-patrol[GBN03]',
    'station.third>nv-patrol[GBN03]',
  ]);
});

test('a broadcast stays on its topic, also where stations reach every member, and goes to each station once', () => {
  const by = withAgencies({
    'ca-marshal': { delivery: 'station' },
    'nv-system': { delivery: 'both' },
    'or-system': { delivery: 'station' },
  });
  assert.deepEqual(lanes('AM', 'GBN03'), [
    'broadcast>GBN03[GBN03]',
    'station.nv-patrol-cad>nv-patrol[GBN03]',
    'station.or-sheriff-cad>or-sheriff[GBN03]',
    'station.az-police-msc>az-police[GBN03]',
  ]);
  assert.deepEqual(lanes('AML', 'GBN02.NV.GBN01.OR.NV', by), [
    'broadcast>GBN02,NV,GBN01,OR[GBN02,NV,GBN01,OR]',
    'station.ca-marshal-msc>ca-marshal[GBN02,GBN01]',
    'station.nv-system-switch>nv-system[NV]',
    'station.or-system-switch>or-system[OR]',
  ]);
  assert.deepEqual(lanes('AM', 'G1.H1', by), [
    'broadcast>AZ,UT,CA,ID,NV,OR,WA[AZ,UT,CA,ID,NV,OR,WA]',
    'station.nv-system-switch>nv-system[NV]',
    'station.or-system-switch>or-system[OR]',
  ]);
  assert.deepEqual(lanes('AM', 'Z1', by).slice(1), lanes('AM', 'G1.H1', by).slice(1));
});

test('a station gets no copy of its own broadcast, but does get what it writes to itself', () => {
  assert.deepEqual(lanes('AM', 'GBN03.NV0990400', directory, 'nv-patrol-cad'), [
    'station.nv-patrol-cad>nv-patrol:NV0990400',
    'broadcast>GBN03[GBN03]',
    'station.or-sheriff-cad>or-sheriff[GBN03]',
    'station.az-police-msc>az-police[GBN03]',
  ]);
});

/** What the other dialect's header reaches, or the refusals' codes and places. */
function cletsLanes(text: string, by = directory): string[] {
  const parsed = parse({ kind: 'frame', bytes: Buffer.from(text) }, clets);
  assert.ok(parsed.ok);
  const outcome = route({ ...parsed.value, permitted: true, valid: true }, by, clets, 'ca-dispatch-cad');
  return outcome.ok
    ? outcome.value.map(({ lane, destination }) => `${lane}:${destination}`)
    : outcome.refusals.map(({ code, offset, length }) => `${code} ${String(offset)} ${String(length)}`);
}

test('a mnemonic reaches its own station, whichever is the first of the agency', () => {
  assert.deepEqual(cletsLanes('AM.CA0990100.ZZA2.ZZA1.TXT HELLO'), [
    'station.ca-north-jail:ZZA2',
    'station.ca-north-desk:ZZA1',
  ]);
  const all = withAgencies({ 'ca-north': { stationPolicy: 'all' } });
  assert.deepEqual(cletsLanes('AM.CA0990100.ZZA2.TXT HELLO', all), ['station.ca-north-jail:ZZA2']);
});

test('a mnemonic follows what its agency says of copies: the topic, or both', () => {
  assert.deepEqual(cletsLanes('AM.CA0990100.ZZC3.ZZB2.TXT HELLO'), [
    'point-to-point:ZZC3',
    'point-to-point:ZZB2',
    'station.ca-records-cad:ZZB2',
  ]);
});

test('an implied destination goes to the system of the state, and when there is none the key is to blame', () => {
  assert.deepEqual(cletsLanes('QV.CA0990100.VIN/1Z'), ['point-to-point:CA']);
  const states = new Map([...directory.states].filter(([code]) => code !== 'CA'));
  assert.deepEqual(cletsLanes('QPO.CA0990100.NAM/A,B.DOB/19800229', { ...directory, states }), [
    'ROUTE_DESTINATION_UNKNOWN 0 3',
  ]);
});

const documents = loadDialect(join(import.meta.dirname, '../../protocols/nlets-xml'));
const dialectsHere = new Map([dialect, clets, documents].map((one) => [one.name, one]));

/** Refusals as `field offset`, with lines of the directory changed. */
function facedWith(
  text: string,
  from: Dialect,
  lines: Readonly<Record<string, Partial<Line>>> = {},
  known = directory,
) {
  const changed = Array.from(directory.lines, ([name, line]) => [name, { ...line, ...lines[name] }] as const);
  const by = { ...known, lines: new Map(changed) };
  const parsed = parse({ kind: 'frame', bytes: Buffer.from(text) }, from);
  assert.ok(parsed.ok);
  const valid = { ...parsed.value, permitted: true, valid: true } as const;
  const outcome = route(valid, by, from, 'ca-dispatch-cad', undefined, stationFacesOf(by, dialectsHere));
  if (outcome.ok) return outcome.value.map(({ lane }) => lane);
  assert.ok(outcome.refusals.every(({ code }) => code === 'ROUTE_NOT_CARRIED'));
  return outcome.refusals.map(({ field, offset }) => `${field ?? ''} ${String(offset)}`);
}

test('what a station cannot take wholly is delivered, or refused where its line says so, for all', () => {
  const query = (to: string) => `DQ.CA0990100.${to}.TXT\r\nNAM/SAMPLE,PAT Q.DOB/022980.SEX/M`;
  const birth = `DOB ${String(query('CA0992100').indexOf('022980'))}`;
  assert.deepEqual(facedWith(query('CA0992100'), dialect), ['station.ca-airport-desk']);
  assert.deepEqual(facedWith(query('CA0992300'), dialect), [birth]);
  assert.equal(facedWith(query('NV0990400.CA0992300'), dialect).length, 1);
  const pier = (whenNotCarried: Line['whenNotCarried']) => ({ 'xml-pier': { whenNotCarried } });
  assert.deepEqual(facedWith(query('CA0992300'), dialect, pier('deliver-with-note')), [
    'station.ca-pier-desk',
  ]);
  const whole = query('CA0992300').replace('022980', '19800229');
  assert.deepEqual(facedWith(whole, dialect), ['station.ca-pier-desk']);
});

test('what a station would get nothing of is refused, whatever its line says', () => {
  assert.deepEqual(facedWith('ZZT.CA0990100.CA0992100.TXT\r\nLOCAL', clets), ['key 0']);
  assert.deepEqual(facedWith('ZZT.CA0990100.ZZA1.TXT\r\nLOCAL', clets), ['station.ca-north-desk']);
});

test('stations of the sender’s own face are not asked, and a form without a place for the note takes nothing in part', () => {
  const texts = new Map([dialect, clets].map((one) => [one.name, one]));
  assert.equal(stationFacesOf(directory, texts).size, 0);
  const output = {
    ...documents.output,
    form: documents.output.form.filter((line) => !line.includes('{notCarried}')),
  };
  const silent = new Map([...dialectsHere, [documents.name, { ...documents, output }]]);
  const policies = (dialects: typeof silent) =>
    stationFacesOf(directory, dialects)
      .get('nlets-legacy')
      ?.get('station.ca-airport-desk')
      ?.map(({ whenNotCarried }) => whenNotCarried);
  assert.deepEqual(policies(dialectsHere), ['deliver-with-note']);
  assert.deepEqual(policies(silent), ['refuse']);
});

test('a broadcast goes on whatever one of its stations can read, and what is written to that station is refused', () => {
  const bulletin = (to: string) => `ZZT.CA0990100.${to}.TXT\r\nLOCAL`;
  const members = ['ca-airport', 'nv-patrol', 'ca-pier'];
  const group = { code: 'GBN77', title: 'Desks of both faces', members };
  const by = { ...directory, groups: new Map([...directory.groups, [group.code, group]]) };
  assert.deepEqual(facedWith(bulletin('GBN77'), clets, {}, by), [
    'broadcast',
    'station.ca-airport-desk',
    'station.nv-patrol-cad',
    'station.ca-pier-desk',
  ]);
  assert.deepEqual(facedWith(bulletin('GBN77.CA0992100'), clets, {}, by), ['key 0']);
});
