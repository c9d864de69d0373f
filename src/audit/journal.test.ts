import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { walkJournal, writeJournal } from './journal.ts';

test('an entry is exactly these bytes', () => {
  const blob = writeJournal([{ id: 'a-1', agency: 'CA099', sealed: Buffer.from([9, 8]) }]);
  assert.equal(blob.toString('hex'), '01 0003 612d31 0005 4341303939 00000002 0908'.replaceAll(' ', ''));
});

const entry = fc.record(
  {
    id: fc.string({ unit: 'grapheme', maxLength: 20 }),
    agency: fc.string({ unit: 'grapheme', maxLength: 9 }),
    sealed: fc.uint8Array({ maxLength: 60 }).map((b) => Buffer.from(b)),
  },
  { noNullPrototype: true },
);

test('any entries come back as they went in', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 5 }), (entries) => {
      assert.deepEqual(walkJournal(writeJournal(entries)), { entries, brokenAt: null });
    }),
  );
});

test('a blob cut anywhere gives its whole entries and says where the rest begins', () => {
  const entries = ['a-1', 'a-2'].map((id) => ({ id, agency: 'CA099', sealed: Buffer.from('sealed') }));
  const blob = writeJournal(entries);
  const half = blob.length / 2;
  for (let cut = 1; cut < blob.length; cut++) {
    const walked = walkJournal(blob.subarray(0, cut));
    assert.equal(walked.entries.length, cut < half ? 0 : 1);
    assert.equal(walked.brokenAt, cut < half ? 0 : cut === half ? null : half);
  }
});

test('no bytes make the walk throw or read past the end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const { entries } = walkJournal(Buffer.from(bytes));
      assert.ok(entries.reduce((sum, e) => sum + e.sealed.length, 0) <= bytes.length);
    }),
  );
});

test('a name longer than its length field is refused', () => {
  assert.throws(
    () => writeJournal([{ id: 'x'.repeat(70_000), agency: '', sealed: Buffer.alloc(0) }]),
    /AUDIT_PAGE/,
  );
});
