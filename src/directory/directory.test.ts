import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Fault } from '../message/codes.ts';
import { isUpstream, type Line, loadDirectory, mayOriginate } from './directory.ts';

const example = join(import.meta.dirname, '../../protocols/sample-directory');
const work = mkdtempSync(join(tmpdir(), 'tenfour-directory-'));
after(() => {
  rmSync(work, { recursive: true });
});

/** A copy of the example with one piece of text replaced; its folder. */
function replaced(file: string, from: string, to: string): string {
  const folder = mkdtempSync(join(work, 'copy-'));
  cpSync(example, folder, { recursive: true });
  const text = readFileSync(join(folder, file), 'utf8');
  assert.ok(text.includes(from), `${file} holds what the test replaces`);
  writeFileSync(
    join(folder, file),
    text.replace(from, () => to),
  );
  return folder;
}

/** A copy of the example with one file changed; its folder. */
function changed(file: string, change: (content: Record<string, unknown>) => void): string {
  const folder = mkdtempSync(join(work, 'copy-'));
  cpSync(example, folder, { recursive: true });
  const content = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Record<string, unknown>;
  change(content);
  writeFileSync(join(folder, file), JSON.stringify(content));
  return folder;
}

function complaint(folder: string): string {
  try {
    loadDirectory(folder);
  } catch (fault) {
    assert.ok(fault instanceof Fault);
    assert.equal(fault.code, 'DIRECTORY_INVALID');
    return fault.message.replace('DIRECTORY_INVALID: ', '');
  }
  return 'loaded';
}

test('loads lines with what they may do, and ORIs with their agencies', () => {
  const { lines, oris, states, groups, gatewayOri } = loadDirectory(example);
  assert.equal(gatewayOri, 'CAGWY0000');
  assert.equal(oris.get('NV0990300'), 'nv-sheriff');
  assert.equal(states.get('NV')?.system, 'nv-system');
  assert.deepEqual(groups.get('GBN01')?.members, ['ca-dispatch', 'ca-marshal']);
  const line = lines.get('ca-marshal');
  assert.deepEqual(line?.oris, new Set(['CA0990200']));
  assert.ok(line.keys instanceof Set && line.keys.has('RQ') && !line.keys.has('AML'));
  assert.deepEqual(
    [line.mayBroadcast, line.mayAllPoints, line.confirm, line.port],
    [false, false, 'link', 17_002],
  );
});

test('an agency takes its copies from the topic unless it says otherwise, and from its first station', () => {
  const { agencies } = loadDirectory(example);
  const ways = (id: string) => [agencies.get(id)?.delivery, agencies.get(id)?.stationPolicy];
  assert.deepEqual(ways('nv-sheriff'), ['topic', 'primary']);
  assert.deepEqual(ways('nv-patrol'), ['station', 'primary']);
  assert.deepEqual(ways('az-police'), ['both', 'primary']);
});

test('lists every station that a line serves, with its lines in order, and none that no line serves', () => {
  const folder = changed('lines.json', (content) => {
    const [first] = content['lines'] as object[];
    (content['lines'] as object[]).push({ ...first, name: 'ca-dispatch-spare', port: 17_099 });
  });
  const { stations } = loadDirectory(folder);
  assert.deepEqual(stations.get('ca-dispatch-cad'), {
    id: 'ca-dispatch-cad',
    agency: 'ca-dispatch',
    lines: ['ca-dispatch', 'clets-dispatch', 'ca-dispatch-spare'],
  });
  const served = JSON.parse(readFileSync(join(folder, 'lines.json'), 'utf8')) as {
    readonly lines: readonly { readonly station: string }[];
  };
  assert.deepEqual([...stations.keys()], [...new Set(served.lines.map(({ station }) => station))]);
  assert.ok(!stations.has('wa-system-switch'), 'an agency has it, and no line');
});

test('a mnemonic is one station of one agency', () => {
  const { mnemonics } = loadDirectory(example);
  assert.deepEqual(mnemonics.get('ZZA2'), { agency: 'ca-north', station: 'ca-north-jail' });
  assert.deepEqual(mnemonics.get('ZZC'), mnemonics.get('ZZC3'));
  const withMnemonics = (mnemonics: object) =>
    complaint(
      changed('agencies.json', (content) => {
        Object.assign((content['agencies'] as object[])[0] ?? {}, { mnemonics });
      }),
    );
  assert.equal(withMnemonics({ ZZD4: 'ca-dispatch-cad' }), 'loaded');
  assert.equal(
    withMnemonics({ ZZD4: 'ca-north-desk' }),
    'agencies.json /agencies/0/mnemonics/ZZD4 is not a station of the agency',
  );
  // The file's order decides who came first.
  assert.match(
    withMnemonics({ ZZA1: 'ca-dispatch-cad' }),
    /^agencies\.json \/agencies\/\d+\/mnemonics\/ZZA1 is taken$/,
  );
  for (const mnemonic of ['ZZ', 'ZZA11', 'zza1', 'TXT']) {
    assert.match(
      withMnemonics({ [mnemonic]: 'ca-dispatch-cad' }),
      /^agencies\.json \/agencies\/0\/mnemonics/,
      mnemonic,
    );
  }
});

test('only an upstream line may send as ORIs that are not its own, by their first two letters', () => {
  const { lines } = loadDirectory(example);
  const [upstream, ordinary] = [lines.get('nlets'), lines.get('ca-dispatch')];
  assert.ok(upstream && ordinary);
  assert.deepEqual([isUpstream(upstream), isUpstream(ordinary)], [true, false]);
  const may = (line: Line) =>
    ['NVDMV0000', 'NL0000000', 'CA0990100', 'TX0990100'].filter((ori) => mayOriginate(line, ori));
  assert.deepEqual(may(upstream), ['NVDMV0000', 'NL0000000']);
  assert.deepEqual(may(ordinary), ['CA0990100']);
});

test('how a line sends is filled in: its own acknowledgement time, three refusals, three seconds', () => {
  const plain = loadDirectory(example);
  assert.deepEqual(plain.lines.get('nv-patrol')?.outbound, {
    ackTimeoutMs: 5000,
    answersAcked: false,
    naksMax: 3,
    resendMs: 3000,
  });
  const withOutbound = (outbound: object) =>
    loadDirectory(
      changed('lines.json', (content) => {
        Object.assign((content['lines'] as object[])[4] ?? {}, { outbound });
      }),
    );
  assert.deepEqual(withOutbound({ naksMax: 20, resendMs: 0 }).lines.get('nv-patrol')?.outbound, {
    ackTimeoutMs: 5000,
    answersAcked: false,
    naksMax: 20,
    resendMs: 0,
  });
  assert.equal(withOutbound({ ackTimeoutMs: 100 }).lines.get('nv-patrol')?.outbound.ackTimeoutMs, 100);
  assert.equal(withOutbound({}).version, plain.version, 'a default written out is the same content');
  assert.notEqual(withOutbound({ naksMax: 4 }).version, plain.version);
});

test('says which station copies could not reach', () => {
  const withAgency = (change: object, at = 1) =>
    complaint(
      changed('agencies.json', (content) => {
        Object.assign((content['agencies'] as object[])[at] ?? {}, change);
      }),
    );
  const cases: [change: object, found: RegExp][] = [
    [
      { delivery: 'station', stations: ['ca-marshal-msc', 'secret'] },
      /^agencies\.json \/agencies\/1\/stations\/1 is served by no line$/,
    ],
    [
      { stations: ['ca-marshal-msc', 'ca-dispatch-cad'] },
      /^agencies\.json \/agencies\/1\/stations\/1 is taken$/,
    ],
    [{ delivery: 'secret' }, /^agencies\.json \/agencies\/1\/delivery must be one of topic, station, both$/],
    [
      { stationPolicy: 'secret' },
      /^agencies\.json \/agencies\/1\/stationPolicy must be one of primary, all$/,
    ],
  ];
  for (const [change, found] of cases) {
    const text = withAgency(change);
    assert.match(text, found);
    assert.ok(!text.includes('secret'));
  }
  assert.match(
    withAgency({ delivery: 'both', stations: [] }, 10),
    /^agencies\.json \/agencies\/10\/stations must name a station/,
  );
  assert.equal(withAgency({ stations: ['ca-marshal-msc', 'ca-marshal-spare'] }), 'loaded', 'topic only');
});

test('what it returns cannot be changed', () => {
  const directory = loadDirectory(example);
  const line = directory.lines.get('ca-dispatch');
  assert.throws(() => Object.assign(line ?? {}, { mayBroadcast: false }), TypeError);
  assert.throws(() => (line?.oris as Set<string>).add('NV0990300'), TypeError);
  assert.throws(() => (directory.oris as Map<string, string>).set('CA0990100', 'nv-sheriff'), TypeError);
});

test('the version follows the content, not how the files are written', () => {
  const { version } = loadDirectory(example);
  assert.match(version, /^[0-9a-f]{16}$/);
  const lines = JSON.parse(readFileSync(join(example, 'lines.json'), 'utf8')) as { lines: object[] };
  const turned = lines.lines.map((line) => Object.fromEntries(Object.entries(line).reverse()));
  const rewritten = replaced('directory.json', '"source"', '\n\n"source"');
  writeFileSync(join(rewritten, 'lines.json'), JSON.stringify({ ...lines, lines: turned }));
  assert.equal(loadDirectory(rewritten).version, version);
  assert.notEqual(
    loadDirectory(replaced('lines.json', '"mayBroadcast": true', '"mayBroadcast": false')).version,
    version,
  );
});

test('says file and JSON pointer of what does not fit together, and never the value', () => {
  const cases: [file: string, from: string, to: string, found: RegExp][] = [
    ['lines.json', '"port": 17002', '"port": 0', /^lines\.json \/lines\/1\/port must be at least 1$/],
    ['lines.json', '"port": 17002', '"port": 17001', /^lines\.json \/lines\/1\/port is taken/],
    ['lines.json', '"name": "ca-marshal"', '"name": "ca-dispatch"', /^lines\.json \/lines\/1\/name is taken/],
    [
      'lines.json',
      '"agency": "ca-marshal"',
      '"agency": "secret"',
      /^lines\.json \/lines\/1\/agency is not an agency/,
    ],
    ['lines.json', '"ca-marshal-msc"', '"secret"', /^lines\.json \/lines\/1\/station is not a station/],
    ['lines.json', '"CA0990200"', '"ZZ0999999"', /^lines\.json \/lines\/1\/oris\/0 is no agency/],
    [
      'lines.json',
      '"confirm": "none"',
      '"confirm": "secret"',
      /^lines\.json \/lines\/3\/confirm must be one of/,
    ],
    ['agencies.json', '"CA0990200"', '"CA0990100"', /^agencies\.json \/agencies\/1\/oris\/0 is taken/],
    ['agencies.json', '"CA0990200"', '"CAGWY0000"', /^agencies\.json \/agencies\/1\/oris\/0 is taken/],
    ['directory.json', 'CAGWY0000', 'NL0000000', /^directory\.json \/gatewayOri must have the form/],
    ['states.json', '"nv-system"', '"secret"', /^states\.json \/states\/2\/system is not an agency/],
    ['groups.json', '"nv-sheriff"', '"secret"', /^groups\.json \/groups\/1\/members\/2 is not an agency/],
  ];
  for (const [file, from, to, found] of cases) {
    const text = complaint(replaced(file, from, to));
    assert.match(text, found);
    assert.ok(!text.includes('secret'));
  }
});

test('a line may name its framing; without one it has none but that of its dialect', () => {
  const named = loadDirectory(
    changed('lines.json', (file) => {
      const [line] = file['lines'] as Record<string, unknown>[];
      assert.ok(line);
      line['framing'] = 'len4-big';
    }),
  );
  const plain = loadDirectory(example);
  assert.equal(named.lines.get('ca-dispatch')?.framing, 'len4-big');
  assert.equal(plain.lines.get('ca-dispatch')?.framing, undefined);
  assert.notEqual(named.version, plain.version);
  assert.match(
    complaint(
      replaced('lines.json', '"dialect": "nlets-legacy"', '"dialect": "nlets-legacy", "framing": "../a"'),
    ),
    /^lines\.json \/lines\/0\/framing must have the form/,
  );
});

test('topics.json may be left out, and says nothing new when it says what holds without it', () => {
  const plain = loadDirectory(example);
  const withTopics = (content: object): string => {
    const folder = changed('directory.json', () => undefined);
    writeFileSync(
      join(folder, 'topics.json'),
      JSON.stringify({ source: 'Invented for the test', ...content }),
    );
    return folder;
  };
  assert.deepEqual([plain.topics.tier, plain.topics.subscriptions], ['standard', []]);
  const written = loadDirectory(withTopics(plain.topics));
  assert.deepEqual([written.topics, written.version], [plain.topics, plain.version]);
  const other = loadDirectory(withTopics({ lockSeconds: 60 }));
  assert.deepEqual([other.topics.lockSeconds, other.topics.timeToLiveSeconds], [60, 86_400]);
  assert.notEqual(other.version, plain.version);
  const car = { name: 'car', topic: 'secret', codes: 'all' };
  assert.equal(complaint(withTopics({ locks: 1 })), 'topics.json / holds a name that is not known');
  assert.match(
    complaint(withTopics({ subscriptions: [car] })),
    /^topics\.json \/subscriptions\/0\/topic must be one of/,
  );
  assert.match(complaint(withTopics({ splitByPriority: ['gbn01'] })), /^topics\.json \/splitByPriority/);
});

test('a station takes a message in part unless its line says otherwise', () => {
  const { lines, version } = loadDirectory(example);
  const policies = ['xml-airport', 'ca-transit'].map((name) => lines.get(name)?.whenNotCarried);
  assert.deepEqual(policies, ['deliver-with-note', 'refuse']);
  const withPolicy = (whenNotCarried: string) =>
    changed('lines.json', (content) => {
      Object.assign((content['lines'] as object[])[0] ?? {}, { whenNotCarried });
    });
  assert.equal(loadDirectory(withPolicy('deliver-with-note')).version, version, 'the default written out');
  assert.notEqual(loadDirectory(withPolicy('refuse')).version, version);
  assert.match(complaint(withPolicy('secret')), /^lines\.json \/lines\/0\/whenNotCarried must be one of/);
});

const logOnOf = (folder: string) => loadDirectory(folder).lines.get('clets-ranger')?.logOn;
const rangerLine = (change: (line: Record<string, unknown>) => void): string =>
  changed('lines.json', (content) => {
    const line = (content['lines'] as Record<string, unknown>[]).find(({ name }) => name === 'clets-ranger');
    assert.ok(line);
    change(line);
  });

test('a line that asks for a log-on names users of users.json, and what it leaves out is filled in', () => {
  const { passwordHashes } = loadDirectory(example);
  assert.match(passwordHashes.get('RANGER1') ?? '', /^\$scrypt\$/);
  assert.deepEqual(logOnOf(rangerLine((line) => (line['logOn'] = { users: ['RANGER1'] }))), {
    users: new Set(['RANGER1']),
    timeoutMs: 30_000,
    failuresMax: 3,
    failureDelayMs: 1000,
  });
  assert.equal(loadDirectory(example).lines.get('ca-dispatch')?.logOn, undefined);
  assert.match(
    complaint(rangerLine((line) => (line['logOn'] = { users: ['RANGER1', 'RANGER2'] }))),
    /^lines\.json \/lines\/\d+\/logOn\/users\/1 is no user of users\.json$/,
  );
  const folder = replaced('users.json', 'RANGER1', 'RANGER9');
  rmSync(join(folder, 'users.json'));
  assert.match(complaint(folder), /logOn\/users\/0 is no user of users\.json$/);
});

test('a password in place of its hash is refused, and not repeated', () => {
  const folder = changed('users.json', (content) => {
    content['users'] = [{ user: 'RANGER1', hash: 'SAMPLE-PASS-099' }];
  });
  const said = complaint(folder);
  assert.match(said, /^users\.json \/users\/0\/hash must have the form /);
  assert.doesNotMatch(said, /SAMPLE/);
  const twice = changed('users.json', (content) => {
    const users = content['users'] as object[];
    content['users'] = [...users, ...users];
  });
  assert.equal(complaint(twice), 'users.json /users/1/user is taken');
});

test('who may log on is part of the version, and what hides behind a hash is not', () => {
  const { version } = loadDirectory(example);
  const other = changed('users.json', (content) => {
    const [user] = content['users'] as { hash: string }[];
    assert.ok(user);
    user.hash = user.hash.replace(/.{4}$/, 'AAAA');
  });
  assert.equal(loadDirectory(other).version, version);
  assert.notEqual(
    loadDirectory(rangerLine((line) => Reflect.deleteProperty(line, 'logOn'))).version,
    version,
  );
});
