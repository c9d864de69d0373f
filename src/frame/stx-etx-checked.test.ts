import assert from 'node:assert/strict';
import { test } from 'node:test';
import { framed, framedText, type StxEtxFraming } from '../dialect/dialect.ts';
import { FrameDecoder } from './frame.ts';
import { push, told } from './framings-under-test.ts';

const limits = { kind: 'stx-etx', frameBytesMax: 64, frameFaultsMax: 3 } as const;
const checked: StxEtxFraming = { ...limits, lrc: 'xor' };
const headed = (isRequired: boolean, text = ''): StxEtxFraming => ({
  ...limits,
  soh: { isRequired, text, bytesMax: 4 },
});
const both: StxEtxFraming = { ...checked, ...headed(true, 'HD') };

/** The same, whole and byte by byte. */
function pushed(framing: StxEtxFraming, text: string): string[] {
  const whole = push(framing, text);
  assert.deepEqual(push(framing, ...Array.from(text)), whole);
  return whole;
}

// 0x41 ^ 0x42 ^ 0x03 is 0x00; of A alone 0x42; of C alone 0x40.
const [ab, a, c] = ['\x02AB\x03\0', '\x02A\x03B', '\x02C\x03@'];

test('an LRC is the exclusive or of the content and ETX; a wrong one is a fault, and the next frame is read', () => {
  assert.deepEqual(pushed(checked, ab + a + c), ['frame AB', 'frame A', 'frame C']);
  assert.deepEqual(pushed(checked, `\x02A\x03C${ab}`), ['FRAME_LRC', 'frame AB']);
  // It leaves STX out and takes ETX in.
  assert.deepEqual(pushed(checked, `\x02A\x03A${ab}`), ['FRAME_LRC', 'frame AB']);
  assert.deepEqual(pushed(checked, `\x02A\x03\x40${ab}`), ['FRAME_LRC', 'frame AB']);
});

test('an LRC that was lost takes no good frame with it', () => {
  assert.deepEqual(pushed(checked, `\x02A\x03${ab}`), ['FRAME_LRC', 'frame AB']);
  assert.deepEqual(pushed(both, `\x01HD\x02A\x03\x01HD${ab}`), ['FRAME_LRC', 'frame AB']);
  // SOH is a start mark only where there are headers.
  assert.deepEqual(pushed(checked, `\x02A\x03\x01${ab}`), ['FRAME_LRC', 'frame AB']);
});

test('any byte may be an LRC, a mark and an ACK too', () => {
  for (const [content, lrc] of [
    ['AC', '\x01'],
    ['A@', '\x02'],
    ['AA', '\x03'],
    ['AD', '\x06'],
    ['AM', '\x0f'],
  ] as const)
    assert.deepEqual(pushed(checked, `\x02${content}\x03${lrc}${ab}`), [`frame ${content}`, 'frame AB']);
});

test('CR LF behind the LRC means nothing, and an ACK there is one', () => {
  const decoder = new FrameDecoder(checked);
  assert.deepEqual(told(decoder.push(Buffer.from(`${ab}\r\n\x06${a}\r\n`, 'latin1'))), [
    'frame AB',
    'ACK',
    'frame A',
  ]);
  assert.equal(decoder.strayBytes, 0);
});

test('what follows an ETX whose frame was refused is its LRC: it confirms nothing, unless a frame begins there', () => {
  assert.deepEqual(pushed(checked, `\x03\x06${a}`), ['FRAME_END_WITHOUT_START', 'frame A']);
  assert.deepEqual(pushed(checked, `\x03${a}`), ['FRAME_END_WITHOUT_START', 'frame A']);
  assert.deepEqual(pushed(checked, `\x02${'Z'.repeat(65)}\x03\x06${a}`), ['FRAME_TOO_LONG', 'frame A']);
  assert.deepEqual(pushed(checked, `\x02\x03\x03${a}`), ['FRAME_EMPTY', 'frame A']);
  assert.deepEqual(pushed(checked, `\x02\x03\x06${a}`), ['FRAME_LRC', 'frame A']);
});

test('a frame whose LRC does not come is unfinished', () => {
  const decoder = new FrameDecoder(checked);
  assert.deepEqual(decoder.push(Buffer.from('\x02AB\x03')), []);
  assert.ok(decoder.isInsideFrame);
  assert.deepEqual(decoder.expire(), { code: 'FRAME_INCOMPLETE', length: 2 });
  assert.deepEqual(told(decoder.push(Buffer.from(a))), ['frame A']);
});

test('a header is dropped and counted; where it is required a frame without one is refused, where it is not it passes', () => {
  const decoder = new FrameDecoder(headed(false));
  assert.deepEqual(told(decoder.push(Buffer.from('\x01HEAD\x02A\x03\r\n\x02B\x03\x01\x02C\x03'))), [
    'frame A',
    'frame B',
    'frame C',
  ]);
  assert.equal(decoder.headerBytes, 4);
  assert.equal(decoder.strayBytes, 0);
  assert.deepEqual(pushed(headed(true), '\x01H\x02A\x03\x02B\x03\x01\x02C\x03'), [
    'frame A',
    'FRAME_HEADER',
    'frame C',
  ]);
  assert.deepEqual(pushed(both, `\x01X${a}\x01YZ${ab}`), ['frame A', 'frame AB']);
});

test('a header too long, or without a frame behind it, is refused once, with what stands behind it', () => {
  assert.deepEqual(pushed(headed(false), '\x01HEAD5\x02A\x03\x02B\x03'), ['FRAME_HEADER', 'frame B']);
  assert.deepEqual(pushed(headed(true), `\x01${'H'.repeat(9)}\x02A\x03\x01\x02B\x03`), [
    'FRAME_HEADER',
    'frame B',
  ]);
  assert.deepEqual(pushed(headed(true), `\x01${'H'.repeat(9)}\x03\x01\x02B\x03`), [
    'FRAME_HEADER',
    'frame B',
  ]);
  assert.deepEqual(pushed(headed(true), `\x01${'H'.repeat(9)}\x01\x02B\x03`), ['FRAME_HEADER', 'frame B']);
  assert.deepEqual(pushed(headed(true), '\x01HD\x03\x01\x02B\x03'), ['FRAME_HEADER', 'frame B']);
  assert.deepEqual(pushed(headed(true), '\x01HD\x01\x02B\x03'), ['FRAME_START_INSIDE', 'frame B']);
  assert.deepEqual(pushed(headed(true), '\x01\x02AB\x01\x02B\x03'), ['FRAME_START_INSIDE', 'frame B']);
  const decoder = new FrameDecoder(headed(true));
  decoder.push(Buffer.from(`\x01${'H'.repeat(100_000)}`));
  assert.equal(decoder.pendingBytes, 0);
});

test('where there is no header SOH is a byte like another', () => {
  assert.deepEqual(pushed(checked, '\x01\x02A\x01\x03C'), ['frame A\x01']);
});

test('header and LRC are written as the file says, and a mark inside a content is not', () => {
  const wire = (framing: StxEtxFraming, text: string): string =>
    framed(framing, Buffer.from(text)).toString('latin1');
  assert.equal(wire(checked, 'AB'), ab);
  assert.equal(wire(headed(false), 'AB'), '\x02AB\x03');
  assert.equal(wire(headed(false, 'HD'), 'AB'), '\x01HD\x02AB\x03');
  assert.equal(wire(headed(true), 'AB'), '\x01\x02AB\x03');
  assert.equal(wire(both, 'A'), `\x01HD${a}`);
  for (const mark of ['\x01', '\x02', '\x03'])
    assert.throws(() => framed(both, Buffer.from(`A${mark}B`)), { code: 'DELIVER_FRAMING' });
  assert.equal(wire(checked, 'A\x01'), '\x02A\x01\x03C');
  assert.equal(framedText(both, Buffer.from('A\x01\x02\x03')).toString('latin1'), '\x01HD\x02A???\x03}');
});
