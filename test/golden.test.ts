import assert from 'node:assert/strict';
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
} from './golden/samples.ts';

const directory = loadDirectory(join(import.meta.dirname, '../examples/county-099/directory'));
const dialects = new Map(dialectNames().map((name) => [name, loadDialect(dialectFolder(name))]));
const accepted = acceptedSamples();
const refused = refusedSamples();
const outputs = outputSamples();
const [firstAccepted] = accepted;
assert.ok(firstAccepted);

test('finds dialects, and accepted, refused and output samples', () => {
  assert.ok(dialects.has('nlets-legacy'));
  assert.ok(accepted.length >= 8, 'one for every message key at least');
  assert.ok(refused.length >= 25);
  assert.ok(outputs.length >= 4);
});

test('every message key of every dialect has an accepted sample', () => {
  for (const [name, { keys }] of dialects) {
    const shown = accepted.filter(({ dialect }) => dialect === name).map(({ wire }) => keyOf(wire));
    assert.deepEqual(
      [...keys.keys()].filter((key) => !shown.includes(key)),
      [],
    );
  }
});

for (const { name, dialect, wire, message: written, deliveries } of accepted) {
  const { line, ...message } = written;
  const expected = { refusals: [], passed: [{ message, deliveries }] };
  test(`accepts ${name}, whole`, () => {
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
  return travel(chunks, lineOf(lineName), dialect, directory);
}

function lineOf(name: string): Line {
  const line = directory.lines.get(name);
  assert.ok(line, 'the sample names a line of the example directory');
  return line;
}

function keyOf(wire: Buffer): string {
  const text = wire.toString('latin1');
  return text.slice(1, text.indexOf('.')).toUpperCase();
}
