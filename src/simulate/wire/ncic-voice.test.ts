import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadDialect } from '../../dialect/dialect.ts';
import { stxEtx } from './framing.ts';
import { LineVoice } from './line-voice.ts';
import { wireFrame, WireReader } from './wire-codec.ts';

const dialect = loadDialect(join(import.meta.dirname, '../../../protocols/ncic-2000'));
const voice = new LineVoice({ dialect, gatewayOri: 'CAGWY0000', ori: 'CA0991200' });
const head = '1L01GW00000B01\nCA0991200\n';

function heard(text: string) {
  const [event] = new WireReader(stxEtx).push(wireFrame(stxEtx, Buffer.from(text.replaceAll('\n', '\r\n'))));
  assert.ok(event);
  return voice.hear(event);
}

test('writes an inquiry as a member does, and hears what it is asked', () => {
  const text = voice.message('EW-C', [], 'GW00000B01', 'OCA/1');
  assert.equal(text, '1N01GW00000B01.EW-C.CA0991200.OCA/1');
  const asked = heard(text);
  assert.ok(asked.kind === 'delivery');
  const { messageKey, originatingOri, control, body } = asked.message;
  assert.deepEqual([messageKey, originatingOri, control, body], ['EW-C', 'CA0991200', 'GW00000B01', 'OCA/1']);
});

test('tells responses from what the switch says of its own', () => {
  const hit = heard(`${head}\nWARNING\n\nMKE/STOLEN VEHICLE`);
  assert.ok(hit.kind === 'delivery');
  assert.deepEqual(
    [hit.message.control, hit.message.body],
    ['GW00000B01', 'WARNING\r\n\r\nMKE/STOLEN VEHICLE'],
  );
  const again = heard(`${head}POSSIBLE DUPLICATE\n\nNO RECORD`);
  assert.ok(again.kind === 'delivery' && again.message.isMarked && again.message.body === 'NO RECORD');
  const reject = heard(`${head}\nREJ FIELD ERROR`);
  assert.ok(reject.kind === 'delivery' && !reject.message.isNotice, 'of the network');
  const refusal = heard(
    `${head}\nREJ .14. REQUIRED FIELD MISSING - LIS\nREJ .22. FIELD LENGTH INVALID - LIC`,
  );
  assert.ok(refusal.kind === 'refusal');
  assert.deepEqual(refusal.statuses, [
    '.14. REQUIRED FIELD MISSING - LIS',
    '.22. FIELD LENGTH INVALID - LIC',
  ]);
  const notice = heard(`${head}\nREJ .73. NOT DELIVERED IN TIME`);
  assert.ok(notice.kind === 'delivery' && notice.message.isNotice);
  assert.deepEqual(heard(`${head}\nACCEPTED w7-42`), { kind: 'acceptance', messageId: 'w7-42' });
  for (const other of ['SOMETHING ELSE', '2N01A.QV.CA0991200.LIC/A', `2L01A\nCA0991200\n\nX`]) {
    assert.equal(heard(other).kind, 'other', other);
  }
});
