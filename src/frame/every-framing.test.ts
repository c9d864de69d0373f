import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { controlFrame, framed, type Framing } from '../dialect/dialect.ts';
import { FrameDecoder } from './frame.ts';
import { push, spokenFramings, told } from './framings-under-test.ts';

/** What every framing does alike, each written by hand. */
for (const spoken of spokenFramings) {
  const { name, framing, wire, heldMax, telling } = spoken;
  const { blockMax = framing.frameBytesMax } = spoken;
  const { frameBytesMax } = framing;
  const noted = [wire('AB\r\nCD'), wire('E'), wire('F'.repeat(frameBytesMax))].join('');
  const frames = ['frame AB\r\nCD', 'frame E', `frame ${'F'.repeat(frameBytesMax)}`];

  test(`${name}: frames of one chunk, cut at every byte, and byte by byte`, () => {
    assert.deepEqual(push(framing, noted), frames);
    for (let at = 1; at < noted.length; at++)
      assert.deepEqual(push(framing, noted.slice(0, at), noted.slice(at)), frames, `cut at ${String(at)}`);
    assert.deepEqual(push(framing, ...each(noted)), frames);
    assert.deepEqual(push(framing, '', noted, ''), frames);
  });

  test(`${name}: one byte over the limit is refused once, in one chunk and byte by byte`, () => {
    const long = wire('G'.repeat(frameBytesMax + 1));
    const isLost =
      framing.kind === 'length-prefix' || (framing.kind === 'header-template' && framing.start === '');
    const expected = isLost ? ['frame E', 'FRAME_TOO_LONG!'] : ['frame E', 'FRAME_TOO_LONG', 'frame H'];
    const sent = wire('E') + long + wire('H');
    assert.deepEqual(push(framing, sent), expected);
    assert.deepEqual(push(framing, ...each(sent)), expected);
    const [event] = new FrameDecoder(framing)
      .push(Buffer.from(sent, 'latin1'))
      .filter(({ kind }) => kind === 'fault');
    assert.ok(event?.kind === 'fault');
    assert.deepEqual(event.refusal, { code: 'FRAME_TOO_LONG', limit: frameBytesMax });
  });

  test(`${name}: half a frame is inside until its time is over, once`, () => {
    const whole = Buffer.from(wire('ABCDEFGH'), 'latin1');
    for (let at = 1; at < whole.length; at++) {
      const decoder = new FrameDecoder(framing);
      assert.equal(decoder.expire(), undefined);
      assert.deepEqual(decoder.push(whole.subarray(0, at)), []);
      assert.ok(decoder.isInsideFrame);
      assert.equal(decoder.expire()?.code, 'FRAME_INCOMPLETE');
      assert.equal(decoder.isInsideFrame, false);
      assert.equal(decoder.expire(), undefined);
    }
    const decoder = new FrameDecoder(framing);
    decoder.push(whole);
    assert.equal(decoder.isInsideFrame, false);
    assert.equal(decoder.expire(), undefined);
  });

  test(`${name}: ACK, NAK and ENQ are read as the switch writes them, between frames and not in them`, () => {
    const [ack, nak, enq] = (['ACK', 'NAK', 'ENQ'] as const).map((byte) =>
      controlFrame(framing, byte).toString('latin1'),
    );
    const sent = [ack, wire('A\x06'), nak, enq].join('');
    assert.deepEqual(push(framing, sent), ['ACK', 'frame A\x06', 'NAK', 'ENQ']);
    assert.deepEqual(push(framing, ...each(sent)), ['ACK', 'frame A\x06', 'NAK', 'ENQ']);
    if (framing.kind !== 'stx-etx') assert.equal(ack, wire('\x06'));
  });

  test(`${name}: a frame of a full chunk is a view, a small one of a large chunk its own, a gathered one never changes`, () => {
    const full = Buffer.from(wire('A'.repeat(blockMax)), 'latin1');
    assert.equal(frameOf(framing, full).buffer, full.buffer);
    // Controls are no frames: however many share the chunk with a small frame, it does not keep the chunk alive.
    const acks = Buffer.alloc(65_536, controlFrame(framing, 'ACK'));
    const rest = acks.length % controlFrame(framing, 'ACK').length;
    const mostly = Buffer.concat([Buffer.from(wire('BC'), 'latin1'), acks.subarray(0, acks.length - rest)]);
    assert.equal(frameOf(framing, mostly).toString(), 'BC');
    assert.equal(frameOf(framing, mostly).buffer.byteLength, 2);
    const decoder = new FrameDecoder(framing);
    const gathered = Buffer.from(wire('DEF'), 'latin1');
    decoder.push(gathered.subarray(0, gathered.length - 1));
    const events = decoder.push(gathered.subarray(gathered.length - 1));
    decoder.push(Buffer.from(wire('XYZXYZ').slice(0, -1), 'latin1'));
    assert.deepEqual(told(events), ['frame DEF']);
  });

  test(`${name}: whatever comes, and however it is cut, gives the same, held within the limit`, () => {
    const piece = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...telling).map((byte) => Buffer.of(byte)) },
      {
        weight: 2,
        arbitrary: fc.constantFrom('A', 'N', '', 'HELLO').map((it) => Buffer.from(wire(it), 'latin1')),
      },
      { weight: 1, arbitrary: fc.nat(255).map((byte) => Buffer.of(byte)) },
      { weight: 1, arbitrary: fc.constant(Buffer.alloc(40, 'Z')) },
    );
    const inputs = fc.array(piece, { maxLength: 60 }).map((pieces) => Buffer.concat(pieces));
    fc.assert(
      fc.property(inputs, fc.array(fc.nat(400), { maxLength: 30 }), (input, cuts) => {
        const whole = new FrameDecoder(framing);
        const expected = told(whole.push(input));
        const split = new FrameDecoder(framing);
        const found: string[] = [];
        let from = 0;
        for (const cut of [...cuts.toSorted((left, right) => left - right), input.length]) {
          const to = Math.max(from, Math.min(cut, input.length));
          found.push(...told(split.push(input.subarray(from, to))));
          assert.ok(split.pendingBytes <= heldMax);
          from = to;
        }
        assert.deepEqual(found, expected);
        assert.equal(split.pendingBytes, whole.pendingBytes);
        assert.equal(split.strayBytes, whole.strayBytes);
        assert.equal(split.keepAlives, whole.keepAlives);
        assert.equal(split.isInsideFrame, whole.isInsideFrame);
        assert.equal(split.expire()?.length, whole.expire()?.length);
        assert.deepEqual(told(split.push(input)), told(whole.push(input)), 'and so after the clock');
      }),
      { numRuns: 300 },
    );
  });

  test(`${name}: what the switch writes is read back, or not written`, () => {
    const content = fc
      .array(fc.oneof(fc.constantFrom(...telling), fc.integer({ min: 0x20, max: 0x7e })), {
        minLength: 2,
        maxLength: 70,
        size: 'max',
      })
      .map((list) => Buffer.from(list))
      // CR, LF and NUL before a content mean nothing on a line with a delimiter.
      .filter(([first = 0]) => framing.kind !== 'delimiter' || first >= 0x20 || first === 0x1c);
    fc.assert(
      fc.property(content, (bytes) => {
        const frame = unless('DELIVER_FRAMING', () =>
          framed(framing, bytes.subarray(0, 1), bytes.subarray(1)),
        );
        const read = told(
          new FrameDecoder(framing).push(Buffer.from(wire(bytes.toString('latin1')), 'latin1')),
        );
        const isItself = read.length === 1 && read[0] === `frame ${bytes.toString('latin1')}`;
        assert.equal(
          frame !== undefined,
          isItself,
          'refused exactly when it would be read as something else',
        );
        if (frame !== undefined) assert.equal(frame.toString('latin1'), wire(bytes.toString('latin1')));
      }),
      { numRuns: 300 },
    );
  });
}

const each = (text: string): string[] => Array.from(text);

function frameOf(framing: Framing, chunk: Buffer): Buffer {
  const [event] = new FrameDecoder(framing).push(chunk).filter(({ kind }) => kind === 'frame');
  assert.ok(event?.kind === 'frame');
  return event.bytes;
}

/** What `make` gives; undefined when it throws the code. */
function unless<T>(code: string, make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, code);
    return undefined;
  }
}
