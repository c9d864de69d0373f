import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Fault } from '../message/codes.ts';
import { loadFramings } from './framings.ts';

const work = mkdtempSync(join(tmpdir(), 'tenfour-framings-'));
after(() => {
  rmSync(work, { recursive: true });
});

const head = {
  source: 'Invented for this test',
  confidence: 'convention',
  frameBytesMax: 9000,
  frameFaultsMax: 20,
};
const digits = { ...head, kind: 'length-prefix', encoding: 'ascii', width: 4, countsSelf: false };
const binary = { ...digits, encoding: 'binary', endian: 'big' };
const delimited = { ...head, kind: 'delimiter', delimiter: '\x04' };

/** What the loader says of a folder with one framing. */
function complaint(content: object, file = 'state-zz.json'): string {
  const protocols = mkdtempSync(join(work, 'protocols-'));
  mkdirSync(join(protocols, 'framings'));
  writeFileSync(join(protocols, 'framings', file), JSON.stringify(content));
  try {
    loadFramings(protocols);
  } catch (fault) {
    assert.ok(fault instanceof Fault);
    assert.equal(fault.code, 'DIALECT_INVALID');
    return fault.message.replace('DIALECT_INVALID: ', '');
  }
  return 'loaded';
}

test('loads every framing of protocols/framings by its name, frozen; none where there is no folder', () => {
  const framings = loadFramings(join(import.meta.dirname, '../../protocols'));
  assert.deepEqual(framings.get('stx-etx'), {
    kind: 'stx-etx',
    frameBytesMax: 32_768,
    frameFaultsMax: 20,
  });
  assert.deepEqual(framings.get('len2-little'), {
    ...{ kind: 'length-prefix', encoding: 'binary', width: 2, endian: 'little', countsSelf: false },
    ...{ frameBytesMax: 32_768, frameFaultsMax: 20 },
  });
  assert.deepEqual(framings.get('ascii4-self'), {
    ...{ kind: 'length-prefix', encoding: 'ascii', width: 4, countsSelf: true },
    ...{ frameBytesMax: 9995, frameFaultsMax: 20 },
  });
  const eot = framings.get('eot-delimited');
  assert.ok(eot?.kind === 'delimiter' && eot.delimiter === '\x04');
  assert.throws(() => Object.assign(eot, { delimiter: '\x1c' }), TypeError);
  assert.equal(loadFramings(work).size, 0);
});

test('a framing that cannot work is refused with file and pointer', () => {
  assert.equal(complaint(digits), 'loaded');
  assert.equal(complaint(binary), 'loaded');
  assert.equal(complaint(delimited), 'loaded');
  const cases: [object, RegExp][] = [
    [
      { ...head, kind: 'foxtalk' },
      /^state-zz\.json \/kind must be one of stx-etx, length-prefix, delimiter, header-template$/,
    ],
    [{ ...digits, encoding: 'bcd' }, /^state-zz\.json \/encoding must be one of binary, ascii$/],
    [{ ...digits, width: 2 }, /^state-zz\.json \/width must be one of 4, 5, 6$/],
    [{ ...binary, width: 3 }, /^state-zz\.json \/width must be one of 2, 4$/],
    [{ ...digits, endian: 'big' }, /^state-zz\.json \/ holds a name that is not known$/],
    [{ ...digits, countsSelf: undefined }, /^state-zz\.json \/countsSelf must be boolean$/],
    [{ ...digits, frameBytesMax: 10_000 }, /^state-zz\.json \/frameBytesMax must be at most 9999$/],
    [
      { ...digits, countsSelf: true, frameBytesMax: 9996 },
      /^state-zz\.json \/frameBytesMax must be at most 9995$/,
    ],
    [
      { ...binary, width: 2, frameBytesMax: 65_536 },
      /^state-zz\.json \/frameBytesMax must be at most 65535$/,
    ],
    [{ ...delimited, delimiter: '' }, /^state-zz\.json \/delimiter must have the form/],
    [{ ...delimited, source: undefined }, /^state-zz\.json \/source must be string$/],
  ];
  for (const [content, found] of cases) assert.match(complaint(content), found);
  assert.match(complaint(digits, 'ASCII.json'), /^ASCII\.json \/ must be named in lower case/);
});

test('a delimiter that texts are full of, or that has a meaning between frames, is refused', () => {
  for (const delimiter of [
    '\n',
    '\r\n',
    '\r\n\r\n',
    '\0',
    '\x06',
    '\x15\r',
    '\x05',
    '.',
    'A',
    '\x7f',
    'NNNNN',
    'Ā',
  ])
    assert.match(
      complaint({ ...delimited, delimiter }),
      /^state-zz\.json \/delimiter/,
      JSON.stringify(delimiter),
    );
  for (const delimiter of ['\x1c', '\x03', '\x04\r\n', 'NNNN', '\xff\0\xaa\x55'])
    assert.equal(complaint({ ...delimited, delimiter }), 'loaded', JSON.stringify(delimiter));
});

const field = (name: string, width: number, value: number, role?: string) => ({
  name,
  width,
  default: value,
  role,
});
const segmented = {
  ...head,
  kind: 'header-template',
  start: 'FF00AA55',
  stop: '55AA00FF',
  length: { width: 2, endian: 'big', counts: 'frame' },
  fields: [
    field('kind', 1, 0, 'block-type'),
    field('message', 2, 1, 'message-id'),
    field('part', 1, 1, 'segment-number'),
    field('parts', 1, 1, 'segment-count'),
  ],
  blockTypes: { data: 0, ack: 3 },
  segments: { segmentBytesMax: 4000, segmentsMax: 8, messagesMax: 4, bytesMax: 20_000, timeoutMs: 60_000 },
};
const bare = {
  ...segmented,
  fields: [],
  blockTypes: undefined,
  segments: undefined,
};

test('a header template whose parts do not belong together is refused, naming the place', () => {
  assert.equal(complaint(segmented), 'loaded');
  assert.equal(complaint(bare), 'loaded');
  assert.equal(complaint({ ...bare, start: undefined, stop: undefined }), 'loaded');
  const fields = (...changed: object[]) => ({ ...segmented, fields: [...segmented.fields, ...changed] });
  const segments = (changed: object) => ({ ...segmented, segments: { ...segmented.segments, ...changed } });
  const types = (changed: object) => ({ ...segmented, blockTypes: { ...segmented.blockTypes, ...changed } });
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ ...bare, start: 'FF00A' }, /\/start /],
    [{ ...bare, frameBytesMax: 65_526 }, /\/frameBytesMax is more than the length can count: 65525/],
    [fields(field('kind', 1, 0)), /\/fields\/4\/name is taken/],
    [fields(field('other', 1, 0, 'block-type')), /\/fields\/4\/role is taken/],
    [fields(field('other', 1, 256)), /\/fields\/4\/default is more than the field holds/],
    [{ ...segmented, blockTypes: undefined }, /\/blockTypes is there exactly when/],
    [{ ...bare, blockTypes: { data: 0 } }, /\/blockTypes is there exactly when/],
    [types({ nak: 3 }), /\/blockTypes\/nak is taken/],
    [types({ nak: 256 }), /\/blockTypes\/nak is more than the field holds/],
    [types({ keepAliveRequest: 1 }), /\/blockTypes\/keepAliveRequest needs keepAliveReply/],
    [{ ...segmented, segments: undefined }, /\/segments is there exactly when/],
    [{ ...bare, segments: segmented.segments }, /\/segments is there exactly when/],
    [{ ...segmented, fields: segmented.fields.slice(0, 3) }, /\/segments is there exactly when/],
    [segments({ segmentBytesMax: 9001 }), /\/segments\/segmentBytesMax is more than/],
    [segments({ segmentsMax: 256, segmentBytesMax: 40 }), /\/segments\/segmentsMax is more than the fields/],
    [segments({ segmentsMax: 2 }), /\/segments\/segmentsMax is too few/],
    [segments({ bytesMax: 8999 }), /\/segments\/bytesMax is less than one message/],
    [
      segments({ segmentsMax: 200, messagesMax: 400 }),
      /\/segments\/messagesMax lets a line have more than 65536/,
    ],
  ];
  for (const [content, text] of wrong) assert.match(complaint(content), text);
});

test('an LRC and a header before STX are taken from the file, and a header that holds a mark is not', () => {
  const stxEtx = { ...head, kind: 'stx-etx' };
  const soh = { use: 'required', header: 'HD', headerBytesMax: 8 };
  assert.equal(complaint({ ...stxEtx, lrc: 'xor', soh }), 'loaded');
  assert.match(complaint({ ...stxEtx, lrc: 'crc' }), /\/lrc /);
  assert.match(complaint({ ...stxEtx, soh: { ...soh, header: 'H\x02' } }), /\/soh\/header /);
  assert.match(complaint({ ...stxEtx, soh: { ...soh, use: 'none' } }), /\/soh\/use /);
  const framing = loadFramings(join(import.meta.dirname, '../../protocols')).get('soh-stx-etx-lrc');
  assert.deepEqual(framing, {
    kind: 'stx-etx',
    lrc: 'xor',
    soh: { isRequired: true, text: '00', bytesMax: 16 },
    frameBytesMax: 32_768,
    frameFaultsMax: 20,
  });
});
