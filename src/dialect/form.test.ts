import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockValues, renderForm } from './form.ts';

const rendered = (form: readonly string[], values: Parameters<typeof renderForm>[1]) =>
  renderForm(form, values).toString('latin1');

test('a line whose placeholders are all empty is left out, one with a list repeats', () => {
  const form = ['{messageKey}.{originatingOri}', '*{control}', 'TXT', 'BECAUSE {status}'];
  const values = { messageKey: 'AM', originatingOri: '', control: '', status: ['ONE', 'TWO'] };
  assert.equal(rendered(form, values), 'AM.\r\nTXT\r\nBECAUSE ONE\r\nBECAUSE TWO');
});

test('a blank of the form goes with its empty placeholder, a blank that ends a value stays', () => {
  const form = ['{sentCount} {destination}', '*{control}'];
  assert.equal(rendered(form, { sentCount: '00001', destination: '', control: 'A B ' }), '00001\r\n*A B ');
});

test('only printable ASCII and line ends go out, whatever a value holds, and its braces fill nothing', () => {
  assert.equal(rendered(['{control}'], { control: '\x02a\x03\u00e9{status}$&' }), '?a??{status}$&');
});

test('both clocks show their own time in the dialect’s zone, and counts go from 99999 to 00001', () => {
  const clocks = {
    receivedAt: new Date('2026-12-31T23:59:59.999Z'),
    receivedCount: 0,
    sentAt: new Date('2027-01-01T07:00:00.000Z'),
    sentCount: 100_000,
  };
  assert.deepEqual(clockValues(clocks, -420), {
    receivedTime: '16:59',
    receivedDate: '12/31/2026',
    receivedCount: '00000',
    sentTime: '00:00',
    sentDate: '01/01/2027',
    sentCount: '00001',
  });
});
