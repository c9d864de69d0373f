import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { crcHex, putCrc } from './page.ts';

test('a check-sum is written as eight lower-case hex digits, whatever its size, and nothing beside them', () => {
  const sums = fc.oneof(fc.nat(0xffff_ffff), fc.nat(0xffff), fc.constantFrom(0, 0x7fff_ffff, 0x8000_0000));
  fc.assert(
    fc.property(sums, fc.nat(8), (sum, at) => {
      const out = Buffer.alloc(20, '.');
      putCrc(out, at, sum);
      const digits = sum.toString(16).padStart(8, '0');
      assert.equal(out.toString('latin1'), `${'.'.repeat(at)}${digits}${'.'.repeat(12 - at)}`);
    }),
  );
});

test('the check-sum of bytes and of the text they spell is the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const expected = crc32(text).toString(16).padStart(8, '0');
      assert.deepEqual([crcHex(text), crcHex(Buffer.from(text))], [expected, expected]);
    }),
  );
});
