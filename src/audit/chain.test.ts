import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { acceptRecord, addPage, deliverRecord, openRecord, sampleMs } from './audit-samples.ts';
import { Chain } from './chain.ts';
import { noHead, parseRecord, readHeader, recordLines } from './page.ts';
import { recordText } from './record-text.ts';
import { type AuditRecord, checkRecord } from './records.ts';

test('a page is exactly these bytes', () => {
  const page = new Chain('gw-1').build([openRecord(), { e: 'close' }], Buffer.alloc(0), sampleMs);
  assert.equal(
    page.bytes.toString(),
    `{"f":1,"w":"gw-1","n":1,"prev":"${noHead}","t":1767225600000,"r":2,"j":""}\n` +
      '7111ca5b {"i":0,"e":"open","role":"gateway","instance":"gw-0","version":"0.1.0","predecessor":null}\n' +
      '982d914a {"i":1,"e":"close"}\n',
  );
  assert.equal(page.head, '1d28d67907b24fe35e331fdcbe34aed2587f289d82b7e8eb623291882deed6a3');
});

test('building does not move the chain, committing does, and only by the next page', () => {
  const chain = new Chain('gw-1');
  const first = chain.build([openRecord()], Buffer.alloc(0), sampleMs);
  assert.equal(chain.n, 0);
  assert.deepEqual(chain.build([openRecord()], Buffer.alloc(0), sampleMs), first);
  chain.commit(first);
  assert.deepEqual([chain.n, chain.head], [1, first.head]);
  assert.throws(() => {
    chain.commit(first);
  }, /AUDIT_PAGE/);
  const second = chain.build([], Buffer.from('x'), sampleMs);
  assert.equal(second.prev, first.head);
  assert.match(readHeader(second.bytes)?.header.j ?? '', /^[0-9a-f]{64}$/);
});

test('a chain goes on from where it was left', () => {
  const chain = new Chain('gw-1');
  addPage(chain, [openRecord()]);
  const next = chain.build([], Buffer.alloc(0), sampleMs);
  const resumed = new Chain('gw-1', { n: 1, head: chain.head }).build([], Buffer.alloc(0), sampleMs);
  assert.deepEqual(resumed, next);
});

test('a serialised record and the record itself make the same page', () => {
  const records = [acceptRecord('gw-1-1', ['a', 'b']), deliverRecord('gw-1-1.0', 7)];
  const build = (list: readonly (AuditRecord | string)[]) =>
    new Chain('gw-1').build(list, Buffer.alloc(0), sampleMs);
  assert.equal(build(records.map(recordText)).head, build(records).head);
});

test('a page past the size limit is refused, and the chain can go on with a smaller one', () => {
  const chain = new Chain('gw-1');
  const wide = { ...acceptRecord('gw-1-1'), to: Array.from({ length: 20_000 }, () => 'x'.repeat(1_000)) };
  assert.throws(() => chain.build([wide], Buffer.alloc(0), sampleMs), /AUDIT_PAGE/);
  assert.equal(chain.build([openRecord()], Buffer.alloc(0), sampleMs).n, 1);
});

test('a writer name that would be read two ways is refused', () => {
  for (const name of ['', 'a b', 'a\n', 'é', '-', 'x'.repeat(97)])
    assert.throws(() => new Chain(name), /AUDIT_PAGE/);
});

const text = fc.string({ unit: 'binary', maxLength: 40 });
const anyAccept = fc
  .record({ id: text, line: text, user: text, to: fc.array(text), tp: text, incident: text })
  .map((some): AuditRecord => ({ ...acceptRecord('x'), ...some }));
const anyRefuse = fc.record({ id: text, line: text, field: text }).map(
  ({ id, line, field }): AuditRecord => ({
    e: 'refuse',
    id,
    t: 1,
    line,
    codes: [{ code: 'PARSE_FIELD', field, offset: 3 }],
  }),
);

test('any record content comes back from a page as it went in', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(anyAccept, anyRefuse), { maxLength: 6 }), (records) => {
      const { bytes } = new Chain('gw-1').build(records, Buffer.alloc(0), sampleMs);
      const header = readHeader(bytes);
      assert.ok(header);
      assert.equal(header.header.r, records.length);
      const back = [...recordLines(bytes, header.length)].map((line) => {
        assert.ok(line.isCrcGood);
        assert.ok(line.json.startsWith(`{"i":${String(line.ordinal)},"e":"`));
        return checkRecord(parseRecord(line.json));
      });
      assert.deepEqual(back, records);
    }),
  );
});

test('a kind stands first whatever order the record was written in', () => {
  const turned = {
    role: 'r',
    e: 'open',
    instance: 'i',
    version: 'v',
    predecessor: null,
  } satisfies AuditRecord;
  assert.equal(recordText(turned), '{"e":"open","role":"r","instance":"i","version":"v","predecessor":null}');
});

test('no bytes make the readers of a page throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const page = Buffer.from(bytes);
      readHeader(page);
      for (const line of recordLines(page, 0)) checkRecord(parseRecord(line.json));
    }),
  );
});
