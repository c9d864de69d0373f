import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Framing } from '../dialect/dialect.ts';
import { acknowledge, type Answered, type Confirm } from './acknowledge.ts';

const limits = { frameBytesMax: 64, frameFaultsMax: 3 } as const;
const stxEtx: Framing = { kind: 'stx-etx', ...limits };
const digits: Framing = {
  ...{ kind: 'length-prefix', encoding: 'ascii', width: 4, countsSelf: false },
  ...limits,
};
const eot: Framing = { kind: 'delimiter', delimiter: '\x04', ...limits };

const told = (
  confirm: Confirm,
  kind: Answered['kind'],
  framing: Framing = stxEtx,
  text = 'TEXT',
): readonly string[] =>
  acknowledge(confirm, framing, { kind, text: () => Buffer.from(text, 'latin1') }).map((bytes) =>
    bytes.toString('latin1'),
  );

test('each confirmation tells each outcome in its own way, in the framing of the line; a refusal is never a NAK, which would be sent again for ever', () => {
  const spoken: readonly [Framing, ack: string, nak: string, text: string][] = [
    [stxEtx, '\x06', '\x15', '\x02TEXT\x03'],
    [digits, '0001\x06', '0001\x15', '0004TEXT'],
    [eot, '\x06\x04', '\x15\x04', 'TEXT\x04'],
  ];
  for (const [framing, ack, nak, text] of spoken) {
    const table: Record<Confirm, Record<Answered['kind'], readonly string[]>> = {
      link: {
        accepted: [ack],
        refused: [ack, text],
        session: [ack, text],
        'refused-report': [ack],
        'framing-fault': [nak],
      },
      application: {
        accepted: [text],
        refused: [text],
        session: [text],
        'refused-report': [text],
        'framing-fault': [text],
      },
      none: {
        accepted: [],
        refused: [text],
        session: [text],
        'refused-report': [],
        'framing-fault': [text],
      },
    };
    for (const confirm of ['link', 'application', 'none'] as const) {
      for (const kind of ['accepted', 'refused', 'session', 'refused-report', 'framing-fault'] as const) {
        const name = `${framing.kind}, ${confirm}, ${kind}`;
        assert.deepEqual(told(confirm, kind, framing), table[confirm][kind], name);
      }
    }
  }
});

test('a text is made only where it is told: an accepted frame on a link costs one byte', () => {
  const text = () => assert.fail('not to be made');
  acknowledge('link', stxEtx, { kind: 'accepted', text });
  acknowledge('link', stxEtx, { kind: 'framing-fault', text });
  acknowledge('none', stxEtx, { kind: 'accepted', text });
});

test('an answer always is one frame: its marks go out as question marks, and it is cut to what a frame may hold', () => {
  assert.deepEqual(told('none', 'refused', stxEtx, 'A\x02B\x03C\xff'), ['\x02A?B?C\xff\x03']);
  assert.deepEqual(told('none', 'refused', eot, '\x04A\x04'), ['?A?\x04']);
  assert.deepEqual(told('none', 'refused', digits, 'A\x02\x03\x04'), ['0004A\x02\x03\x04']);
  assert.deepEqual(told('none', 'refused', digits, 'A'.repeat(65)), [`0064${'A'.repeat(64)}`]);
  assert.deepEqual(told('none', 'refused', eot, 'A'.repeat(65)), [`${'A'.repeat(64)}\x04`]);
  assert.deepEqual(told('none', 'refused', stxEtx, ''), ['\x02\x03']);
});
