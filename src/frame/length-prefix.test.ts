import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LengthPrefixFraming } from '../dialect/dialect.ts';
import { FrameDecoder } from './frame.ts';
import { push, told } from './framings-under-test.ts';

const limits = { frameBytesMax: 1_048_576, frameFaultsMax: 3 } as const;
const [big, little] = (['big', 'little'] as const).map(
  (endian): LengthPrefixFraming => ({
    ...{ kind: 'length-prefix', encoding: 'binary', width: 4, endian, countsSelf: false },
    ...limits,
  }),
) as [LengthPrefixFraming, LengthPrefixFraming];
const digits: LengthPrefixFraming = {
  ...{ kind: 'length-prefix', encoding: 'ascii', width: 4, countsSelf: false },
  ...limits,
};

const each = (text: string): string[] => Array.from(text);

test('reads the number as its framing writes it: high byte first, low byte first, in digits', () => {
  const content = 'A'.repeat(0x0102);
  assert.deepEqual(push(big, `\0\0\x01\x02${content}`), [`frame ${content}`]);
  assert.deepEqual(push(little, `\x02\x01\0\0${content}`), [`frame ${content}`]);
  assert.deepEqual(push(digits, `0258${content}`), [`frame ${content}`]);
  assert.deepEqual(push({ ...digits, countsSelf: true }, `0262${content}`), [`frame ${content}`]);
});

test('any byte may stand in a content, the marks of other framings too', () => {
  assert.deepEqual(push(digits, '0006\x02\x03\x04\x06\0\xff'), ['frame \x02\x03\x04\x06\0\xff']);
});

test('a length of nothing is a sign of life: counted, no frame, no fault, and not the start of a frame', () => {
  const decoder = new FrameDecoder(digits);
  assert.deepEqual(told(decoder.push(Buffer.from('0000000000'))), []);
  assert.equal(decoder.keepAlives, 2);
  assert.ok(decoder.isInsideFrame, 'two digits of the third have come');
  assert.deepEqual(told(decoder.push(Buffer.from('000002AB'))), ['frame AB']);
  assert.equal(decoder.keepAlives, 3);
  assert.equal(decoder.isInsideFrame, false);
  const counting = new FrameDecoder({ ...digits, countsSelf: true });
  assert.deepEqual(told(counting.push(Buffer.from('000400000006AB'))), ['frame AB']);
  assert.equal(counting.keepAlives, 2, 'nothing but itself, and zero');
});

test('a length that is no number, or less than the prefix it counts, is the last thing read', () => {
  const noNumbers = [
    '00A2',
    '-001',
    '+001',
    '1e01',
    '  12',
    '12  ',
    '0x10',
    '\0\0\0\x02',
    '१२३४'.slice(0, 4),
  ];
  for (const prefix of noNumbers) {
    const text = `0001A${prefix}AB0001B`;
    assert.deepEqual(push(digits, text), ['frame A', 'FRAME_LENGTH!'], prefix);
    assert.deepEqual(push(digits, ...each(text)), ['frame A', 'FRAME_LENGTH!'], prefix);
  }
  for (const prefix of ['0001', '0003'])
    assert.deepEqual(push({ ...digits, countsSelf: true }, `${prefix}AB0001B`), ['FRAME_LENGTH!'], prefix);
});

test('a length of gigabytes is refused before anything is kept, and a lying one keeps only what came', () => {
  const decoder = new FrameDecoder(big);
  const [event] = decoder.push(Buffer.from('\xff\xff\xff\xffABCDEF', 'latin1'));
  assert.deepEqual(event, {
    kind: 'fault',
    refusal: { code: 'FRAME_TOO_LONG', limit: 1_048_576 },
    isLast: true,
  });
  assert.equal(decoder.pendingBytes, 0);
  const before = process.memoryUsage().arrayBuffers;
  const liars = Array.from({ length: 1000 }, () => {
    const liar = new FrameDecoder(big);
    liar.push(Buffer.from('\0\x10\0\0ABC', 'latin1'));
    return liar;
  });
  const each = (process.memoryUsage().arrayBuffers - before) / liars.length;
  assert.ok(each < 8192, `${String(each)} bytes for three that came of a million`);
  assert.ok(liars.every(({ pendingBytes }) => pendingBytes === 3));
});

test('after a frame that was not finished in time nothing more is read', () => {
  const decoder = new FrameDecoder(digits);
  decoder.push(Buffer.from('0008ABC'));
  assert.deepEqual(decoder.expire(), { code: 'FRAME_INCOMPLETE', length: 3 });
  assert.deepEqual(told(decoder.push(Buffer.from('DEFGH0002AB'))), []);
  assert.equal(decoder.pendingBytes, 0);
  const inPrefix = new FrameDecoder(digits);
  inPrefix.push(Buffer.from('00'));
  assert.deepEqual(inPrefix.expire(), { code: 'FRAME_INCOMPLETE', length: 0 });
});
