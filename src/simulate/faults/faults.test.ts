import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busFaults, lineFaults, SpecError } from './faults.ts';

const struck = (spec: string, count: number): string[] => {
  const faults = lineFaults(spec);
  return Array.from({ length: count }, () =>
    faults
      .next()
      .map(({ fault }) => fault)
      .join('+'),
  );
};

test('strikes the Nth, each Nth, all after the Nth, and says the same on every run', () => {
  assert.deepEqual(struck('drop:at=2', 4), ['', 'drop', '', '']);
  assert.deepEqual(struck('duplicate:every=2', 4), ['', 'duplicate', '', 'duplicate']);
  assert.deepEqual(struck('nak:after=2', 4), ['', '', 'nak', 'nak']);
  assert.deepEqual(struck('silent', 2), ['silent', 'silent']);
  assert.deepEqual(struck('drop:every=2;delay:ms=5,every=3', 6), [
    '',
    'drop',
    'delay',
    'drop',
    '',
    'drop+delay',
  ]);
  const drawn = struck('nak:percent=30,seed=7', 1000);
  assert.deepEqual(drawn, struck('nak:percent=30,seed=7', 1000));
  assert.notDeepEqual(drawn, struck('nak:percent=30,seed=8', 1000));
  const share = drawn.filter((one) => one === 'nak').length;
  assert.ok(share > 240 && share < 360, String(share));
});

test('a fault counts only the messages it is for', () => {
  const faults = lineFaults('drop:at=1,on=received;duplicate:at=1');
  const isSent = (one: { fault: string; on?: string }): boolean =>
    one.fault === 'duplicate' || one.on === 'sent';
  assert.deepEqual(
    faults.next(isSent).map(({ fault }) => fault),
    ['duplicate'],
  );
  assert.deepEqual(
    faults.next((one) => !isSent(one)).map(({ fault }) => fault),
    ['drop'],
  );
});

test('refuses what it does not know, names the place, and quotes nothing', () => {
  const refused: [spec: string, found: RegExp][] = [
    ['drop;secret:at=1', /^fault 2: the first word must be one of drop/],
    ['delay:every=3', /^fault 1: \/ms is missing or out of bounds$/],
    ['drop:secretly=1', /^fault 1: \/secretly is not known here$/],
    ['drop:every=secret', /^fault 1: \/every is missing or out of bounds$/],
    ['half-frame:then=secret', /^fault 1: \/then must be one of close, stop$/],
  ];
  for (const [spec, found] of refused) {
    assert.throws(
      () => lineFaults(spec),
      (error) => error instanceof SpecError && found.test(error.message),
    );
  }
  assert.throws(() => busFaults('drop'), SpecError, 'a receiver on the bus has faults of its own');
  assert.deepEqual(
    busFaults('slow:ms=5')
      .next()
      .map(({ fault }) => fault),
    ['slow'],
  );
});
