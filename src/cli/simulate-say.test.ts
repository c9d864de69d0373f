import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PartsAssembler } from '../client/parts.ts';
import { wholeSaid } from './simulate-say.ts';

test('of a message in parts it is said what is missing or doubtful, and its text only as the body', () => {
  const said: ReturnType<typeof wholeSaid>[] = [];
  const parts = new PartsAssembler({ onWhole: (whole) => said.push(wholeSaid(whole)) });
  const take = (deliveryId: string, text: string, control: string) =>
    parts.take({
      messageId: `${deliveryId}.0`,
      deliveryId,
      generation: 0,
      possibleDuplicate: false,
      deliveryCount: 0,
      laneSeq: 1,
      enqueuedAt: undefined,
      properties: { messageKey: 'FR', originOri: 'NVSIR0000', destination: 'CA0990100' },
      body: Buffer.from(`FR.NVSIR0000.CA0990100.*${control}.TXT\r\n${text}`),
    });
  take('d1', 'P 1 OF 2\r\nSAMPLE,PAT', 'A');
  take('d2', 'P 2 OF 2\r\nSAMPLE,PAT', 'A');
  take('d3', 'P 1 OF 3\r\nSAMPLE,PAT', 'B');
  take('d4', 'P 1 OF 2\r\nSAMPLE,PAT', 'C');
  take('d5', 'P 1 OF 2\r\nSAMPLE,LEE', 'C');
  take('d6', 'P 2 OF 2\r\nSAMPLE,LEE', 'C');
  parts.stop();
  const mixed = 'PARTS OF TWO MESSAGES MAY BE MIXED';
  assert.deepEqual(
    said.map(({ text }) => text),
    [
      'FR from NVSIR0000, 2 of 2 parts',
      `FR from NVSIR0000, 1 of 2 parts, INCOMPLETE, without 2, ${mixed}`,
      `FR from NVSIR0000, 2 of 2 parts, ${mixed}`,
      'FR from NVSIR0000, 1 of 3 parts, INCOMPLETE, without 2, 3',
    ],
  );
  assert.deepEqual(said[0]?.values?.['deliveryIds'], ['d1', 'd2']);
  assert.ok(said.every(({ body }) => body?.includes('SAMPLE')));
  assert.ok(!JSON.stringify(said.map(({ text, values }) => [text, values])).includes('SAMPLE'));
});
