import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acknowledge, type Answered, type Confirm } from './acknowledge.ts';

const [ack, nak] = ['\x06', '\x15'];
const framed = (text: string) => `\x02${text}\x03`;

const told = (confirm: Confirm, kind: Answered['kind']): readonly string[] =>
  acknowledge(confirm, { kind, text: () => Buffer.from('TEXT') }).map((bytes) => bytes.toString('latin1'));

test('each confirmation tells each outcome in its own way; a refusal is never a NAK, which would be sent again for ever', () => {
  const table: Record<Confirm, Record<Answered['kind'], readonly string[]>> = {
    link: { accepted: [ack], refused: [ack, framed('TEXT')], 'framing-fault': [nak] },
    application: {
      accepted: [framed('TEXT')],
      refused: [framed('TEXT')],
      'framing-fault': [framed('TEXT')],
    },
    none: { accepted: [], refused: [framed('TEXT')], 'framing-fault': [framed('TEXT')] },
  };
  for (const confirm of ['link', 'application', 'none'] as const) {
    for (const kind of ['accepted', 'refused', 'framing-fault'] as const) {
      assert.deepEqual(told(confirm, kind), table[confirm][kind], `${confirm}, ${kind}`);
    }
  }
});

test('a text is made only where it is told: an accepted frame on a link costs one byte', () => {
  const text = () => assert.fail('not to be made');
  acknowledge('link', { kind: 'accepted', text });
  acknowledge('link', { kind: 'framing-fault', text });
  acknowledge('none', { kind: 'accepted', text });
});

test('an answer is framed byte for byte, an empty one too', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
  const [answer] = acknowledge('application', { kind: 'refused', text: () => bytes });
  assert.deepEqual(answer, Buffer.concat([Buffer.from([2]), bytes, Buffer.from([3])]));
  const [empty] = acknowledge('none', { kind: 'refused', text: () => Buffer.alloc(0) });
  assert.deepEqual(empty, Buffer.from([2, 3]));
});
