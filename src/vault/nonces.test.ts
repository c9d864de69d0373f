import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Nonces } from './nonces.ts';

const next = (nonces: Nonces): Buffer => Buffer.from(nonces.next());

test('counts behind a fixed prefix', () => {
  const nonces = new Nonces();
  const first = next(nonces);
  const second = next(nonces);
  assert.deepEqual(second.subarray(0, 8), first.subarray(0, 8));
  assert.deepEqual([first.readUInt32BE(8), second.readUInt32BE(8)], [0, 1]);
});

test('draws a new prefix instead of counting over', () => {
  const nonces = new Nonces(0xffff_ffff);
  const last = next(nonces);
  const over = next(nonces);
  assert.equal(last.readUInt32BE(8), 0xffff_ffff);
  assert.equal(over.readUInt32BE(8), 0);
  assert.notDeepEqual(over.subarray(0, 8), last.subarray(0, 8));
});

test('two objects do not share a prefix', () => {
  assert.notDeepEqual(next(new Nonces()).subarray(0, 8), next(new Nonces()).subarray(0, 8));
});
