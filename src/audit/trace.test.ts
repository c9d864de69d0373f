import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptRecord, addPage, deliverRecord, openRecord, StreamInMemory } from './audit-samples.ts';
import { Chain, type Page } from './chain.ts';
import { parseRecord } from './page.ts';
import { recount } from './recount.ts';
import { streamSource } from './source.ts';
import { trace } from './trace.ts';

function streamOf(pages: readonly Page[]) {
  const stream = new StreamInMemory();
  stream.add(pages);
  return streamSource('audit', (afterId, countMax) => stream.read(afterId, countMax, 0));
}

const gateway = new Chain('gw-1');
const courier = new Chain('co-1');
const gatewayPages = [
  addPage(gateway, [openRecord(), acceptRecord('gw-1-1', ['a', 'b'])]),
  addPage(gateway, [acceptRecord('gw-1-11', ['a']), acceptRecord('gw-1-2', ['b', 'b'])]),
];
const courierPages = [
  addPage(courier, [openRecord(), deliverRecord('gw-1-1.0', 1, 'delivered', 'a')]),
  addPage(courier, [
    deliverRecord('gw-1-1.1', 1, 'dead', 'b'),
    deliverRecord('gw-1-11.0', 2, 'expired', 'a'),
  ]),
];

test('a message is traced through gateway and courier, whichever source comes first', async () => {
  const orders = [
    [streamOf(gatewayPages), streamOf(courierPages)],
    [streamOf(courierPages), streamOf(gatewayPages), streamOf(gatewayPages)],
  ];
  for (const sources of orders) {
    const found = await trace(sources, 'gw-1-1');
    assert.deepEqual(
      found.records.map((r) => [r.record.e, r.writer, r.n, r.ordinal]),
      [
        ['accept', 'gw-1', 1, 1],
        ['deliver', 'co-1', 1, 1],
        ['deliver', 'co-1', 2, 0],
      ],
    );
    assert.deepEqual(
      [found.messageId, found.deliveries, found.isCut],
      ['gw-1-1', ['gw-1-1.0', 'gw-1-1.1'], false],
    );
    assert.equal(found.records[2]?.head, courierPages[1]?.head);
  }
});

test('a traced record stands where the trace says', async () => {
  const [record] = (await trace([streamOf(gatewayPages)], 'gw-1-2')).records;
  assert.ok(record);
  const page = gatewayPages[record.n - 1]?.bytes ?? Buffer.alloc(0);
  const line = page.toString('utf8', record.where.offset, page.indexOf(10, record.where.offset));
  assert.deepEqual(parseRecord(line.slice(9)), { i: record.ordinal, ...record.record });
});

test('one delivery is traced with its acceptance and without its siblings', async () => {
  const found = await trace([streamOf(gatewayPages), streamOf(courierPages)], 'gw-1-1.1');
  assert.deepEqual(
    found.records.map((r) => r.record.e),
    ['accept', 'deliver'],
  );
  assert.deepEqual([found.messageId, found.deliveries], ['gw-1-1', ['gw-1-1.1']]);
});

test('an id that is nowhere traces to nothing', async () => {
  const found = await trace([streamOf(gatewayPages)], 'gw-1-3');
  assert.deepEqual([found.messageId, found.records.length], ['', 0]);
});

test('the ledger is derived again per lane, a page in two sources counted once', async () => {
  const sources = [
    streamOf(courierPages),
    streamOf(gatewayPages),
    streamOf([...gatewayPages, ...courierPages]),
  ];
  const lanes = await recount(sources);
  const none = { delivered: 0, dead: 0, expired: 0, sentUnconfirmed: 0, divertedOut: 0 };
  assert.deepEqual(Object.fromEntries(lanes), {
    a: { ...none, in: 2, delivered: 1, expired: 1 },
    b: { ...none, in: 3, dead: 1 },
  });
});

test('a damaged page stops a recount and a trace instead of giving a wrong answer', async () => {
  const page = gatewayPages[0];
  assert.ok(page);
  const bytes = Buffer.from(page.bytes);
  bytes.write('X', bytes.indexOf('"lane":"a"') + 8);
  const damaged = streamOf([{ ...page, bytes }]);
  await assert.rejects(recount([damaged]), /AUDIT_PAGE/);
});
