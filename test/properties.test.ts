import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalDestination, type Dialect } from '../src/dialect/dialect.ts';
import { FrameDecoder } from '../src/frame/frame.ts';
import type { Message } from '../src/message/message.ts';
import { parse } from '../src/parse/parse.ts';
import { CaseMaker } from './fuzz/cases.ts';
import { heldMaxOf } from './fuzz/judge.ts';
import { framingOf, readStock } from './fuzz/stock.ts';

const stock = readStock();
/** Properties look for what one input does; how many inputs there are is the fuzzer's business. */
const numRuns = 300;

for (const [name, dialect] of stock.dialects) {
  test(`${name}: a place points at what stands there: key, ORI, destinations and every field`, () => {
    const maker = new CaseMaker(stock, 1, name);
    let fields = 0;
    let messages = 0;
    fc.assert(
      fc.property(fc.nat(1_000_000), (number) => {
        for (const message of messagesOf(maker, number)) {
          pointsAtHeader(message, dialect);
          for (const field of message.fields) pointsAtField(message, field, dialect);
          messages += 1;
          fields += message.fields.length;
        }
      }),
      { numRuns, seed: 1 },
    );
    assert.ok(messages > numRuns / 10, `${String(messages)} messages are read`);
    assert.ok(fields > numRuns / 10, `${String(fields)} fields are read`);
  });
}

for (const [name, framing] of stock.framings) {
  test(`${name}: whatever chunks come, no more is held than a frame and its marks`, () => {
    const maker = new CaseMaker(stock, 2);
    const wires = fc.nat(1_000_000).map((number) => maker.caseOf(number).wire);
    const anything = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    const claims = fc.constantFrom('\xff\xff\xff\xff', '\x7f\xff', '999999', '\x00\x00\xff\x00').map(latin1);
    const floods = fc
      .constantFrom('A', '\x00', '\x02', '\xff', '0', '.')
      .map((byte) => latin1(byte.repeat(40_000)));
    const chunk = fc.oneof(wires, anything, claims, floods);
    fc.assert(
      fc.property(
        fc.array(chunk, { maxLength: 8 }),
        fc.array(fc.nat(3_000), { maxLength: 8 }),
        (chunks, cuts) => {
          const decoder = new FrameDecoder(framing);
          for (const piece of cutAgain(Buffer.concat(chunks), cuts)) {
            for (const event of decoder.push(piece)) {
              if (event.kind === 'frame') assert.ok(event.bytes.length <= framing.frameBytesMax);
            }
            assert.ok(
              decoder.pendingBytes <= heldMaxOf(framing),
              `${String(decoder.pendingBytes)} bytes are held`,
            );
          }
        },
      ),
      { numRuns: 60, seed: 2 },
    );
  });
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

function messagesOf(maker: CaseMaker, number: number): Message[] {
  const one = maker.caseOf(number);
  const [dialect, framing] = [stock.dialects.get(one.dialect), framingOf(one, stock)];
  assert.ok(dialect && framing);
  return new FrameDecoder(framing).push(one.wire).flatMap((event) => {
    const outcome = event.kind === 'frame' ? parse(event, dialect) : undefined;
    return outcome?.ok === true ? [outcome.value] : [];
  });
}

const textAt = ({ bytes }: Message, offset: number, length: number): string =>
  bytes.toString('latin1', offset, offset + length).toUpperCase();

function pointsAtHeader(message: Message, dialect: Dialect): void {
  const { messageKey, keyOffset, originatingOri, oriOffset, destinations } = message;
  const { form } = dialect.header;
  const readAt = form === 'xml' ? charactersAt : textAt;
  // A response of NCIC says neither: its key is told by how its text begins, and it comes from the network.
  if (form !== 'ncic' || !message.isRelayed) {
    assert.equal(readAt(message, keyOffset, messageKey.length) ?? messageKey, messageKey);
    assert.equal(readAt(message, oriOffset, originatingOri.length) ?? originatingOri, originatingOri);
  }
  for (const { text, offset, isImplied = false } of destinations) {
    // Another name of a destination is as long as the one it stands for.
    if (isImplied) continue;
    assert.equal(canonicalDestination(readAt(message, offset, text.length) ?? text, dialect), text);
  }
}

function pointsAtField(message: Message, field: Message['fields'][number], dialect: Dialect): void {
  const { code, codeOffset, offset, length } = field;
  const there = message.bytes.toString('latin1', offset, offset + length);
  if (dialect.header.form === 'xml') {
    // From the mark that opens the element; the value as it stands, or all of what it was read from.
    assert.equal(textAt(message, codeOffset, 1), '<');
    assert.ok(codeOffset < offset, 'the element begins before its value');
    if (field.value === undefined) assert.ok(!/[<&\r\n]/.test(there), 'the value is all that stands there');
    else
      assert.match(
        textAt(message, offset + length, 3),
        /^\s*(?:<|\]\]>|$)/,
        'the element ends behind its value',
      );
    return;
  }
  assert.equal(textAt(message, codeOffset, code.length + 1), `${code}/`);
  assert.equal(offset, codeOffset + code.length + 1);
  assert.ok(!there.includes('.'), 'a field ends before its period');
}

/** What stands there up to the next tag, blanks aside; undefined where the document says its characters in a roundabout way. */
function charactersAt({ bytes }: Message, offset: number): string | undefined {
  const document = bytes.toString('latin1');
  if (/&|<!|<\?|[^\0-\x7f]/.test(document)) return undefined;
  return document.slice(offset, document.indexOf('<', offset)).trim().toUpperCase();
}

/** The same bytes in other pieces. */
function cutAgain(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const length of cuts) {
    pieces.push(bytes.subarray(from, from + length));
    from += length;
  }
  return [...pieces, bytes.subarray(from)];
}
