import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { StandInError } from '../stand-in-error.ts';
import { loadFaultScript, parseFaultScript, runFaultScript } from './fault-script.ts';
import { Faults } from './faults.ts';

const wrongIn = (text: string): string => {
  try {
    parseFaultScript(text, 'faults.json');
  } catch (error) {
    assert.ok(error instanceof StandInError);
    assert.equal(error.code, 'CONFIG_INVALID');
    return error.text;
  }
  return '';
};

test('a wrong script says where it is wrong', () => {
  assert.match(wrongIn('[{"atMs": 0,}]'), /^faults\.json: .*JSON/);
  assert.match(wrongIn('{}'), /^faults\.json: .*array/);
  const lines = wrongIn(
    '[{"atMs":0,"fault":"busy"},{"fault":"drop"},{"atMs":5,"fault":"late-ack","share":2}]',
  ).split('\n');
  assert.equal(lines.length, 3);
  assert.match(lines[0] ?? '', /^faults\.json\[1\]\.atMs: /);
  assert.match(lines[1] ?? '', /^faults\.json\[2\]\.share: /);
  assert.equal(lines[2], 'faults.json[2].delayMs: is needed by late-ack');
});

test('a script that is not there is named', async () => {
  await assert.rejects(loadFaultScript('/nowhere/faults.json'), /\/nowhere\/faults\.json: cannot be read/);
});

test('a script is done in the order of its times, whatever the order of its lines', async () => {
  const faults = new Faults();
  const script = parseFaultScript(
    JSON.stringify([
      { atMs: 120, fault: 'lose' },
      { atMs: 0, fault: 'busy' },
      { atMs: 60, fault: 'reject', condition: 'amqp:internal-error' },
    ]),
    'script',
  );
  const end = runFaultScript(script, faults);
  assert.deepEqual(
    faults.stats().armed.map(({ order }) => order.fault),
    ['busy'],
  );
  for (let tries = 0; tries < 200 && faults.stats().armed.length < 3; tries++) await wait(10);
  assert.deepEqual(
    faults.stats().armed.map(({ order }) => order.fault),
    ['busy', 'reject', 'lose'],
  );
  end();
});

test('a script that is ended does nothing more', async () => {
  const faults = new Faults();
  runFaultScript(parseFaultScript('[{"atMs":20,"fault":"busy"}]', 'script'), faults)();
  await wait(50);
  assert.deepEqual(faults.stats().armed, []);
});
