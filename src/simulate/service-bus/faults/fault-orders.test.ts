import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultConditions, faultError } from './fault-conditions.ts';
import { faultKinds, faultOrder, orderFromQuery } from './fault-orders.ts';

const wrongIn = (order: unknown): string =>
  faultOrder
    .safeParse(order)
    .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    .join('\n') ?? '';

test('every kind of fault is taken with what it needs, and says which field is missing', () => {
  const needed = { condition: 'server-busy', delayMs: 5 };
  for (const [fault, kind] of Object.entries(faultKinds)) {
    const needs: readonly (keyof typeof needed)[] = 'needs' in kind ? kind.needs : [];
    const given = Object.fromEntries(needs.map((field) => [field, needed[field]]));
    assert.equal(wrongIn({ fault, ...given }), '', fault);
    for (const field of needs) {
      assert.equal(wrongIn({ fault, ...given, [field]: undefined }), `${field}: is needed by ${fault}`);
    }
  }
});

test('a field that means nothing to a fault is refused by its name', () => {
  assert.equal(wrongIn({ fault: 'drop', delayMs: 5 }), 'delayMs: means nothing to drop');
  assert.equal(
    wrongIn({ fault: 'freeze', direction: 'send' }),
    ['direction: means nothing to freeze', 'direction: of freeze must be one of '].join('\n'),
  );
  assert.equal(
    wrongIn({ fault: 'busy', direction: 'receive' }),
    'direction: of busy must be one of send, manage',
  );
  assert.equal(wrongIn({ fault: 'busy', seed: 3 }), 'seed: is of use with a share alone');
  assert.match(wrongIn({ fault: 'busy', entiti: 'x' }), /entiti/);
  assert.match(wrongIn({ fault: 'busi' }), /busy/);
  assert.match(wrongIn({ fault: 'busy', share: 1.5 }), /^share: /);
});

test('a condition may be named by its last part, and an unknown one is answered with the table', () => {
  assert.equal(
    faultOrder.parse({ fault: 'detach', condition: 'entity-disabled' }).condition,
    'com.microsoft:entity-disabled',
  );
  assert.equal(
    faultOrder.parse({ fault: 'detach', condition: 'amqp:connection:forced' }).condition,
    'amqp:connection:forced',
  );
  const wrong = wrongIn({ fault: 'detach', condition: 'com.microsoft:gone' });
  for (const condition of faultConditions) assert.ok(wrong.includes(condition), condition);
  assert.match(wrongIn({ fault: 'reject', condition: 'amqp:connection:forced' }), /of use to detach alone/);
});

test('each condition has words of its own, with the entity where the service names it', () => {
  const said = faultConditions.map((condition) => faultError(condition, 'point-to-point').description);
  assert.equal(new Set(said).size, faultConditions.length);
  assert.ok(said.every((text) => text.length > 10 && !text.includes('{entity}')));
  assert.match(
    faultError('amqp:not-found', 'point-to-point').description,
    /'point-to-point' could not be found/,
  );
});

test('an order as a query has its numbers as texts', () => {
  const order = orderFromQuery(new URLSearchParams('fault=late-ack&delayMs=250&entity=faults&count=2'));
  assert.deepEqual(order.data, { fault: 'late-ack', delayMs: 250, entity: 'faults', count: 2 });
  assert.equal(orderFromQuery(new URLSearchParams('fault=busy&count=two')).success, false);
});
