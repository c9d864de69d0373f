import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { WireFraming } from './framing.ts';
import { readFraming, wireFraming } from './framing.ts';
import { wireControl, type WireEvent, wireFrame, WireReader } from './wire-codec.ts';

const counted = (
  encoding: 'binary' | 'ascii',
  width: number,
  endian: 'big' | 'little' = 'big',
  countsSelf = false,
): WireFraming => ({ kind: 'length-prefix', encoding, width, endian, countsSelf });

const text = (event: WireEvent): string => {
  if (event.kind === 'frame') return event.content.toString('latin1');
  return event.kind === 'control' ? event.byte : event.kind;
};
const hex = (framing: WireFraming, content: string): string =>
  wireFrame(framing, Buffer.from(content)).toString('hex');

test('writes each framing as the domain sheet says', () => {
  assert.equal(hex({ kind: 'stx-etx' }, 'AB'), '02414203');
  assert.equal(hex({ kind: 'delimiter', delimiter: '\x04' }, 'AB'), '414204');
  assert.equal(hex(counted('binary', 4), 'AB'), '000000024142');
  assert.equal(hex(counted('binary', 2, 'little', true), 'AB'), '04004142');
  assert.equal(hex(counted('ascii', 5), 'AB'), '30303030324142');
  assert.equal(hex(counted('ascii', 4, 'big', true), 'AB'), '303030364142');
  assert.equal(wireControl(counted('binary', 2), 'ACK').toString('hex'), '000106');
  assert.equal(wireControl({ kind: 'stx-etx' }, 'NAK').toString('hex'), '15');
  assert.throws(() => hex(counted('ascii', 4), 'A'.repeat(10_000)), /longer than this framing/);
});

test('reads what it wrote, cut at every byte, with confirmations between the frames', () => {
  const framings: readonly WireFraming[] = [
    { kind: 'stx-etx' },
    { kind: 'delimiter', delimiter: '\x04' },
    { kind: 'delimiter', delimiter: '\r\n\x1c' },
    ...[2, 4].flatMap((width) => [counted('binary', width), counted('binary', width, 'little', true)]),
    ...[4, 5, 6].flatMap((width) => [counted('ascii', width), counted('ascii', width, 'big', true)]),
  ];
  for (const framing of framings) {
    const wire = Buffer.concat([
      wireFrame(framing, Buffer.from('ONE\r\nTWO')),
      wireControl(framing, 'ACK'),
      wireControl(framing, 'NAK'),
      wireFrame(framing, Buffer.from('X')),
    ]);
    for (let cut = 0; cut <= wire.length; cut += 1) {
      const reader = new WireReader(framing);
      const events = [...reader.push(wire.subarray(0, cut)), ...reader.push(wire.subarray(cut))];
      assert.deepEqual(events.map(text), ['ONE\r\nTWO', 'ACK', 'NAK', 'X'], JSON.stringify(framing));
    }
  }
});

test('a length of zero is a keep-alive, one that is no number or no length is garbled', () => {
  const read = (framing: WireFraming, bytes: string): string[] =>
    new WireReader(framing).push(Buffer.from(bytes, 'latin1')).map(text);
  assert.deepEqual(read(counted('binary', 2), '\0\0\0\x02AB'), ['AB']);
  assert.deepEqual(read(counted('ascii', 4), 'ABCD'), ['garbled']);
  assert.deepEqual(read(counted('binary', 2, 'big', true), '\0\x01'), ['garbled']);
  assert.deepEqual(read(counted('binary', 4), '\xff\xff\xff\xff'), ['garbled']);
  assert.deepEqual(read({ kind: 'delimiter', delimiter: '\x04' }, 'A'.repeat(1_048_577)), ['garbled']);
});

test('reads every framing file of protocols, and refuses what it does not speak by its file', () => {
  const protocols = join(import.meta.dirname, '../../../protocols');
  const names = readdirSync(join(protocols, 'framings')).filter((name) => name.endsWith('.json'));
  assert.ok(names.length > 5);
  // A check byte, a header before STX, or one of numbers: a simulator says so rather than being misread.
  const unspoken = ['dmpp-bare', 'segmented-template', 'soh-stx-etx', 'soh-stx-etx-lrc', 'stx-etx-lrc'];
  for (const name of unspoken)
    assert.throws(() => readFraming(protocols, name), /is not a framing a simulator speaks/, name);
  for (const name of names.filter((file) => !unspoken.includes(file.replace('.json', '')))) {
    const framing = readFraming(protocols, name.replace('.json', ''));
    const [event] = new WireReader(framing).push(wireFrame(framing, Buffer.from('AB')));
    assert.equal(event === undefined ? '' : text(event), 'AB', name);
  }
  assert.throws(() => readFraming(protocols, 'missing'), /framings.missing\.json cannot be read/);
  assert.throws(
    () => wireFraming({ kind: 'secret' }, 'some-dialect'),
    /some-dialect is not a framing a simulator speaks/,
  );
});
