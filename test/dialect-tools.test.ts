/** The commands for people who write down what a state or network says: describe, check, new, explain. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { run as dialectCommand } from '../src/cli/dialect.ts';
import { run as explainCommand } from '../src/cli/explain.ts';
import { type Dialect, loadDialect, loadFramings } from '../src/dialect/dialect.ts';
import { loadDirectory } from '../src/directory/directory.ts';
import { type Checked, checkedFolder, neighboursOf } from '../src/explain/dialect-check.ts';
import { dialectPage, isUnconfirmed } from '../src/explain/dialect-page.ts';
import { dialectParts } from '../src/explain/dialect-parts.ts';
import { explained } from '../src/explain/explained.ts';
import { fillSamples } from '../src/explain/fill-samples.ts';
import { findingText } from '../src/explain/finding.ts';
import { cutByGuess } from '../src/explain/guess-framing.ts';
import { sampleRefusalFile } from '../src/explain/sample-kinds.ts';
import { makeDialect } from '../src/explain/new-dialect.ts';
import { dryRun } from '../src/wiring/dry-run.ts';
import { acceptedSamples, dialectFolder, dialectNames, sampleDirectory } from './golden/samples.ts';

const root = join(import.meta.dirname, '..');
const protocols = join(root, 'protocols');
const folder = mkdtempSync(join(tmpdir(), 'tenfour-dialect-tools-'));
after(() => {
  rmSync(folder, { recursive: true });
});

type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };

const tenfour = async (args: readonly string[]): Promise<Ran> => {
  const program = join(root, 'src/cli/tenfour.ts');
  const options = { env: { PATH: process.env['PATH'] }, cwd: root };
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [program, ...args], options)) };
  } catch (error) {
    const failed = error as { code?: unknown; stdout?: string; stderr?: string };
    return { code: Number(failed.code), stdout: failed.stdout ?? '', stderr: failed.stderr ?? '' };
  }
};

/** The same without a process of its own: these commands do all their work before they answer. */
async function typed([name = '', ...args]: readonly string[]): Promise<Ran> {
  const write = process.stdout.write.bind(process.stdout);
  let stdout = '';
  process.stdout.write = (text: string | Uint8Array): boolean => {
    stdout += String(text);
    return true;
  };
  let answer: Promise<number>;
  try {
    answer = name === 'dialect' ? dialectCommand(args) : explainCommand(args);
  } finally {
    process.stdout.write = write;
  }
  return { code: await answer, stdout, stderr: '' };
}

/** A protocols folder of its own with these dialects; `samples`: with theirs. */
function someProtocols(name: string, dialects: readonly string[], hasSamples: boolean): string {
  const to = join(folder, name);
  mkdirSync(to);
  for (const part of [...dialects, 'sample-directory']) {
    cpSync(join(protocols, part), join(to, part), {
      recursive: true,
      filter: (path) => hasSamples || basename(path) !== 'samples',
    });
  }
  return to;
}

type Json = Record<string, unknown>;
const readJson = (path: string): Json => JSON.parse(readFileSync(path, 'utf8')) as Json;
const writeJson = (path: string, content: unknown): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(content));
};
const changeJson = (path: string, change: Json): void => {
  writeJson(path, { ...readJson(path), ...change });
};
/** Without the dialects of other lines: nobody asks what their stations can read. */
const alone = { dialects: new Map<string, Dialect>(), notes: [] };
const check = (path: string): Checked =>
  checkedFolder(path, join(dirname(path), 'sample-directory'), dryRun, alone);
const findings = (path: string): readonly string[] => check(path).findings.map(findingText);

/** A dialect on top of nlets-legacy with nothing but its head. */
function difference(at: string, name: string, change: Json = {}): string {
  const path = join(at, name);
  const head = {
    name,
    title: 'A test',
    source: 'This test',
    confidence: 'convention',
    extends: 'nlets-legacy',
  };
  writeJson(join(path, 'dialect.json'), { ...head, ...change });
  return path;
}

test('a dialect is described whole, each thing with the file it comes from, its source and how sure it is', () => {
  const at = someProtocols('described', ['nlets-legacy'], false);
  const path = difference(at, 'zz-state', { without: ['KQ', 'KR'], header: { control: { lengthMax: 12 } } });
  const entry = readJson(join(at, 'nlets-legacy', 'fields.json'))['fields'] as Record<string, Json>;
  const own = { ...entry['LIC'], title: 'Plate of ours', confidence: 'uncertain', source: 'Our manual, 2.1' };
  writeJson(join(path, 'fields.json'), { source: 'Our manual', fields: { LIC: own } });
  const { name, standsOn, said } = dialectParts(path);
  assert.deepEqual([name, standsOn], ['zz-state', ['nlets-legacy']]);
  const one = (part: string, called: string) =>
    said.find((line) => line.part === part && line.name === called);
  assert.deepEqual(one('header', 'control.lengthMax'), {
    part: 'header',
    name: 'control.lengthMax',
    says: ['12'],
    from: 'zz-state/dialect.json',
    confidence: 'convention',
    source: 'This test',
  });
  assert.equal(one('header', 'control.mark')?.from, 'nlets-legacy/dialect.json');
  assert.equal(one('message keys', 'RQ')?.from, 'nlets-legacy/message-keys/RQ.json');
  assert.equal(one('message keys', 'KQ'), undefined);
  assert.equal(one('left out', 'message-keys/KQ.json')?.from, 'zz-state/dialect.json');
  const lic = one('fields', 'LIC');
  assert.deepEqual(
    [lic?.says[0], lic?.from, lic?.confidence, lic?.source],
    ['Plate of ours', 'zz-state/fields.json', 'uncertain', 'Our manual, 2.1'],
  );
  assert.equal(one('fields', 'VIN')?.from, 'nlets-legacy/fields.json');
  assert.equal(one('table sex', 'M')?.confidence, 'well-known');
  assert.equal(one('regions', 'E1')?.from, 'nlets-legacy/regions.tsv');
  assert.equal(one('framing', 'kind')?.from, 'nlets-legacy/framing.json');
  assert.ok(said.every(({ from, source }) => from.includes('/') && source.length > 2));

  const page = dialectPage({ name, title: '', standsOn, said }, said).join('\n');
  assert.match(page, /^stands on nlets-legacy$/m);
  assert.match(page, /^ +LIC +Plate of ours +zz-state\/fields\.json {2}uncertain \[\d+\]$/m);
  assert.match(page, /^ +\[\d+\] Our manual, 2\.1$/m);
});

test('describing every dialect there is says something of each of its keys and fields', () => {
  for (const name of dialectNames()) {
    const { keys, fields } = loadDialect(dialectFolder(name));
    const { said } = dialectParts(dialectFolder(name));
    const named = (part: string) => said.filter((one) => one.part === part).map((one) => one.name);
    assert.deepEqual(named('message keys').sort(), [...keys.keys()].sort(), name);
    assert.deepEqual(named('fields').sort(), [...fields.keys()].sort(), name);
  }
});

test('tenfour dialect describe --uncertain lists what has to be confirmed and nothing else', async () => {
  const all = await tenfour(['dialect', 'describe', 'nlets-legacy', '--json']);
  const { code, stdout } = await typed([
    'dialect',
    'describe',
    'nlets-legacy',
    '--uncertain',
    '--json',
    '--protocols',
    protocols,
  ]);
  assert.deepEqual([all.code, code], [0, 0], all.stderr);
  type Parts = ReturnType<typeof dialectParts>;
  const { said } = JSON.parse(stdout) as Parts;
  const whole = (JSON.parse(all.stdout) as Parts).said;
  assert.ok(said.length > 10 && said.length < whole.length);
  assert.deepEqual(said, whole.filter(isUnconfirmed));
  assert.ok(said.every(({ confidence }) => ['uncertain', 'convention'].includes(confidence)));
  assert.throws(() => dialectCommand(['describe', 'no-such']), { name: 'UsageError' });
});

test('nothing is wrong with the dialects of this repository, and all their samples ran', () => {
  const neighbours = neighboursOf(loadDirectory(sampleDirectory), protocols);
  for (const name of dialectNames()) {
    const {
      findings: found,
      samplesRun,
      notes,
    } = checkedFolder(dialectFolder(name), sampleDirectory, dryRun, neighbours);
    assert.deepEqual(found.map(findingText), [], name);
    assert.ok(samplesRun > 0, name);
    assert.deepEqual(notes, [], name);
  }
});

test('everything wrong with files by themselves is found at once, whatever file it is in', () => {
  const at = someProtocols('files', ['nlets-legacy'], false);
  const path = join(at, 'nlets-legacy');
  changeJson(join(path, 'message-keys', 'RQ.json'), { kind: 'question', confidence: undefined });
  changeJson(join(path, 'message-keys', 'AM.json'), { invented: 1 });
  writeFileSync(join(path, 'framing.json'), '{');
  writeFileSync(
    join(path, 'codes', 'sex.tsv'),
    'code\tmeaning\tconfidence\tsource\nM\tmale\tsure\there\nF\n',
  );
  writeFileSync(join(path, 'notes.txt'), '');
  writeFileSync(join(path, 'message-keys', 'ZZQ.txt'), '');
  mkdirSync(join(path, 'samples', 'rejected', 'x'), { recursive: true });
  mkdirSync(join(path, 'conversations'), { recursive: true });
  writeFileSync(join(path, 'conversations', 'test.talk'), '# Somebody is not there\nnobody says X\n');
  writeJson(join(path, 'samples', 'refused', 'x', 'refusal.json'), { line: 'ca-dispatch', refusals: [] });
  const found = findings(path);
  for (const wanted of [
    /^message-keys\/RQ\.json \/kind must be one of /,
    /^message-keys\/RQ\.json \/confidence must be one of /,
    /^message-keys\/AM\.json \/ holds a name that is not known$/,
    /^framing\.json \/ is not JSON: look at line 1, character 2, and before it$/,
    /^codes\/sex\.tsv \/2 must have a confidence of /,
    /^codes\/sex\.tsv \/3 must have 4 filled cells$/,
    /^notes\.txt \/ is not a file of a dialect/,
    /^message-keys\/ZZQ\.txt \/ is not a file of a dialect/,
    /^samples\/rejected \/ is not a file of a dialect/,
    /^conversations\/test\.talk \/2 nobody is not connected$/,
    /^samples\/refused\/x\/wire\.msg \/ is missing$/,
    /^samples\/refused\/x\/refusal\.json \/refusals must be at least 1$/,
    /^samples\/refused\/x\/refusal\.json \/accepted must be number$/,
  ]) {
    assert.equal(
      found.filter((line) => wanted.test(line)).length,
      1,
      `${String(wanted)}\n${found.join('\n')}`,
    );
  }
  assert.equal(found.length, 13, found.join('\n'));
});

test('what does not fit together is found in every place, in the file of the dialect that came on top', () => {
  const at = someProtocols('together', ['nlets-legacy'], false);
  const path = difference(at, 'zz-state');
  for (const key of ['RQ', 'DQ']) {
    const entry = readJson(join(at, 'nlets-legacy', 'message-keys', `${key}.json`));
    writeJson(join(path, 'message-keys', `${key}.json`), { ...entry, optional: ['ZZZ'], repliedBy: [] });
  }
  writeFileSync(join(path, 'regions.tsv'), 'region\tstates\tconfidence\tsource\nLONG\tNV\tread\there\n');
  const found = findings(path);
  assert.deepEqual(found, [
    'message-keys/DQ.json / names a field fields.json lacks',
    'message-keys/RQ.json / names a field fields.json lacks',
    'regions.tsv /2 has a region code that does not look like one',
  ]);
});

test('a sample that is not what the switch makes of it is found, and a key without one', () => {
  const at = someProtocols('samples', ['nlets-legacy'], false);
  const name = 'e01-vehicle-query-by-plate';
  const found = acceptedSamples().find(
    (one) => one.dialect === 'nlets-legacy' && one.message.line === 'ca-dispatch',
  );
  assert.ok(found);
  const path = difference(at, 'zz-state');
  const sample = join(path, 'samples', 'accepted', name);
  cpSync(found.folder, sample, { recursive: true });
  assert.deepEqual(findings(path), []);
  assert.match(
    check(path).notes.join(),
    /^no line of the sample directory speaks this dialect yet: .* on ca-dispatch as if/,
  );

  changeJson(join(sample, 'message.json'), { control: 'OTHER', bodyOffset: 1 });
  writeJson(join(sample, 'deliveries.json'), []);
  mkdirSync(join(path, 'samples', 'refused', name), { recursive: true });
  cpSync(join(sample, 'wire.msg'), join(path, 'samples', 'refused', name, 'wire.msg'));
  writeJson(join(path, 'samples', 'refused', name, 'refusal.json'), {
    line: 'ca-dispatch',
    accepted: 0,
    refusals: [{ code: 'PARSE_HEADER' }],
  });
  const own = readJson(join(at, 'nlets-legacy', 'message-keys', 'LQ.json'));
  writeJson(join(path, 'message-keys', 'ZZQ.json'), { ...own, key: 'ZZQ' });
  assert.deepEqual(findings(path), [
    `samples/accepted/${name}/message.json /control is not how wire.msg is read`,
    `samples/accepted/${name}/message.json /bodyOffset is not how wire.msg is read`,
    `samples/accepted/${name}/deliveries.json / is not where the message goes`,
    `samples/refused/${name}/refusal.json /refusals is not what is found: nothing`,
    `samples/refused/${name}/refusal.json /accepted is not how many frames pass: 1`,
    'message-keys/ZZQ.json / has no accepted sample',
  ]);
});

test('a new dialect on any other is right at once, with a key, a field and two samples', () => {
  const at = someProtocols('new', dialectNames(), true);
  for (const base of dialectNames()) {
    const name = `zz-${base}`;
    const made = makeDialect(name, base, at, dryRun);
    assert.ok(made.ok, `${base}: ${made.ok ? '' : made.why}`);
    const { findings: found, samplesRun, notes } = check(join(at, name));
    assert.deepEqual([found.map(findingText), samplesRun], [[], 2], base);
    assert.match(notes.join('\n'), /^FILL IN still stands in dialect\.json, fields\.json, message-keys\//m);
    assert.ok(existsSync(join(at, name, 'message-keys', `${made.messageKey}.json`)));
    assert.equal(Object.keys(readJson(join(at, name, 'fields.json'))['fields'] as Json).length, 1, base);
    for (const file of made.files.filter((one) => one.endsWith('.json') && !one.startsWith('samples/'))) {
      assert.match(readFileSync(join(at, name, file), 'utf8'), /"source": "FILL IN: /, file);
    }
  }
});

test('tenfour dialect new checks the name, and what is there it leaves alone', async () => {
  const at = someProtocols('commands', ['nlets-legacy'], true);
  const make = (...args: string[]) => typed(['dialect', 'new', ...args, '--protocols', at]);
  const off = (...args: string[]) => {
    assert.throws(() => dialectCommand(['new', ...args, '--protocols', at]), { name: 'UsageError' });
  };
  off('ZZ', '--extends', 'nlets-legacy');
  off('../out', '--extends', 'nlets-legacy');
  off('zz-state');
  off('zz-state', '--extends', 'no-such');
  const made = await make('zz-state', '--extends', 'nlets-legacy');
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /tenfour dialect check /);
  const head = join(at, 'zz-state', 'dialect.json');
  changeJson(head, { title: 'Mine' });
  const again = await make('zz-state', '--extends', 'nlets-legacy');
  assert.deepEqual([again.code, again.stdout], [1, 'zz-state is there already; nothing was changed\n']);
  assert.equal(readJson(head)['title'], 'Mine');

  assert.match(made.stdout, new RegExp(`tenfour explain .* --dialect zz-state --protocols ${at}$`, 'm'));
  const fine = await typed(['dialect', 'check', join(at, 'zz-state')]);
  assert.deepEqual(
    [fine.code, /nothing is wrong; 2 samples ran$/m.test(fine.stdout)],
    [0, true],
    fine.stdout,
  );
  changeJson(head, { extends: 'no-such' });
  const { code, stdout } = await typed(['dialect', 'check', join(at, 'zz-state'), '--json']);
  assert.equal(code, 1);
  assert.deepEqual((JSON.parse(stdout) as Checked).findings, [
    { file: 'dialect.json', pointer: '/extends', says: 'is not a dialect beside this one' },
  ]);
  assert.throws(() => dialectCommand(['check', at]), { name: 'UsageError' });
});

test('check --fill writes what becomes of samples that say only their line, and leaves the others alone', () => {
  const at = someProtocols('fill', ['nlets-legacy'], true);
  const made = makeDialect('zz-state', 'nlets-legacy', at, dryRun);
  assert.ok(made.ok);
  const path = join(at, 'zz-state');
  const [accepted, refused] = [join(path, 'samples/accepted/example'), join(path, 'samples/refused/example')];
  const files = [
    join(accepted, 'message.json'),
    join(accepted, 'deliveries.json'),
    join(refused, 'refusal.json'),
  ];
  const before = files.map((file) => readFileSync(file, 'utf8'));
  const fill = () => fillSamples(path, join(at, 'sample-directory'), dryRun);
  assert.deepEqual(fill(), []);
  const begun = (file: string) => {
    const { line, note } = readJson(file);
    writeJson(file, { line, note });
  };
  begun(join(accepted, 'message.json'));
  begun(join(refused, 'refusal.json'));
  rmSync(join(accepted, 'deliveries.json'));
  assert.deepEqual(fill(), [
    'samples/accepted/example is written: read it',
    'samples/refused/example is written: read it',
  ]);
  assert.deepEqual(
    files.map((file) => readFileSync(file, 'utf8')),
    before,
  );
  // An editor cannot type the marks of a framing.
  const wire = join(accepted, 'wire.msg');
  const framed = readFileSync(wire);
  writeFileSync(wire, `${framed.toString('latin1').slice(1, -1)}\n`);
  assert.match(findings(path).join('\n'), /wire\.msg \/ holds 0 messages, not one: the marks /);
  begun(join(accepted, 'message.json'));
  assert.match(
    fill().join(),
    /^samples\/accepted\/example is written, and the marks of the framing put around /,
  );
  assert.deepEqual(readFileSync(wire), framed);
  assert.deepEqual([readFileSync(files[0] ?? '', 'utf8'), findings(path)], [before[0], []]);
  // A sample in the wrong place is not made right.
  begun(join(accepted, 'message.json'));
  cpSync(join(refused, 'wire.msg'), join(accepted, 'wire.msg'));
  assert.match(
    fill().join(),
    /^samples\/accepted\/example is refused, left as it is: AUTHORIZE_ORI_NOT_ON_LINE/,
  );
});

const text = 'RQ.CA0990100.NV.*EXP0000001.TXT\r\nLIC/ZZZ9999.LIY/2026.LIT/PC';
const wrongText = 'RQ.CA0990100.NV.*EXP0000002.TXT\r\nLIC/ZZZ9999ZZZ9999.LIY/20X6.LIT/PC';
const write = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, Buffer.from(content, 'latin1'));
  return path;
};
/** With a directory whose lines speak one dialect: those of all lines are read before anything is explained. */
const county = join(root, 'examples/county-099/directory');
const explain = (path: string, ...args: string[]) =>
  typed(['explain', path, '--directory', county, '--protocols', protocols, ...args]);

test('tenfour explain shows parts with their offsets, points at what is wrong, and says where a message would go', async () => {
  const path = write('two.msg', `\x02${text}\x03\r\n\x02${wrongText}\x03`);
  const { code, stdout } = await tenfour([
    'explain',
    path,
    '--line',
    'ca-dispatch',
    '--directory',
    sampleDirectory,
  ]);
  assert.equal(code, 1);
  assert.match(stdout, /^message 1 of 2: 60 bytes from byte 1 of the file$/m);
  assert.match(stdout, /^message 2 of 2: \d+ bytes from byte 65 of the file$/m);
  assert.match(stdout, /^ +13 +2 {2}destination +NV +state: fine$/m);
  assert.match(stdout, /^ +point-to-point +NV +for nv-system$/m);
  assert.match(
    stdout,
    /^ +VALIDATE_FIELD_LENGTH {2}\.22\. FIELD LENGTH INVALID - LIC, at byte 37, limit 10$/m,
  );
  const lines = stdout.split('\n');
  const caretsAt = lines.findIndex((line) => /^ +\^{14}$/.test(line));
  const above = lines[caretsAt - 1] ?? '';
  assert.equal(lines[caretsAt]?.indexOf('^'), above.indexOf('LIC/') + 'LIC/'.length, above);
  assert.match(stdout, /What to do: Mend the value\./);
  // Escape codes are for terminals.
  assert.ok(!stdout.includes('\x1b'));
});

test('tenfour explain says which station a broadcast would reach in part, and which not at all', async () => {
  const sample = join(protocols, 'nlets-xml/samples/accepted/bulletin-with-an-image-to-desks-that-read-text');
  const { stdout } = await explain(
    join(sample, 'wire.msg'),
    '--directory',
    sampleDirectory,
    '--line',
    'xml-airport',
  );
  const copies = stdout.split('\n').filter((line) => line.includes(' written in '));
  assert.deepEqual(
    copies.map((line) => [/station\.\S+/.exec(line)?.[0], / (?:all|without) .*/.exec(line)?.[0].trim()]),
    [
      [
        'station.ca-transit-desk',
        'without attachment IMAGE, element nc:BinaryDescriptionText: not sent, a dead letter',
      ],
      ['station.ca-pier-desk', 'all of it'],
      ['station.nv-patrol-cad', 'without attachment IMAGE, element nc:BinaryDescriptionText'],
    ],
  );
});

test('of a response of NCIC the key and who wrote it are said, and have no place', async () => {
  const path = write('hit.msg', '\x021L010\r\nCA0991200\r\n\r\nMKE/STOLEN VEHICLE\x03');
  const { stdout } = await explain(path, '--dialect', 'ncic-2000', '--no-color');
  assert.match(stdout, /^ +- +0 {2}key +NCH +Hit; response, class 1; handed on by a network: fine$/m);
  assert.match(stdout, /^ +- +0 {2}ori +FB0990000 +who wrote it: fine$/m);
  assert.match(stdout, /^ +4 +1 {2}control +0 +the sender's reference: fine$/m);
});

test('sensitive values are masked in every part of the page, and shown when asked', async () => {
  const path = write('one.msg', `\x02${text}\x03`);
  for (const args of [[], ['--json']]) {
    const masked = await explain(path, '--line', 'ca-dispatch', ...args);
    assert.equal(masked.code, 0, masked.stdout);
    assert.ok(!masked.stdout.includes('ZZZ9999') && !masked.stdout.includes('5a 5a 5a'));
    const shown = await explain(path, '--line', 'ca-dispatch', '--show', ...args);
    assert.ok(shown.stdout.includes('ZZZ9999'));
  }
  // What cannot be read has no fields yet, and the plate is there all the same.
  const unreadable = await explain(
    write('half.msg', `\x02${text.replace('TXT', 'TX')}\x03`),
    '--line',
    'ca-dispatch',
  );
  assert.match(unreadable.stdout, /PARSE_/);
  assert.ok(!unreadable.stdout.includes('ZZZ9999'));
});

/** The page of one message, by a dialect alone. */
const pageOf = async (dialect: string, content: string, ...args: string[]): Promise<string> =>
  (
    await typed([
      'explain',
      write('page.msg', content),
      '--dialect',
      dialect,
      '--protocols',
      protocols,
      ...args,
    ])
  ).stdout;
const hex = (word: string): string =>
  Buffer.from(word)
    .toString('hex')
    .replaceAll(/(..)(?=.)/g, '$1 ');
const tells = (page: string, word: string): boolean => page.includes(word) || page.includes(hex(word));

test('free text is masked too, and so is what stands in bytes that cannot be read, or around a message', async () => {
  const plate = '<n2:X n2:y="SAMPLE">SAMPLE<!-- SAMPLE --><![CDATA[SAMPLE]]>';
  for (const [dialect, content] of [
    ['nlets-legacy', '\x02AM.CA0990100.NV0990300.TXT\r\nSUSPECT SAMPLE IS HERE\x03'],
    ['nlets-legacy', '\x02AM.CA0990100.NV0990300.TX\r\nSUSPECT SAMPLE IS HERE\x03'],
    ['nlets-legacy', 'SUSPECT SAMPLE\x02AM.CA0990100.NV0990300.TXT\r\nGONE\x03'],
    ['nlets-legacy', '\x02AM.CA0990100.NV0990300.TXT\r\nSUSPECT SAMPLE'],
    ['nlets-legacy', plate],
    ['nlets-xml', plate],
    ['ofml', '<OFML><ADM><TXT>SAMPLE</TXT></ADM></OFML>'],
  ] as const) {
    const page = await pageOf(dialect, content);
    assert.ok(!tells(page, 'SAMPLE'), page);
    if (content.endsWith('\x03') && content.startsWith('\x02'))
      assert.ok(tells(page, 'AM.CA0990100'), 'the header is shown');
    if (dialect !== 'nlets-legacy') assert.ok(tells(page, content.slice(0, 5)), 'the tags are shown');
  }
});

test('in a readable document what is no field is masked: comments, CDATA, unknown elements and free text', async () => {
  const found = acceptedSamples().find(({ name }) => name === 'administrative-document');
  assert.ok(found);
  const frame = found.wire.toString('latin1');
  const content = frame
    .slice(frame.indexOf('<'))
    .replace('<TXT>', '<TXT><!-- SAMPLE --><![CDATA[SAMPLE]]>')
    .replace('</TXT>', '</TXT><NEW>SAMPLE</NEW>');
  const page = await pageOf('ofml', content);
  assert.match(page, /nothing is wrong with it/);
  assert.ok(!tells(page, 'SAMPLE') && !tells(page, 'DISPATCH'), page);
  const shown = await pageOf('ofml', content, '--show');
  assert.ok(tells(shown, 'SAMPLE') && tells(shown, 'DISPATCH'), shown);
});

test('a password is never shown, not even when everything else is', async () => {
  const password = 'SAMPLE-PASS-099';
  const logOn = `LON.CA0991000.CAGWY0000.TXT\r\nUSR/RANGER1.PWD/${password}`;
  const log = acceptedSamples().find(({ name, dialect }) => name === 'log-on' && dialect === 'ofml');
  const document = log?.wire.toString('latin1') ?? '';
  for (const [dialect, content, isShown] of [
    ['clets', `\x02${logOn}\x03`, true],
    ['clets', `\x02${logOn}`, true],
    ['clets', `\x02${logOn.replace('TXT', 'TX').replace('/S', '/a.S')}\x03`, true],
    ['clets', `\x02${logOn.replace('LON', 'LOM')}\x03`, true],
    ['ofml', document, true],
    // Nobody can tell where it stands.
    ['ofml', document.slice(document.indexOf('<')).replace('</PWD>', ''), false],
  ] as const) {
    for (const args of [[], ['--show'], ['--show', '--json']]) {
      const page = await pageOf(dialect, content, ...args);
      assert.ok(!tells(page, password) && !tells(page, 'PASS'), page);
      if (args.join() === '--show') assert.equal(tells(page, 'RANGER1'), isShown, page);
    }
  }
});

test('what a later room would find is told with what the sender is told', () => {
  const directory = loadDirectory(sampleDirectory);
  const dialect = loadDialect(dialectFolder('nlets-legacy'));
  const wire = Buffer.from(`\x02${wrongText.replace('CA0990100', 'NV0990300')}\x03`, 'latin1');
  const [event] = dryRun(wire, { dialect, directory, line: directory.lines.get('ca-dispatch') });
  assert.ok(event?.kind === 'frame');
  assert.deepEqual(
    explained(event, dialect, false).wrong.map(({ code, isTold }) => [code, isTold]),
    [
      ['AUTHORIZE_ORI_NOT_ON_LINE', true],
      ['VALIDATE_FIELD_LENGTH', false],
      ['VALIDATE_FIELD_CHARACTERS', false],
    ],
  );
});

test('the framing is guessed from the bytes, and it is said what was guessed', () => {
  const dialect = loadDialect(dialectFolder('nlets-legacy'));
  const framings = loadFramings(protocols);
  const guess = (content: string) => {
    const cut = cutByGuess(Buffer.from(content, 'latin1'), { dialect }, 'own', framings, dryRun);
    const frames = cut.events.filter((event) => event.kind === 'frame' && event.message !== undefined);
    return { framing: cut.framing, frames: frames.length, isGuessed: cut.note.startsWith('guessed: ') };
  };
  const length = String(text.length).padStart(4, '0');
  assert.deepEqual(guess(`\x02${text}\x03`), { framing: 'own', frames: 1, isGuessed: false });
  assert.deepEqual(guess(`${length}${text}${length}${text}`), {
    framing: 'ascii4',
    frames: 2,
    isGuessed: true,
  });
  assert.deepEqual(guess(`\0${String.fromCharCode(text.length)}${text}`), {
    framing: 'len2-big',
    frames: 1,
    isGuessed: true,
  });
  assert.deepEqual(guess(`${text}\x04`), { framing: 'eot-delimited', frames: 1, isGuessed: true });
  assert.deepEqual(guess(`${text}\n`), { framing: 'none', frames: 1, isGuessed: true });
  // What was typed, where the dialect's own framing is a length that nobody can type; and a length with too little behind it.
  const blocks = { dialect: { ...dialect, framing: framings.get('len4-big') ?? dialect.framing } };
  const ofBlocks = (content: string) =>
    cutByGuess(Buffer.from(content, 'latin1'), blocks, 'own', framings, dryRun).framing;
  assert.deepEqual([ofBlocks(text), ofBlocks(`\0\0\0\xff${text}`)], ['none', 'own']);
});

const dialects = new Map(dialectNames().map((name) => [name, loadDialect(dialectFolder(name))]));

test('every accepted sample of every dialect is explained: each field where it stands, nothing wrong, nothing sensitive shown', () => {
  const directory = loadDirectory(sampleDirectory);
  let fields = 0;
  for (const { name, dialect: dialectName, wire, message: expected } of acceptedSamples()) {
    const dialect = dialects.get(dialectName);
    assert.ok(dialect);
    const events = dryRun(wire, { dialect, directory, line: directory.lines.get(expected.line) });
    for (const event of events) {
      if (event.kind !== 'frame' || event.message === undefined) continue;
      const { parts, wrong } = explained(event, dialect, false);
      assert.deepEqual(wrong, [], name);
      for (const { code, offset, length } of event.message.fields) {
        const part = parts.find((one) => one.name === code && one.offset === offset);
        assert.ok(part, `${name} ${code}`);
        assert.equal(part.length, length, `${name} ${code}`);
        fields++;
        if (dialect.fields.get(code)?.isSensitive !== true) continue;
        assert.match(part.shown, /^\**(\.{3})?$/, `${name} ${code}`);
      }
    }
  }
  assert.ok(fields > 100);
});

test('the control field is found where the header has it, also in front of the key', () => {
  const directory = loadDirectory(sampleDirectory);
  for (const { name, dialect: dialectName, wire, message: expected } of acceptedSamples()) {
    const { control } = expected as { readonly control?: string };
    if (control === undefined || control === '') continue;
    const dialect = dialects.get(dialectName);
    assert.ok(dialect);
    const [event] = dryRun(wire, { dialect, directory, line: directory.lines.get(expected.line) });
    assert.ok(event?.kind === 'frame', name);
    const part = explained(event, dialect, false).parts.find((one) => one.name === 'control');
    assert.equal(part?.shown, control, name);
  }
});

test('every file of a sample has the form its schema gives, those of the framings too', () => {
  const folders = readdirSync(join(protocols, 'framings/samples/refused'));
  assert.ok(folders.length > 0);
  for (const name of folders) {
    const file = readJson(join(protocols, 'framings/samples/refused', name, 'refusal.json'));
    assert.equal(sampleRefusalFile.safeParse(file).error, undefined, name);
  }
});

test('explain wants a line or a dialect that is there, and with a framing that is given it guesses nothing', async () => {
  const path = write('plain.msg', text);
  const off = (file: string, ...args: string[]) => {
    assert.throws(() => explainCommand([file, '--directory', county, ...args]), {
      name: 'UsageError',
    });
  };
  off(path);
  off(path, '--line', 'ca-dispatch', '--dialect', 'nlets-legacy');
  off(join(folder, 'no-such'), '--line', 'ca-dispatch');
  off(folder, '--line', 'ca-dispatch');
  off(write('long.msg', 'A'.repeat(4 * 1024 * 1024 + 1)), '--line', 'ca-dispatch');
  off(path, '--line', 'no-such');
  off(path, '--dialect', '../protocols');
  off(path, '--dialect', 'nlets-legacy', '--framing', 'no-such');
  const { code, stdout } = await explain(path, '--dialect', 'nlets-legacy', '--framing', 'stx-etx');
  assert.deepEqual([code, stdout.trimEnd().endsWith('there is no message in it')], [1, true], stdout);
});

test('every data file links to a schema that is there, and to that of its kind', () => {
  const kinds: readonly [pattern: RegExp, kinds: readonly string[]][] = [
    [/^[^/]+\/dialect\.json$/, ['dialect', 'dialect-difference']],
    [/^[^/]+\/fields\.json$/, ['fields', 'fields-difference']],
    [/^[^/]+\/framing\.json$|^framings\/[^/]+\.json$/, ['framing']],
    [/^[^/]+\/xml\.json$/, ['xml']],
    [/^[^/]+\/message-keys\/[^/]+\.json$/, ['message-key']],
    ...['agencies', 'directory', 'groups', 'lines', 'states', 'topics', 'users'].map(
      (kind): [RegExp, readonly string[]] => [new RegExp(`^sample-directory/${kind}\\.json$`), [kind]],
    ),
  ];
  const files = readdirSync(protocols, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
    .map((entry) => join(entry.parentPath, entry.name).slice(protocols.length + 1))
    .filter((file) => !file.startsWith('format/') && !file.includes('/samples/'));
  assert.ok(files.length > 60);
  for (const file of files) {
    const allowed = kinds.find(([pattern]) => pattern.test(file))?.[1];
    assert.ok(allowed, `${file}: a kind of file that has no schema`);
    const link = readJson(join(protocols, file))['$schema'];
    assert.ok(typeof link === 'string', `${file} has no $schema`);
    const schema = join(dirname(join(protocols, file)), link);
    assert.ok(existsSync(schema), `${file}: ${link} is not there`);
    assert.ok(allowed.includes(basename(schema, '.schema.json')), `${file}: ${link} is of another kind`);
  }
});
