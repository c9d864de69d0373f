import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { framed, type Framing, loadDialect, loadFramings } from '../src/dialect/dialect.ts';
import { loadDirectory } from '../src/directory/directory.ts';
import { FrameDecoder } from '../src/frame/frame.ts';
import { travel, type Travelled } from './golden/inbound-road.ts';
import {
  acceptedSamples,
  dialectFolder,
  dialectNames,
  framingSamples,
  sampleDirectory,
} from './golden/samples.ts';

const root = join(import.meta.dirname, '..');
const directory = loadDirectory(sampleDirectory);
const dialects = new Map(dialectNames().map((name) => [name, loadDialect(dialectFolder(name))]));
const framings = loadFramings(join(root, 'protocols'));
const accepted = acceptedSamples();
const refused = framingSamples();

/** What becomes of chunks on a line of the samples’ directory that speaks a dialect in this framing. */
function run(chunks: readonly Buffer[], dialectName: string, lineName: string, framing: Framing) {
  const dialect = dialects.get(dialectName);
  const line = directory.lines.get(lineName);
  assert.ok(dialect && line);
  return travel(chunks, line, { ...dialect, framing }, directory);
}

/** The content of a sample's only frame, cut out by its dialect's own framing. */
function contentOf(wire: Buffer, dialectName: string): Buffer {
  const dialect = dialects.get(dialectName);
  assert.ok(dialect);
  const [event, ...more] = new FrameDecoder(dialect.framing)
    .push(wire)
    .filter(({ kind }) => kind !== 'control');
  assert.ok(event?.kind === 'frame' && more.length === 0);
  return event.bytes;
}

const byteByByte = (wire: Buffer): Buffer[] => Array.from(wire, (byte) => Buffer.of(byte));

test('there are framings of every kind, and samples of what they refuse', () => {
  const kinds = new Set([...framings.values()].map(({ kind }) => kind));
  assert.deepEqual([...kinds].sort(), ['delimiter', 'header-template', 'length-prefix', 'stx-etx']);
  assert.ok(refused.length >= 17);
});

for (const [name, framing] of framings) {
  test(`${name}: every accepted sample is the same message, whole, byte by byte, cut in two and behind another`, () => {
    for (const { dialect, wire, message: written, deliveries, name: sample } of accepted) {
      const { line, note = '', ...message } = written;
      const frame = framed(framing, contentOf(wire, dialect));
      const expected = [{ message, deliveries }];
      assert.deepEqual(run([frame], dialect, line, framing), expected, `${sample} ${note}`);
      assert.deepEqual(run(byteByByte(frame), dialect, line, framing), expected, `${sample} ${note}`);
      const half = Math.trunc(frame.length / 2);
      assert.deepEqual(
        run([frame.subarray(0, half), frame.subarray(half)], dialect, line, framing),
        expected,
      );
      const both = run([Buffer.concat([frame, frame])], dialect, line, framing);
      assert.deepEqual(both, [...expected, ...expected], `${sample} ${note}`);
    }
  });
}

for (const { name, wire, expected } of refused) {
  test(`refuses ${name}, whole, byte by byte and cut in two`, () => {
    const framing = framings.get(expected.framing);
    assert.ok(framing, 'the sample names a framing');
    const outcome = (chunks: readonly Buffer[]) =>
      summary(run(chunks, 'nlets-legacy', expected.line, framing));
    const { refusals, accepted } = expected;
    assert.deepEqual(outcome([wire]), { refusals, accepted });
    assert.deepEqual(outcome(byteByByte(wire)), { refusals, accepted });
    for (let at = 1; at < Math.min(wire.length, 200); at++)
      assert.deepEqual(outcome([wire.subarray(0, at), wire.subarray(at)]), { refusals, accepted });
  });
}

function summary(travelled: readonly Travelled[]) {
  return {
    refusals: travelled.flatMap((one) => ('refusals' in one ? one.refusals : [])),
    accepted: travelled.filter((one) => 'message' in one).length,
  };
}
