import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { framed, keepAliveReply, nextMessageId, stampBlocks } from '../dialect/dialect.ts';
import { FrameDecoder } from './frame.ts';
import { bareBlocks, block, push, segmentedBlocks, told } from './framings-under-test.ts';

const [start, stop] = [bareBlocks.start, bareBlocks.stop];
const bare = (content: string, end = stop): string =>
  `${start}\0\0\0${String.fromCharCode(content.length + 12)}${content}${end}`;
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const each = (text: string): string[] => Array.from(text);

/** The same, whole and byte by byte. */
function pushed(framing: typeof bareBlocks, text: string): string[] {
  const whole = push(framing, text);
  assert.deepEqual(push(framing, ...each(text)), whole);
  return whole;
}

test('noise is hunted through for the start mark, also where it ends like one or two of it stand together', () => {
  const decoder = new FrameDecoder(bareBlocks);
  const noise = `\xff\x00\xaa\xff\xff\x00\xaaNOISE\xff`;
  assert.deepEqual(told(decoder.push(bytes(noise + bare('A')))), ['frame A']);
  assert.equal(decoder.strayBytes, noise.length);
  assert.deepEqual(pushed(bareBlocks, `\xff${bare('A')}\xff\x00\xff${bare('B')}`), ['frame A', 'frame B']);
});

test('a stop mark inside the content is content: the length wins', () => {
  assert.deepEqual(pushed(bareBlocks, bare(`A${stop}B`) + bare(stop)), [`frame A${stop}B`, `frame ${stop}`]);
});

test('a length that lies costs one fault, and the hunt goes on one byte behind it: what it claimed is read after all', () => {
  const lying = `${start}\0\0\0\x30`;
  const sent = lying + bare('A') + bare('B') + bare('C') + bare('D');
  assert.deepEqual(pushed(bareBlocks, sent), ['FRAME_STOP_MARK', 'frame A', 'frame B', 'frame C', 'frame D']);
  // Two that lie, one inside the other, and a mark of which only half is one.
  const both = lying + lying + bare('A') + `${start.slice(0, 2)}${bare('B')}` + 'Z'.repeat(64);
  assert.deepEqual(pushed(bareBlocks, both), ['FRAME_STOP_MARK', 'FRAME_STOP_MARK', 'frame A', 'frame B']);
});

test('a start mark that stands in the length of a block that was none is found', () => {
  assert.deepEqual(pushed(bareBlocks, start + bare('A')), ['FRAME_TOO_LONG', 'frame A']);
  assert.deepEqual(pushed(bareBlocks, start + start + bare('A')), [
    'FRAME_TOO_LONG',
    'FRAME_TOO_LONG',
    'frame A',
  ]);
});

test('a length below the smallest block or above the largest is a fault at once, and nothing is held for it', () => {
  for (const [length, code] of [
    ['\0\0\0\x0b', 'FRAME_LENGTH'],
    ['\0\0\0\0', 'FRAME_LENGTH'],
    ['\0\0\0\x4d', 'FRAME_TOO_LONG'],
    ['\xff\xff\xff\xff', 'FRAME_TOO_LONG'],
  ] as const) {
    assert.deepEqual(pushed(bareBlocks, start + length + bare('A')), [code, 'frame A']);
    const decoder = new FrameDecoder(bareBlocks);
    decoder.push(bytes(start + length));
    // The last byte may be the first of a start mark.
    assert.ok(decoder.pendingBytes <= 1);
  }
});

test('a block with nothing in it is a sign of life where blocks have no type', () => {
  const decoder = new FrameDecoder(bareBlocks);
  assert.deepEqual(told(decoder.push(bytes(bare('') + bare('A') + bare('')))), ['frame A']);
  assert.equal(decoder.keepAlives, 2);
});

test('start marks without end are read in time that grows with what came, and held within the limit', () => {
  const framing = { ...bareBlocks, frameBytesMax: 32_768 };
  // Every eighth byte begins a block that claims the most there may be, so each is looked at and none is one.
  const flood = bytes(`${start}\0\0\x7f\xff`.repeat(100_000));
  const decoder = new FrameDecoder(framing);
  const from = performance.now();
  let faults = 0;
  for (let at = 0; at < flood.length; at += 61) {
    faults += decoder.push(flood.subarray(at, at + 61)).length;
    assert.ok(decoder.pendingBytes <= 32_768 + 12);
  }
  assert.ok(faults > 90_000);
  // It takes 50 ms here; what is looked at again and again would take minutes.
  assert.ok(performance.now() - from < 20_000);
});

test('segments are put together in any order and between those of others; the same again means nothing', () => {
  const sent = [
    block(0, 1, 2, 3, 'BB'),
    block(0, 2, 1, 2, 'XX'),
    block(0, 1, 1, 3, 'AA'),
    block(0, 1, 2, 3, 'BB'),
    block(0, 9, 1, 1, 'ALONE'),
    block(0, 2, 2, 2, 'YY'),
    block(0, 1, 3, 3, 'CC'),
  ].join('');
  assert.deepEqual(pushed(segmentedBlocks, sent), ['frame ALONE', 'frame XXYY', 'frame AABBCC']);
});

test('a segment that does not fit takes its message with it', () => {
  const open = block(0, 1, 1, 3, 'AA');
  const refused: readonly (readonly [string, string])[] = [
    [block(0, 1, 2, 2, 'BB'), 'FRAME_SEGMENT'],
    [block(0, 1, 1, 1, 'BB'), 'FRAME_SEGMENT'],
    [block(0, 1, 1, 3, 'AB'), 'FRAME_SEGMENT'],
    [block(0, 1, 0, 3, 'BB'), 'FRAME_SEGMENT'],
    [block(0, 1, 4, 3, 'BB'), 'FRAME_SEGMENT'],
    [block(0, 1, 1, 0, 'BB'), 'FRAME_SEGMENT'],
    [block(0, 1, 1, 5, 'BB'), 'FRAME_SEGMENT'],
    [block(0, 1, 2, 3, ''), 'FRAME_EMPTY'],
    [block(0, 1, 2, 3, 'B'.repeat(63)), 'FRAME_TOO_LONG'],
  ];
  for (const [wrong, code] of refused) {
    const decoder = new FrameDecoder(segmentedBlocks);
    assert.deepEqual(told(decoder.push(bytes(open + wrong))), [code], JSON.stringify(wrong));
    assert.equal(decoder.pendingBytes, 0);
  }
});

test('unfinished messages are limited in number and in bytes; those that are there may still end', () => {
  const decoder = new FrameDecoder(segmentedBlocks);
  const [first, second] = [block(0, 1, 1, 2, 'A'.repeat(60)), block(0, 2, 1, 2, 'B'.repeat(39))];
  assert.deepEqual(decoder.push(bytes(first + second)), []);
  assert.deepEqual(decoder.push(bytes(block(0, 3, 1, 2, 'C'))), [
    { kind: 'fault', refusal: { code: 'FRAME_SEGMENTS_TOO_MANY', limit: 2 }, isLast: false },
  ]);
  assert.deepEqual(decoder.push(bytes(block(0, 2, 2, 2, 'BB'))), [
    { kind: 'fault', refusal: { code: 'FRAME_SEGMENTS_TOO_MANY', limit: 100 }, isLast: false },
  ]);
  assert.deepEqual(told(decoder.push(bytes(block(0, 1, 2, 2, 'A')))), [`frame ${'A'.repeat(61)}`]);
  assert.deepEqual(told(decoder.push(bytes(block(0, 2, 2, 2, 'BB')))), [`frame ${'B'.repeat(39)}BB`]);
  assert.equal(decoder.pendingBytes, 0);
});

test('a message that gets nothing for its time is dropped, once, and not before; one that moves is not', () => {
  const decoder = new FrameDecoder(segmentedBlocks);
  decoder.push(bytes(block(0, 1, 1, 3, 'AA') + block(0, 2, 1, 3, 'XX')));
  assert.deepEqual(decoder.sweep(5000), []);
  assert.deepEqual(decoder.sweep(5500), []);
  // One that comes again is no step on.
  decoder.push(bytes(block(0, 2, 2, 3, 'YY') + block(0, 1, 1, 3, 'AA')));
  assert.deepEqual(decoder.sweep(5999), []);
  assert.deepEqual(decoder.sweep(6000), [{ code: 'FRAME_INCOMPLETE', length: 2 }]);
  assert.deepEqual(decoder.sweep(6998), []);
  assert.deepEqual(decoder.sweep(6999), [{ code: 'FRAME_INCOMPLETE', length: 4 }]);
  assert.deepEqual(decoder.sweep(60_000), []);
  assert.equal(decoder.pendingBytes, 0);
  assert.deepEqual(new FrameDecoder(bareBlocks).sweep(0), []);
});

test('a keep-alive request brings its reply, a reply nothing; an unknown type is a fault', () => {
  const decoder = new FrameDecoder(segmentedBlocks);
  const [request, ...more] = decoder.push(bytes(block(1, 7, 1, 1, '') + block(2, 7, 1, 1, '')));
  assert.ok(request?.kind === 'control' && request.byte === 'ENQ' && more.length === 0);
  assert.equal(request.reply?.toString('latin1'), block(2, 9, 1, 1, ''));
  assert.equal(decoder.keepAlives, 2);
  assert.deepEqual(told(decoder.push(bytes(block(5, 7, 1, 1, 'A')))), ['FRAME_BLOCK_TYPE']);
  assert.equal(keepAliveReply(bareBlocks, 1), undefined);
});

test('a message is written in as few blocks as it needs, which bear its id once they are stamped, and the session of the peer', () => {
  const content = 'A'.repeat(40) + 'B'.repeat(20);
  const frame = framed(segmentedBlocks, bytes(content));
  const [, id] = segmentedBlocks.fields;
  assert.ok(id);
  const withSession = { ...segmentedBlocks, session: segmentedBlocks.fields[0] };
  assert.ok(stampBlocks(segmentedBlocks, frame, { messageId: 200, session: 3 }));
  const expected = block(0, 200, 1, 2, 'A'.repeat(40)) + block(0, 200, 2, 2, 'B'.repeat(20));
  assert.equal(frame.toString('latin1'), expected);
  assert.deepEqual(pushed(segmentedBlocks, expected), [`frame ${content}`]);
  const ack = bytes(block(3, 9, 1, 1, ''));
  assert.equal(
    stampBlocks({ ...withSession, blockType: undefined }, ack, { messageId: 5, session: 3 }),
    true,
  );
  assert.equal(ack.toString('latin1'), block(3, 5, 1, 1, ''));
  const nak = bytes(block(4, 9, 1, 1, ''));
  assert.equal(stampBlocks(segmentedBlocks, nak, { messageId: 5, session: 3 }), false);
  assert.equal(nak.toString('latin1'), block(4, 9, 1, 1, ''));
  assert.deepEqual(
    [0, 1, 254, 255].map((at) => nextMessageId(segmentedBlocks, at)),
    [1, 2, 255, 1],
  );
});

test('the session is part of what names a message', () => {
  const [type, , ...rest] = segmentedBlocks.fields;
  assert.ok(type && rest.length === 2);
  // The first number is taken for the session: two peers behind one line, both at their message 1.
  const framing = { ...segmentedBlocks, blockType: undefined, session: type };
  const sent =
    block(8, 1, 1, 2, 'A') + block(9, 1, 1, 2, 'X') + block(8, 1, 2, 2, 'B') + block(9, 1, 2, 2, 'Y');
  assert.deepEqual(pushed(framing, sent), ['frame AB', 'frame XY']);
  const decoder = new FrameDecoder(framing);
  decoder.push(bytes(sent));
  assert.equal(decoder.peerSession, 9);
});

test('whatever is cut into segments is put together again, and noise between blocks changes nothing', () => {
  const framing = {
    ...segmentedBlocks,
    frameBytesMax: 160,
    segments: segmentedBlocks.segments && { ...segmentedBlocks.segments, bytesMax: 400 },
  };
  const contents = fc.array(fc.uint8Array({ minLength: 2, maxLength: 160, size: 'max' }), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(contents, fc.stringMatching(/^[A-Z\r\n]{0,9}$/), fc.nat(50), (lists, noise, cut) => {
      const frames = lists.map((list, at) => {
        const frame = framed(framing, Buffer.from(list));
        stampBlocks(framing, frame, { messageId: at + 1, session: undefined });
        return Buffer.concat([bytes(noise), frame]);
      });
      const all = Buffer.concat(frames);
      const decoder = new FrameDecoder(framing);
      const events = [];
      for (let at = 0; at < all.length; at += cut + 1)
        events.push(...decoder.push(all.subarray(at, at + cut + 1)));
      assert.deepEqual(
        told(events),
        lists.map((list) => `frame ${Buffer.from(list).toString('latin1')}`),
      );
      assert.equal(decoder.pendingBytes, 0);
      assert.equal(decoder.strayBytes, noise.length * lists.length);
    }),
    { numRuns: 200 },
  );
});
