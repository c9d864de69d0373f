import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderReader } from './header-reader.ts';

const form = [
  '{messageKey}.{originatingOri}',
  '{receivedTime} {receivedDate} {receivedCount}',
  '{sentTime} {sentDate} {sentCount} {destination}',
  '*{control}',
  '{possibleDuplicate}',
  'TXT',
];
const clocks = '14:02 06/15/2026 01873\r\n14:02 06/15/2026 00412';

test('reads a header back into its parts, with and without the lines that are left out when empty', () => {
  const reader = new HeaderReader(form, 'TXT');
  const read = reader.read(
    `RR.UT0999000\r\n${clocks} CA0990100\r\n*A+B (C)\r\nPOSSIBLE DUPLICATE\r\nTXT\r\nLIC/ZZZ9999\r\nTXT\r\n`,
  );
  assert.ok(read !== undefined);
  assert.equal(read.body, 'LIC/ZZZ9999\r\nTXT\r\n');
  assert.deepEqual(
    { ...read.values },
    {
      messageKey: 'RR',
      originatingOri: 'UT0999000',
      receivedTime: '14:02',
      receivedDate: '06/15/2026',
      receivedCount: '01873',
      sentTime: '14:02',
      sentDate: '06/15/2026',
      sentCount: '00412',
      destination: 'CA0990100',
      control: 'A+B (C)',
      possibleDuplicate: 'POSSIBLE DUPLICATE',
    },
  );
  const plain = reader.read(`RR.UT0999000\r\n${clocks} CA0990100\r\nTXT\r\nX`);
  assert.deepEqual(
    [plain?.values['control'], plain?.values['possibleDuplicate'], plain?.body],
    [undefined, undefined, 'X'],
  );
});

test('an empty value that ends a line takes its blank along, as where the sender could not be read', () => {
  const reader = new HeaderReader(
    ['ER.{gatewayOri}', '{sentTime} {sentDate} {sentCount} {originatingOri}', 'TXT'],
    'TXT',
    { gatewayOri: 'CAGWY0000' },
  );
  assert.equal(reader.read('ER.CAGWY0000\r\n14:02 06/15/2026 00412\r\nTXT\r\nX')?.body, 'X');
  assert.equal(reader.read('ER.CAGWY0000\r\n14:02 06/15/2026 00412 CA0990100\r\nTXT\r\nX')?.body, 'X');
  assert.equal(
    reader.read('ER.CAGWY0000\r\n14:02 06/15/2026 00412\r\nPOSSIBLE DUPLICATE\r\nTXT\r\nX')?.body,
    'X',
  );
  assert.equal(reader.read('ER.NL0000000\r\n14:02 06/15/2026 00412\r\nTXT\r\nX'), undefined);
});
