import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadDialect } from '../../dialect/dialect.ts';
import { loadDirectory } from '../../directory/directory.ts';
import { stxEtx, wireFraming } from './framing.ts';
import { type Delivered, type Heard, LineVoice } from './line-voice.ts';
import { wireFrame, WireReader } from './wire-codec.ts';

const protocols = join(import.meta.dirname, '../../../protocols');
const outputs = (dialect: string): string => join(protocols, dialect, 'samples', 'output');
const dialects = readdirSync(protocols).filter((name) => existsSync(outputs(name)));
const dialectOf = (name: string) => loadDialect(join(protocols, name));
const voiceOf = (dialect: string): LineVoice =>
  new LineVoice({
    dialect: dialectOf(dialect),
    gatewayOri: 'CAGWY0000',
    ori: 'NV0990400',
  });

const directory = loadDirectory(join(protocols, 'sample-directory'));

/** What the station of a sample's lane speaks, which need not be what the message was written in. */
const stationDialect = (folder: string): string => {
  const { lane } = JSON.parse(readFileSync(join(folder, 'delivery.json'), 'utf8')) as { lane: string };
  const [line = ''] = directory.stations.get(lane.slice('station.'.length))?.lines ?? [];
  return directory.lines.get(line)?.dialect ?? '';
};

/** What one frame says. */
const heard = (dialect: string, wire: Buffer): Heard => {
  const [event, more] = new WireReader(wireFraming(dialectOf(dialect).framing, dialect)).push(wire);
  assert.ok(event !== undefined && more === undefined, 'one frame');
  return voiceOf(dialect).hear(event);
};
const said = (text: string): Heard =>
  heard('nlets-legacy', wireFrame(stxEtx, Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1')));

test('reads every output sample of every dialect as a station would', () => {
  let samples = 0;
  for (const from of dialects) {
    for (const name of readdirSync(outputs(from))) {
      const dialect = stationDialect(join(outputs(from), name));
      // A simulator reads no documents.
      if (dialectOf(dialect).header.form === 'xml') continue;
      const file = (part: string): Buffer => readFileSync(join(outputs(from), name, part));
      const read = (part: string): Delivered => {
        const found = heard(dialect, file(part));
        assert.ok(found.kind === 'delivery', `${dialect} ${name} ${part}`);
        return found.message;
      };
      const [plain, marked] = [read('plain.msg'), read('marked.msg')];
      const isNcic = dialectOf(dialect).header.form === 'ncic';
      // Who is asked in NCIC's form is told by the key; there is no place for the mark, nor for a count.
      const hasMark = !isNcic || plain.messageKey === '';
      assert.deepEqual([plain.isMarked, marked.isMarked], [false, hasMark], `${dialect} ${name}`);
      assert.deepEqual(
        { ...marked, isMarked: false, text: '' },
        { ...plain, text: '' },
        'but for the mark they say the same',
      );
      assert.match(plain.messageKey, isNcic ? /^([A-Z]{2,5}(-[A-Z])?)?$/ : /^[A-Z]{2,5}$/);
      assert.match(plain.sentCount, isNcic ? /^$/ : /^\d{5}$/);
      samples += 1;
    }
  }
  assert.ok(samples > 1);
});

test('tells refusals and acceptances of what it sent from notices about earlier messages', () => {
  const head = 'ER.CAGWY0000\n14:02 06/15/2026 01873\n14:02 06/15/2026 00412 NV0990400\n*CONTROL001\nTXT\n';
  const refused = said(
    `${head}.14. REQUIRED FIELD MISSING\n.73. IS NOT THIS\nORIGINAL MESSAGE\nRQ.NV0990400`,
  );
  assert.equal(refused.kind, 'delivery', 'a status of a notice makes it one');
  const refusal = said(`${head}.14. REQUIRED FIELD MISSING\nORIGINAL MESSAGE\n.73. QUOTED`);
  assert.ok(refusal.kind === 'refusal');
  assert.deepEqual(refusal.statuses, ['.14. REQUIRED FIELD MISSING']);
  const notice = said(`${head}.74. COULD NOT BE DELIVERED\nORIGINAL MESSAGE\nRQ.NV0990400`);
  assert.ok(notice.kind === 'delivery' && notice.message.isNotice);
  assert.equal(notice.message.sentCount, '00412', 'which its receipt must name');
  const accepted = said(`${head.replace('ER', 'ACK')}ACCEPTED g4pjgdartj4m4-3`);
  assert.deepEqual(accepted, { kind: 'acceptance', messageId: 'g4pjgdartj4m4-3' });
  assert.equal(said('SOMETHING ELSE').kind, 'other');
});

test('writes receipts and messages in the form of the dialect', () => {
  const voice = voiceOf('nlets-legacy');
  assert.equal(voice.receipt('00042', true), 'ACK.NV0990400.CAGWY0000.TXT00042');
  assert.equal(voice.receipt('00042', false), 'REJ.NV0990400.CAGWY0000.TXT00042');
  assert.equal(
    voice.message('RR', ['CA0990100'], 'GW00000A01', '\r\nLIC/ZZZ9999'),
    'RR.NV0990400.CA0990100.*GW00000A01.TXT\r\nLIC/ZZZ9999',
  );
});
