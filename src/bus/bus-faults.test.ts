import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceBusError } from '@azure/service-bus';
import fc from 'fast-check';
import { Fault } from '../message/codes.ts';
import { classifyBusFault } from './bus-faults.ts';

test('each code the SDK documents has its class', () => {
  const table = {
    message: ['MessageSizeExceeded'],
    entity: [
      'MessagingEntityNotFound',
      'MessagingEntityDisabled',
      'UnauthorizedAccess',
      'QuotaExceeded',
      'MessagingEntityAlreadyExists',
    ],
    link: ['ServiceCommunicationProblem', 'ServiceTimeout', 'ServiceBusy'],
    unknown: [
      'GeneralError',
      'MessageLockLost',
      'MessageNotFound',
      'SessionLockLost',
      'SessionCannotBeLocked',
    ],
  } as const;
  for (const faultClass of ['message', 'entity', 'link', 'unknown'] as const) {
    for (const code of table[faultClass]) {
      const found = classifyBusFault(new ServiceBusError('text with a field value', code));
      assert.equal(found.class, faultClass, code);
      assert.equal(found.busCode, faultClass === 'unknown' ? 'Unclassified' : code);
      assert.equal(found.code, `DELIVER_${faultClass.toUpperCase()}`);
    }
  }
});

test('errors of the network are link faults, by code or by system call', () => {
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', syscall: 'connect' });
  assert.deepEqual(classifyBusFault(refused), {
    class: 'link',
    code: 'DELIVER_LINK',
    busCode: 'ECONNREFUSED',
  });
  const odd = Object.assign(new Error('x'), { code: 'EODD', errno: -1, syscall: 'connect' });
  assert.equal(classifyBusFault(odd).class, 'link');
  assert.equal(classifyBusFault(Object.assign(new Error('x'), { name: 'AbortError' })).class, 'link');
  assert.equal(classifyBusFault(new Fault('DELIVER_LINK', 'late')).class, 'link');
});

test('the last of several attempts speaks, and an inner error where the outer one is vague', () => {
  const lost = new ServiceBusError('x', 'ServiceTimeout');
  const missing = new ServiceBusError('x', 'MessagingEntityNotFound');
  assert.equal(classifyBusFault(new AggregateError([lost, missing])).class, 'entity');
  assert.equal(classifyBusFault(new AggregateError([missing, lost])).class, 'link');
  const wrapped = Object.assign(new Error('x'), { code: 'GeneralError', innerError: missing });
  assert.equal(classifyBusFault(wrapped).class, 'entity');
  assert.equal(classifyBusFault(new AggregateError([])).class, 'unknown');
});

test('of a bus that throttles the seconds it asks for are read, within a minute; of any other nothing is', () => {
  const askedMs = (text: string, code = 'ServiceBusy'): number | undefined =>
    classifyBusFault(new ServiceBusError(text, code as 'ServiceBusy')).askedMs;
  const throttled = (seconds: string): string =>
    `The request was terminated because the namespace is being throttled. Please wait ${seconds} seconds and try again.`;
  assert.equal(askedMs(throttled('2')), 2000);
  assert.equal(askedMs('Please wait 1 second and try again.'), 1000);
  assert.deepEqual([askedMs(throttled('0')), askedMs(throttled('86400'))], [1000, 60_000]);
  for (const named of ['a few', '-2', '2.5', '', '1'.repeat(10)])
    assert.equal(askedMs(throttled(named)), undefined, named);
  assert.equal(askedMs(throttled('2'), 'QuotaExceeded'), undefined);
  const wrapped = classifyBusFault(new AggregateError([new ServiceBusError(throttled('3'), 'ServiceBusy')]));
  assert.deepEqual(wrapped, {
    class: 'link',
    code: 'DELIVER_LINK',
    busCode: 'ServiceBusy',
    askedMs: 3000,
  });
});

test('a TypeError out of the SDK condemns no message: what cannot be encoded failed earlier', () => {
  assert.equal(
    classifyBusFault(new TypeError("Cannot read properties of undefined (reading 'session')")).class,
    'unknown',
  );
  assert.equal(classifyBusFault(new RangeError('offset')).class, 'unknown');
});

test('any thrown value gets a class, and no text of an error becomes a code word', () => {
  const value = fc.oneof(
    fc.anything({ withNullPrototype: true, withBigInt: true, withSparseArray: true }),
    fc.record(
      {
        code: fc.anything(),
        errno: fc.anything(),
        name: fc.anything(),
        innerError: fc.anything(),
        syscall: fc.anything(),
      },
      { requiredKeys: [] },
    ),
    fc.array(fc.anything()).map((errors) => new AggregateError(errors)),
    fc.string().map((text) => Object.assign(new Error(text), { code: text, name: text })),
  );
  fc.assert(
    fc.property(value, (error) => {
      const found = classifyBusFault(error);
      assert.ok(['message', 'entity', 'link', 'unknown'].includes(found.class));
      assert.equal(found.code, `DELIVER_${found.class.toUpperCase()}`);
      assert.match(found.busCode, /^[A-Za-z_]{5,40}$/);
    }),
    { numRuns: 500 },
  );
});

test('errors that hold themselves, or throw when they are read, are unknown', () => {
  const round: { innerError?: unknown } = {};
  round.innerError = round;
  assert.equal(classifyBusFault(round).class, 'unknown');
  const aggregate = new AggregateError([]);
  aggregate.errors.push(aggregate);
  assert.equal(classifyBusFault(aggregate).class, 'unknown');
  const thrower = {
    get code(): string {
      throw new Error('no');
    },
  };
  assert.equal(classifyBusFault(thrower).class, 'unknown');
  assert.equal(classifyBusFault(Object.assign(new AggregateError([]), { errors: 'none' })).class, 'unknown');
});
