import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadDialect } from '../dialect/dialect.ts';
import { FrameDecoder } from '../frame/frame.ts';
import { parse } from '../parse/parse.ts';
import { ncicQuery } from './ncic-query.ts';
import { noticeFrame } from './station-frame.ts';

const protocols = join(import.meta.dirname, '../../protocols');
const [ncic, legacy] = ['ncic-2000', 'nlets-legacy'].map((name) => loadDialect(join(protocols, name)));
assert.ok(ncic && legacy);

function written(messageKey: string, body: string, control = 'GW00000B01'): string | undefined {
  const header = { messageKey, originatingOri: 'CA0990100', control };
  return ncicQuery({ ...header, body: Buffer.from(body, 'latin1') }, ncic ?? assert.fail())?.toString(
    'latin1',
  );
}

test('NCIC is asked as a member asks, in one piece: without line ends, and without a period at the end', () => {
  assert.equal(written('QV', 'LIC/ZZZ9999.LIS/NV'), '1N01GW00000B01.QV.CA0990100.LIC/ZZZ9999.LIS/NV');
  const lenient = '\r\n\x7fLIC/ZZZ\r\n9999.\r\nLIS/NV .\r\n';
  assert.equal(written('QV', lenient), '1N01GW00000B01.QV.CA0990100.LIC/ZZZ9999.LIS/NV');
  assert.equal(written('EW-C', 'OCA/1'), '1N01GW00000B01.EW-C.CA0990100.OCA/1');
});

test('a sender without a reference gets the one of the dialect, for there must be one', () => {
  const text = written('QG', 'SER/ZZ99999', '');
  assert.equal(text, '1N010.QG.CA0990100.SER/ZZ99999');
  assert.ok(parse({ kind: 'frame', bytes: Buffer.from(text) }, ncic).ok);
});

test('a response, a key it does not know, and other forms are not its own', () => {
  assert.equal(written('NCH', 'MKE/STOLEN VEHICLE'), undefined);
  assert.equal(written('AM', 'TEXT'), undefined);
  const query = { messageKey: 'RQ', originatingOri: 'CA0990100', control: '', body: Buffer.from('VIN/1Z') };
  assert.equal(ncicQuery(query, legacy), undefined);
});

test('a repeated answer of the switch says so before its text, and is read as before', () => {
  const text = '1L01GW00000B01\r\nCA0990100\r\n\r\nREJ .73. NOT DELIVERED IN TIME';
  const frame = noticeFrame(Buffer.from(text), true, ncic);
  const [event] = new FrameDecoder(ncic.framing).push(frame);
  assert.ok(event?.kind === 'frame');
  const wanted = text.replace('\r\n\r\n', '\r\nPOSSIBLE DUPLICATE\r\n\r\n');
  assert.equal(event.bytes.toString('latin1'), wanted);
  const [once, again] = [Buffer.from(text), event.bytes].map((bytes) =>
    parse({ kind: 'frame', bytes }, ncic),
  );
  assert.ok(once?.ok && again?.ok);
  assert.deepEqual(
    [again.value.messageKey, again.value.control],
    [once.value.messageKey, once.value.control],
  );
});
