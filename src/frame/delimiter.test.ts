import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DelimiterFraming } from '../dialect/dialect.ts';
import { FrameDecoder } from './frame.ts';
import { push, told } from './framings-under-test.ts';

const eot: DelimiterFraming = { kind: 'delimiter', delimiter: '\x04', frameBytesMax: 8, frameFaultsMax: 3 };
const teletype: DelimiterFraming = { ...eot, delimiter: 'NNNN' };
const each = (text: string): string[] => Array.from(text);

test('CR, LF and NUL before a content mean nothing, and are not the start of a frame', () => {
  assert.deepEqual(push(eot, 'A\x04\r\n\0B\r\n\x04\r\n'), ['frame A', 'frame B\r\n']);
  const decoder = new FrameDecoder(eot);
  decoder.push(Buffer.from('A\x04\r\n'));
  assert.equal(decoder.isInsideFrame, false);
  assert.equal(decoder.pendingBytes, 0);
});

test('a delimiter with nothing before it is an empty frame', () => {
  assert.deepEqual(push(eot, '\x04A\x04\x04\r\n\x04'), [
    'FRAME_EMPTY',
    'frame A',
    'FRAME_EMPTY',
    'FRAME_EMPTY',
  ]);
  assert.deepEqual(push(teletype, ...each('NNNNANNNN')), ['FRAME_EMPTY', 'frame A']);
});

test('a delimiter that comes in two chunks ends its frame, and one that does not come whole is content', () => {
  for (let at = 1; at < 6; at++)
    assert.deepEqual(push(teletype, 'ABNNNN'.slice(0, at), 'ABNNNN'.slice(at)), ['frame AB'], String(at));
  assert.deepEqual(push(teletype, 'ANNN', 'BNNNN'), ['frame ANNNB']);
  assert.deepEqual(push(teletype, 'ANNN', 'NNNNN', 'N'), ['frame A', 'FRAME_EMPTY']);
});

test('the limit is of the content, with the delimiter beside it, and what is too long ends at the next delimiter', () => {
  assert.deepEqual(push(teletype, '12345678NNNN'), ['frame 12345678']);
  assert.deepEqual(push(teletype, ...each('12345678NNNN')), ['frame 12345678']);
  for (const cut of [push(teletype, '123456789NNNNABNNNN'), push(teletype, ...each('123456789NNNNABNNNN'))])
    assert.deepEqual(cut, ['FRAME_TOO_LONG', 'frame AB']);
  const flood = 'A'.repeat(100_000);
  const decoder = new FrameDecoder(teletype);
  assert.deepEqual(told(decoder.push(Buffer.from(flood))), ['FRAME_TOO_LONG']);
  assert.deepEqual(told(decoder.push(Buffer.from(`${flood}NN`))), []);
  assert.ok(decoder.isInsideFrame);
  assert.ok(decoder.pendingBytes <= 3);
  assert.deepEqual(told(decoder.push(Buffer.from('NNABNNNN'))), ['frame AB']);
});

test('the rest of a frame that was given up is dropped, up to its delimiter, and nobody waits for it', () => {
  const decoder = new FrameDecoder(teletype);
  decoder.push(Buffer.from('ABCN'));
  assert.deepEqual(decoder.expire(), { code: 'FRAME_INCOMPLETE', length: 4 });
  assert.equal(decoder.isInsideFrame, false);
  assert.deepEqual(told(decoder.push(Buffer.from('NNNDEFNNNNGNNNN'))), ['frame DEF', 'frame G']);
});
