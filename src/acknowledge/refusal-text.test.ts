import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadDialect } from '../dialect/dialect.ts';
import { FrameDecoder } from '../frame/frame.ts';
import type { Message } from '../message/message.ts';
import { parse } from '../parse/parse.ts';
import { acceptedText, refusalText } from './refusal-text.ts';

const dialect = loadDialect(join(import.meta.dirname, '../../protocols/nlets-legacy'));
const at = new Date('2026-06-15T14:11:59Z');
const counts = { received: 1911, sent: 441 };

function read(bytes: Buffer): Message | undefined {
  const outcome = parse({ kind: 'frame', bytes }, dialect);
  return outcome.ok ? outcome.value : undefined;
}

test('answers in the form of a network error, from the gateway itself, echoing control field and message', () => {
  const bytes = Buffer.from(`RQ.CA0990100.NV.*GW00000A01.TXT\r\nLIC/ZZZ9999.LIT/PC${' '.repeat(60)}BEYOND`);
  const refusals = [
    { code: 'VALIDATE_FIELD_MISSING', field: 'LIY' },
    { code: 'VALIDATE_FIELD_LENGTH', field: 'LIC', offset: 37, length: 7, limit: 10 },
  ] as const;
  const text = refusalText({ bytes, message: read(bytes), refusals }, 'CAGWY0000', dialect, at, counts);
  assert.equal(
    text.toString('latin1'),
    [
      'ER.CAGWY0000',
      '14:11 06/15/2026 01911',
      '14:11 06/15/2026 00441 CA0990100',
      '*GW00000A01',
      'TXT',
      '.14. REQUIRED FIELD MISSING - LIY',
      '.22. FIELD LENGTH INVALID - LIC AT BYTE 37 LIMIT 10',
      'ORIGINAL MESSAGE',
      'RQ.CA0990100.NV.*GW00000A01.TXT',
      'LIC/ZZZ9999.LIT/PC',
    ].join('\r\n'),
  );
});

test('leaves out what an unread message does not tell', () => {
  const refusals = [{ code: 'FRAME_END_WITHOUT_START' }] as const;
  const input = { bytes: Buffer.alloc(0), message: undefined, refusals };
  assert.equal(
    refusalText(input, 'CAGWY0000', dialect, at, counts).toString('latin1'),
    'ER.CAGWY0000\r\n14:11 06/15/2026 01911\r\n14:11 06/15/2026 00441\r\nTXT\r\n.62. END MARK WITHOUT START MARK\r\nORIGINAL MESSAGE',
  );
});

test('says accepted with the sender’s control field and our message id', () => {
  const message = read(Buffer.from('AM.CA0990100.NV.*A1.TXTHELLO'));
  assert.ok(message);
  const text = acceptedText({ message, messageId: 'w7-42' }, 'CAGWY0000', dialect, at, counts);
  assert.equal(
    text.toString('latin1'),
    'ACK.CAGWY0000\r\n14:11 06/15/2026 01911\r\n14:11 06/15/2026 00441 CA0990100\r\n*A1\r\nTXT\r\nACCEPTED w7-42',
  );
});

test('counts have five digits and go from 99999 to 00001', () => {
  const message = read(Buffer.from('AM.CA0990100.NV.TXTHELLO'));
  assert.ok(message);
  const shown = (count: number) => {
    const both = { received: count, sent: count };
    const [, line = ''] = acceptedText({ message, messageId: 'w' }, 'CAGWY0000', dialect, at, both)
      .toString('latin1')
      .split('\r\n');
    return line.slice(-5);
  };
  assert.deepEqual([0, 1, 99_999, 100_000].map(shown), ['00000', '00001', '99999', '00001']);
});

test('whatever the sender wrote, the answer is one readable frame and starts nothing of its own', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (list) => {
      const bytes = Buffer.from(list);
      const refusals = [{ code: 'PARSE_CHARACTER', offset: 0, length: 1 }] as const;
      const text = refusalText({ bytes, message: read(bytes), refusals }, 'CAGWY0000', dialect, at, counts);
      assert.match(text.toString('latin1'), /^[ -~\r\n]+$/);
      const framed = Buffer.concat([Buffer.of(2), text, Buffer.of(3)]);
      const [event, ...more] = new FrameDecoder(dialect.framing).push(framed);
      assert.ok(event?.kind === 'frame' && event.bytes.equals(text));
      assert.deepEqual(more, []);
    }),
  );
});

test('answers a document with a document: what was sent is read as text there, whatever it was', () => {
  const documents = loadDialect(join(import.meta.dirname, '../../protocols/nlets-xml'));
  const bytes = Buffer.from('</n2:ResponseText>\0\xff<![CDATA[ ]]> & <!-- "\r\nRQ', 'latin1');
  const refusals = [
    { code: 'PARSE_XML', offset: 0 },
    { code: 'VALIDATE_FIELD_LENGTH', field: 'LIC' },
  ] as const;
  const answer = refusalText(
    { bytes, message: undefined, refusals },
    'CAGWY0000',
    documents,
    new Date('2026-06-15T14:02:00Z'),
    { received: 7, sent: 9 },
  );
  const read = parse({ kind: 'frame', bytes: answer }, documents);
  assert.deepEqual(read.ok ? [] : read.refusals.map(({ code }) => code), ['PARSE_DESTINATION']);
  const text = answer.toString('latin1');
  assert.ok(
    text.includes(
      '.03. XML NOT PARSEABLE - AT BYTE 0\r\n.22. FIELD LENGTH INVALID - LIC\r\nORIGINAL MESSAGE\r\n',
    ),
  );
  assert.ok(text.includes('&lt;/n2:ResponseText&gt;??&lt;![CDATA[ ]]&gt; &amp; &lt;!-- &quot;\r\nRQ\r\n'));
  // With a destination it is a message like those of the network.
  const named = Buffer.from(
    text.replace('</nh2:OriginatingORIID>', '$&<nh2:DestinationORIID>CA0993500</nh2:DestinationORIID>'),
  );
  const whole = parse({ kind: 'frame', bytes: named }, documents);
  assert.ok(whole.ok && whole.value.messageKey === 'ER');
  assert.match(
    whole.value.text ?? '',
    /ORIGINAL MESSAGE\n<\/n2:ResponseText>\?\?<!\[CDATA\[ \]\]> & <!-- "\nRQ/,
  );
});
