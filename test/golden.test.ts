import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Dialect, loadDialect } from '../src/dialect/dialect.ts';
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
import { boundariesOf, brokenFrameOf, byteByByte, found, noiseOf } from './golden/ways-in.ts';

const directory = loadDirectory(sampleDirectory);
const dialects = new Map(dialectNames().map((name) => [name, loadDialect(dialectFolder(name))]));
const accepted = acceptedSamples();
const refused = refusedSamples();
const outputs = outputSamples();
/** Of a sample this short, every cut goes down the whole road; of a longer one it is enough that the same frames are cut out. */
const wholeRoadBytesMax = 256;

test('finds dialects, and accepted, refused and output samples', () => {
  assert.ok(dialects.has('nlets-legacy'));
  assert.ok(dialects.has('clets'));
  assert.ok(accepted.length >= 70, 'one for every message key at least');
  assert.ok(refused.length >= 40);
  assert.ok(outputs.length >= 6);
});

test('every message key of every dialect has an accepted sample; one it has from another dialect is shown there', () => {
  for (const [name, { keys }] of dialects) {
    const shown = accepted.filter(({ dialect }) => dialect === name).map(({ message }) => message.messageKey);
    const own = [...keys.keys()].filter((key) =>
      existsSync(join(dialectFolder(name), 'message-keys', `${key}.json`)),
    );
    assert.ok(shown.length > 0, name);
    // One that differs in its framing alone brings no key.
    assert.equal(own.length > 0, existsSync(join(dialectFolder(name), 'message-keys')), name);
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
  test(`accepts ${dialect} ${name}, however it comes in`, (context) => {
    if (note !== undefined) context.diagnostic(note);
    const whole = run([wire], dialect, line);
    assert.deepEqual(summary(whole), { refusals: [], passed: [{ message, deliveries }] });
    comesInAlike(dialect, line, wire, whole);
  });
}

for (const { name, dialect, wire, expected } of refused) {
  test(`refuses ${dialect} ${name}, however it comes in`, () => {
    const whole = run([wire], dialect, expected.line);
    const { refusals, passed } = summary(whole);
    assert.deepEqual(refusals, expected.refusals);
    assert.equal(passed.length, expected.accepted);
    comesInAlike(dialect, expected.line, wire, whole);
  });
}

test('every framing says what it takes for nothing, and most find the next frame behind a broken one', () => {
  for (const [name, { framing }] of dialects) {
    const noise = noiseOf(framing);
    assert.ok(noise.length > 0, name);
    assert.deepEqual(framesIn([noise], framing), [], name);
    const broken = brokenFrameOf(framing);
    if (broken !== undefined) assert.ok(found([broken], framing).length > 0, name);
  }
  assert.ok([...dialects.values()].some(({ framing }) => brokenFrameOf(framing) !== undefined));
});

for (const sample of outputs) {
  test(`sends a station ${sample.name}, byte for byte, and marked when it may be a repeat`, () => {
    const sentText = (isRepeat: boolean) => sent(sample, directory, isRepeat).toString('latin1');
    assert.equal(sentText(false), sample.plain.toString('latin1'));
    assert.equal(sentText(true), sample.marked.toString('latin1'));
  });
}

/**
 * The same result as whole: cut in two at every byte boundary (over 2 KB at many of them), byte by byte, behind another frame in one chunk,
 * with noise before, between and around them, and behind a broken frame where the framing finds the next one by itself.
 */
function comesInAlike(dialectName: string, line: string, wire: Buffer, whole: readonly Travelled[]): void {
  const { framing } = dialectOf(dialectName);
  const events = found([wire], framing);
  for (const at of boundariesOf(wire)) {
    const chunks = [wire.subarray(0, at), wire.subarray(at)];
    const place = `cut at ${String(at)}`;
    if (wire.length <= wholeRoadBytesMax) assert.deepEqual(run(chunks, dialectName, line), whole, place);
    else assert.deepEqual(found(chunks, framing), events, place);
  }
  assert.deepEqual(run(byteByByte(wire), dialectName, line), whole, 'byte by byte');

  const [neighbour] = accepted.filter(({ dialect }) => dialect === dialectName);
  assert.ok(neighbour, 'a dialect has accepted samples');
  const before = run([neighbour.wire], dialectName, line);
  assert.equal(before.length, 1);
  const both = Buffer.concat([neighbour.wire, wire]);
  assert.deepEqual(run([both], dialectName, line), [...before, ...whole], 'two in one chunk');

  const noise = noiseOf(framing);
  const noisy = Buffer.concat([noise, neighbour.wire, noise, wire]);
  assert.deepEqual(run([noisy], dialectName, line), [...before, ...whole], 'with noise');
  assert.deepEqual(run(byteByByte(noisy), dialectName, line), [...before, ...whole], 'noise byte by byte');

  const broken = brokenFrameOf(framing);
  if (broken === undefined || events.some(({ kind }) => kind === 'fault')) return;
  const [first, ...rest] = run([broken, wire], dialectName, line);
  assert.ok(first !== undefined && 'refusals' in first, 'the broken frame is refused');
  assert.ok(first.refusals.every(({ code }) => code.startsWith('FRAME_')));
  assert.deepEqual(rest, whole, 'behind a broken frame');
}

function framesIn(chunks: readonly Buffer[], framing: Dialect['framing']) {
  return found(chunks, framing).filter(({ kind }) => kind !== 'control');
}

function summary(travelled: readonly Travelled[]) {
  return {
    refusals: travelled.flatMap((one) => ('refusals' in one ? one.refusals : [])),
    passed: travelled.filter((one) => 'message' in one),
  };
}

function run(chunks: readonly Buffer[], dialectName: string, lineName: string): readonly Travelled[] {
  const line = lineOf(lineName);
  assert.equal(line.dialect, dialectName, 'the line speaks another dialect');
  return travel(chunks, line, dialectOf(dialectName), directory);
}

function dialectOf(name: string): Dialect {
  const dialect = dialects.get(name);
  assert.ok(dialect);
  return dialect;
}

function lineOf(name: string): Line {
  const line = directory.lines.get(name);
  assert.ok(line, 'the sample names a line of the sample directory');
  return line;
}
