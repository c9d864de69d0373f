import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FaultRate, FrameDecoder, type FrameEvent } from './frame.ts';

const framing = { kind: 'stx-etx', frameBytesMax: 8, frameFaultsMax: 3 } as const;

/** Events as short text, so that a difference reads at a glance. */
function told(events: readonly FrameEvent[]): string[] {
  return events.map((event) => {
    if (event.kind === 'frame') return `frame ${event.bytes.toString('latin1')}`;
    return event.kind === 'fault' ? event.refusal.code : event.byte;
  });
}

function push(...chunks: string[]): string[] {
  const decoder = new FrameDecoder(framing);
  return chunks.flatMap((chunk) => told(decoder.push(Buffer.from(chunk, 'latin1'))));
}

test('cuts several frames out of one chunk and one frame out of several chunks', () => {
  assert.deepEqual(push('\x02AB\x03\x02CD\x03'), ['frame AB', 'frame CD']);
  assert.deepEqual(push('\x02A', 'B', '', 'C\x03\x02', 'D', '\x03'), ['frame ABC', 'frame D']);
});

test('takes a frame of exactly the limit and refuses one byte more, once, however much follows', () => {
  assert.deepEqual(push('\x0212345678\x03'), ['frame 12345678']);
  assert.deepEqual(push('\x021234', '5678', '\x03'), ['frame 12345678']);
  assert.deepEqual(push('\x02123456789', 'abc'.repeat(1000), '\x03\x02AB\x03'), [
    'FRAME_TOO_LONG',
    'frame AB',
  ]);
  assert.deepEqual(push('\x02123456789\x02AB\x03'), ['FRAME_TOO_LONG', 'frame AB']);
});

test('starts anew at a start mark inside a frame', () => {
  assert.deepEqual(push('\x02LOST\x02AB\x03'), ['FRAME_START_INSIDE', 'frame AB']);
  assert.deepEqual(push('\x02LO', 'ST', '\x02AB\x03'), ['FRAME_START_INSIDE', 'frame AB']);
});

test('refuses an end mark without a start and an empty frame', () => {
  assert.deepEqual(push('\x03\x02\x03\x02', '\x03'), [
    'FRAME_END_WITHOUT_START',
    'FRAME_EMPTY',
    'FRAME_EMPTY',
  ]);
});

test('reports ACK, NAK and ENQ between frames, and leaves them alone inside one', () => {
  assert.deepEqual(push('\x06\x02A\x06\x03\x15\x05'), ['ACK', 'frame A\x06', 'NAK', 'ENQ']);
});

test('tolerates CR, LF and NUL between frames and counts other stray bytes', () => {
  const decoder = new FrameDecoder(framing);
  assert.deepEqual(told(decoder.push(Buffer.from('\r\n\0hello\x02A\x03\r\n \x06'))), ['frame A', 'ACK']);
  assert.equal(decoder.strayBytes, 6);
});

test('gives up an unfinished frame and reads the next one whole', () => {
  const decoder = new FrameDecoder(framing);
  assert.equal(decoder.expire(), undefined);
  decoder.push(Buffer.from('\x02ABC'));
  assert.equal(decoder.pendingBytes, 3);
  assert.ok(decoder.isInsideFrame);
  assert.deepEqual(decoder.expire(), { code: 'FRAME_INCOMPLETE', length: 3 });
  assert.equal(decoder.pendingBytes, 0);
  assert.deepEqual(told(decoder.push(Buffer.from('\x02D\x03'))), ['frame D']);
});

test('a small frame does not keep a large chunk alive, a full chunk is not copied', () => {
  const frameBytes = (chunk: Buffer) => {
    const [event] = new FrameDecoder(framing).push(chunk).filter(({ kind }) => kind === 'frame');
    assert.ok(event?.kind === 'frame');
    return event.bytes;
  };
  const mostlyStray = Buffer.concat([Buffer.from('\x02AB\x03'), Buffer.alloc(65_536)]);
  assert.equal(frameBytes(mostlyStray).toString(), 'AB');
  assert.equal(frameBytes(mostlyStray).buffer.byteLength, 2);
  const full = Buffer.from('\x02ABCDEF\x03');
  assert.equal(frameBytes(full).buffer, full.buffer);
});

test('a frame gathered from chunks is its own: what comes after does not change it', () => {
  const decoder = new FrameDecoder(framing);
  decoder.push(Buffer.from('\x02AB'));
  const [event] = decoder.push(Buffer.from('C\x03'));
  decoder.push(Buffer.from('\x02XYZXYZ'));
  assert.deepEqual(told(event ? [event] : []), ['frame ABC']);
});

test('refuses more framing faults in a minute than the dialect allows, and forgets after a minute', () => {
  const rate = new FaultRate(framing);
  assert.deepEqual(
    [0, 1, 2].map((ms) => rate.count(ms)),
    [undefined, undefined, undefined],
  );
  assert.deepEqual(rate.count(59_999), { code: 'FRAME_FAULTS_TOO_MANY', limit: 3 });
  assert.equal(rate.count(60_000), undefined);
  assert.equal(rate.count(10), undefined, 'a clock set back starts anew');
});

/** Mostly the bytes that mean something, so that short inputs reach every state. */
const bytes = fc
  .array(fc.oneof(fc.constantFrom(0x02, 0x03, 0x06, 0x41, 0x42, 0x0d, 0x00), fc.nat(255)), { maxLength: 200 })
  .map((list) => Buffer.from(list));

test('never holds more than the limit, never throws, and splitting never changes the result', () => {
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(200), { maxLength: 20 }), (input, cuts) => {
      const whole = new FrameDecoder(framing);
      const expected = told(whole.push(input));
      const split = new FrameDecoder(framing);
      const found: string[] = [];
      let from = 0;
      for (const cut of [...cuts.toSorted((left, right) => left - right), input.length]) {
        const to = Math.max(from, Math.min(cut, input.length));
        found.push(...told(split.push(input.subarray(from, to))));
        assert.ok(split.pendingBytes <= framing.frameBytesMax);
        from = to;
      }
      assert.deepEqual(found, expected);
      assert.equal(split.pendingBytes, whole.pendingBytes);
      assert.equal(split.strayBytes, whole.strayBytes);
      assert.equal(split.isInsideFrame, whole.isInsideFrame);
    }),
    { numRuns: 500 },
  );
});
