import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { controlFrame, framed, framedText } from './framed.ts';
import { countableMax, type Framing } from './framing.ts';

const limits = { frameBytesMax: 64, frameFaultsMax: 3 } as const;
const stxEtx: Framing = { kind: 'stx-etx', ...limits };
const delimiter = (text: string): Framing => ({ kind: 'delimiter', delimiter: text, ...limits });
const binary = (width: 2 | 4, endian: 'big' | 'little', countsSelf = false): Framing => ({
  ...{ kind: 'length-prefix', encoding: 'binary', width, endian, countsSelf },
  ...limits,
});
const digits = (width: 4 | 5 | 6, countsSelf = false): Framing => ({
  ...{ kind: 'length-prefix', encoding: 'ascii', width, countsSelf },
  ...limits,
});

const wire = (framing: Framing, ...parts: string[]): string =>
  framed(framing, ...parts.map((part) => Buffer.from(part, 'latin1'))).toString('latin1');

test('each framing writes a content of two parts in its own way', () => {
  assert.equal(wire(stxEtx, 'AB', 'CD'), '\x02ABCD\x03');
  assert.equal(wire(delimiter('NNNN'), 'AB', 'CD'), 'ABCDNNNN');
  assert.equal(wire(binary(2, 'big'), 'AB', 'CD'), '\0\x04ABCD');
  assert.equal(wire(binary(4, 'little'), 'AB', 'CD'), '\x04\0\0\0ABCD');
  assert.equal(wire(binary(4, 'big', true), 'AB', 'CD'), '\0\0\0\x08ABCD');
  assert.equal(wire(digits(6), 'AB', 'CD'), '000004ABCD');
  assert.equal(wire(digits(4, true), 'AB', 'CD'), '0008ABCD');
});

test('ACK is a byte between STX and ETX frames, and a frame of this byte where nothing stands between', () => {
  assert.deepEqual(controlFrame(stxEtx, 'ACK'), Buffer.of(0x06));
  assert.deepEqual(controlFrame(binary(2, 'big'), 'NAK'), Buffer.of(0, 1, 0x15));
  assert.deepEqual(controlFrame(delimiter('\x04'), 'ENQ'), Buffer.of(0x05, 0x04));
});

test('the longest content a prefix can count is written', () => {
  for (const framing of [digits(4), digits(4, true), binary(2, 'big'), binary(2, 'little', true)]) {
    assert.ok(framing.kind === 'length-prefix');
    const frameBytesMax = countableMax(framing);
    const frame = framed({ ...framing, frameBytesMax }, Buffer.alloc(frameBytesMax, 'A'));
    assert.equal(frame.length, frameBytesMax + framing.width);
    const prefix = frame.toString('latin1', 0, framing.width);
    assert.equal(prefix, framing.encoding === 'ascii' ? '9999' : '\xff\xff');
  }
});

test('a content of the limit is written in every framing, one byte more is not, and a text of our own is cut', () => {
  const full = Buffer.alloc(64, 'A');
  for (const framing of [stxEtx, delimiter('\x04'), delimiter('NNNN'), digits(4, true), binary(2, 'big')]) {
    const frame = framed(framing, full);
    assert.ok(frame.includes(full));
    assert.throws(() => framed(framing, full, Buffer.from('B')), { code: 'DELIVER_FRAMING' });
    assert.deepEqual(framedText(framing, Buffer.concat([full, Buffer.from('B')])), frame);
  }
});

test('a content that would end or begin a frame inside is not written, also when only its end and the delimiter do', () => {
  const refused: readonly [Framing, string][] = [
    [stxEtx, 'A\x02B'],
    [stxEtx, 'A\x03B'],
    [stxEtx, 'A\x03'],
    [stxEtx, '\x02A'],
    [delimiter('\x04'), 'A\x04'],
    [delimiter('NNNN'), 'ANNNNB'],
    [delimiter('NNNN'), 'AN'],
    [delimiter('\x1cA\x1cB'), '\x1cA\x1cB'],
  ];
  for (const [framing, content] of refused)
    assert.throws(() => wire(framing, content), { code: 'DELIVER_FRAMING' }, content);
  assert.equal(wire(delimiter('\x1cA\x1cB'), '\x1cA'), '\x1cA\x1cA\x1cB');
  assert.equal(wire(binary(2, 'big'), '\x02\x03\x04'), '\0\x03\x02\x03\x04');
  assert.throws(
    () => wire(delimiter('NNNN'), 'SECRETNNNN'),
    (fault: Error) => !fault.message.includes('SECRET'),
  );
});

test('a text of the switch’s own always becomes one frame, whatever it echoes', () => {
  const framings = [
    stxEtx,
    delimiter('\x04'),
    delimiter('NNNN'),
    delimiter('??'),
    delimiter('N?'),
    digits(4),
  ];
  const text = fc
    .array(fc.constantFrom(0x02, 0x03, 0x04, 0x4e, 0x3f, 0x41), { maxLength: 40 })
    .map((list) => Buffer.from(list));
  fc.assert(
    fc.property(text, fc.constantFrom(...framings), (content, framing) => {
      const frame = framedText(framing, content);
      const marks =
        framing.kind === 'delimiter' ? framing.delimiter.length : framing.kind === 'stx-etx' ? 2 : 4;
      assert.equal(frame.length, content.length + marks);
      const start = framing.kind === 'stx-etx' ? 1 : framing.kind === 'delimiter' ? 0 : 4;
      // What it holds now could be written as it is.
      assert.deepEqual(framed(framing, frame.subarray(start, start + content.length)), frame);
    }),
  );
});
