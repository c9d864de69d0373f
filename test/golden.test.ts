import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadDialect } from '../src/dialect/dialect.ts';
import { loadDirectory, type Line } from '../src/directory/directory.ts';
import { travel, type Travelled } from './golden/inbound-road.ts';
import { sent } from './golden/output-road.ts';
import {
  acceptedSamples,
  dialectFolder,
  dialectNames,
  outputSamples,
  refusedSamples,
  sampleDirectory,
} from './golden/samples.ts';

const directory = loadDirectory(sampleDirectory);
const dialects = new Map(dialectNames().map((name) => [name, loadDialect(dialectFolder(name))]));
const accepted = acceptedSamples();
const refused = refusedSamples();
const outputs = outputSamples();
const [firstAccepted] = accepted;
assert.ok(firstAccepted);

test('finds dialects, and accepted, refused and output samples', () => {
  assert.ok(dialects.has('nlets-legacy'));
  assert.ok(dialects.has('clets'));
  assert.ok(accepted.length >= 70, 'one for every message key at least');
  assert.ok(refused.length >= 40);
  assert.ok(outputs.length >= 6);
});

test('every message key of every dialect has an accepted sample; one it has from another dialect is shown there', () => {
  for (const [name, { keys }] of dialects) {
    const shown = accepted.filter(({ dialect }) => dialect === name).map(({ wire }) => keyOf(wire));
    const own = [...keys.keys()].filter((key) =>
      existsSync(join(dialectFolder(name), 'message-keys', `${key}.json`)),
    );
    assert.ok(own.length > 0, name);
    assert.deepEqual(
      own.filter((key) => !shown.includes(key)),
      [],
    );
  }
});

test('the examples of the domain sheet are all there: E1 to E27, C1 to C9', () => {
  const names = [...accepted, ...refused].map(({ dialect, name }) => `${dialect} ${name}`);
  const examples = [
    ...Array.from({ length: 27 }, (_none, at) => `nlets-legacy e${String(at + 1).padStart(2, '0')}-`),
    ...Array.from({ length: 9 }, (_none, at) => `clets c${String(at + 1)}-`),
  ];
  for (const example of examples) {
    assert.equal(names.filter((name) => name.startsWith(example)).length, 1, example);
  }
});

for (const { name, dialect, wire, message: written, deliveries } of accepted) {
  const { line, note, ...message } = written;
  const expected = { refusals: [], passed: [{ message, deliveries }] };
  test(`accepts ${name}, whole`, (context) => {
    if (note !== undefined) context.diagnostic(note);
    assert.deepEqual(summary(run([wire], dialect, line)), expected);
  });
  splitAndJoined(`accepts ${name}`, dialect, line, wire);
}

for (const { name, dialect, wire, expected } of refused) {
  test(`refuses ${name}, whole`, () => {
    const { refusals, passed } = summary(run([wire], dialect, expected.line));
    assert.deepEqual(refusals, expected.refusals);
    assert.equal(passed.length, expected.accepted);
  });
  splitAndJoined(`refuses ${name}`, dialect, expected.line, wire);
}

for (const sample of outputs) {
  test(`sends a station ${sample.name}, byte for byte, and marked when it may be a repeat`, () => {
    const sentText = (isRepeat: boolean) => sent(sample, directory, isRepeat).toString('latin1');
    assert.equal(sentText(false), sample.plain.toString('latin1'));
    assert.equal(sentText(true), sample.marked.toString('latin1'));
  });
}

test('every ORI in a sample is of county 099', () => {
  for (const { wire, name } of [...accepted, ...refused, ...outputs]) {
    for (const [ori] of wire.toString('latin1').matchAll(/\b[a-z]{2}[0-9]{7}\b/gi)) {
      // The network's own, which is nobody's.
      if (ori === 'NL0000000') continue;
      assert.equal(ori.slice(2, 5), '099', name);
    }
  }
});

/** The same result as whole when split at every byte boundary, byte by byte, and behind another frame in one chunk. */
function splitAndJoined(title: string, dialect: string, line: string, wire: Buffer): void {
  test(`${title}, split at every byte`, () => {
    const whole = run([wire], dialect, line);
    for (let at = 1; at < wire.length; at++) {
      const chunks = [wire.subarray(0, at), wire.subarray(at)];
      assert.deepEqual(run(chunks, dialect, line), whole, `split at ${String(at)}`);
    }
    const bytes = Array.from(wire, (byte) => Buffer.of(byte));
    assert.deepEqual(run(bytes, dialect, line), whole, 'byte by byte');
  });
  test(`${title}, two in one chunk`, () => {
    assert.ok(firstAccepted);
    const before = run([firstAccepted.wire], dialect, line);
    const both = run([Buffer.concat([firstAccepted.wire, wire])], dialect, line);
    assert.equal(before.length, 1);
    assert.deepEqual(both, [...before, ...run([wire], dialect, line)]);
  });
}

function summary(travelled: readonly Travelled[]) {
  return {
    refusals: travelled.flatMap((one) => ('refusals' in one ? one.refusals : [])),
    passed: travelled.filter((one) => 'message' in one),
  };
}

function run(chunks: readonly Buffer[], dialectName: string, lineName: string): readonly Travelled[] {
  const dialect = dialects.get(dialectName);
  assert.ok(dialect);
  const line = lineOf(lineName);
  assert.equal(line.dialect, dialectName, 'the line speaks another dialect');
  return travel(chunks, line, dialect, directory);
}

function lineOf(name: string): Line {
  const line = directory.lines.get(name);
  assert.ok(line, 'the sample names a line of the sample directory');
  return line;
}

function keyOf(wire: Buffer): string {
  const text = wire.toString('latin1');
  return text.slice(1, text.indexOf('.')).toUpperCase();
}
