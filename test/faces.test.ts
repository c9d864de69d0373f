import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Dialect, type KeyDefinition, keyOf, loadDialect, valueOf } from '../src/dialect/dialect.ts';
import { type Dropped, isNothing, writeMessage } from '../src/face/face.ts';
import type { Message } from '../src/message/message.ts';
import { parse } from '../src/parse/parse.ts';
import { validate } from '../src/validate/validate.ts';
import { messagesOf } from './face-messages.ts';
import { dialectFolder, dialectNames } from './golden/samples.ts';

const dialects = dialectNames().map((name) => loadDialect(dialectFolder(name)));
/** Whatever a message is written of here is no dialect's own bytes. */
const unwritten = (dialect: Dialect): Dialect => ({ ...dialect, name: 'unwritten' });
const seed = 0x10_04;

/** What a message says, whichever face it has. */
function said(message: Message, dialect: Dialect) {
  const { messageKey, originatingOri, destinations, control, fields, bytes, text, bodyOffset, bodyEnd } =
    message;
  const isText = keyOf(dialect, messageKey)?.body === 'text';
  const inBytes =
    isText && dialect.header.form !== 'xml' ? bytes.toString('latin1', bodyOffset, bodyEnd) : '';
  return {
    messageKey,
    originatingOri,
    destinations: destinations.map((one) => one.text),
    control,
    fields: fields
      .map((field) => [field.code, valueOf(bytes, field)] as const)
      .sort(([left], [right]) => (left < right ? -1 : 1)),
    text: (text ?? inBytes).replaceAll('\r\n', '\n'),
  };
}

/** The same without what was dropped. */
function less(all: ReturnType<typeof said>, dropped: readonly Dropped[]) {
  const isGone = (kind: Dropped['kind'], name: string) =>
    dropped.some((one) => one.kind === kind && one.name === name);
  return {
    ...all,
    destinations: all.destinations.filter((text) => !isGone('destination', text)),
    control: isGone('control', 'CONTROL') ? '' : all.control,
    fields: all.fields.filter(([code]) => !isGone('field', code)),
    text: isGone('text', 'TEXT') ? '' : all.text,
  };
}

/** Are the fields in the order of the key's file, which is that of a text made of a document? */
function isInOrder({ fields }: Message, key: KeyDefinition | undefined): boolean {
  const sets = key === undefined ? [] : [key.fields, ...key.cases.flatMap(({ by }) => [...by.values()])];
  const order = [...new Set(sets.flatMap(({ permitted }) => [...permitted]))];
  const places = fields.map(({ code }) => order.indexOf(code));
  return places.every((place, at) => at === 0 || place > (places[at - 1] ?? -1));
}

/** Text has no other place for the fields of a key whose body is text than its first line. */
function asOneText(all: ReturnType<typeof said>, { fields, bytes }: Message): ReturnType<typeof said> {
  const line = fields.map((field) => `${field.code}/${valueOf(bytes, field)}`).join('.');
  return { ...all, fields: [], text: all.text === '' ? line : `${line}\n${all.text}` };
}

function read(bytes: Buffer, dialect: Dialect): Message {
  const parsed = parse({ kind: 'frame', bytes }, dialect);
  assert.ok(
    parsed.ok,
    parsed.ok ? '' : `${dialect.name}: ${JSON.stringify(parsed.refusals)} ${bytes.toString()}`,
  );
  return parsed.value;
}

for (const dialect of dialects) {
  test(`${dialect.name}: what is written is read as the same message, and written again as the same bytes`, () => {
    for (const key of dialect.keys.values()) {
      let tried = 0;
      fc.assert(
        fc.property(messagesOf(dialect, key), (message) => {
          const { bytes, dropped } = writeMessage(message, unwritten(dialect), dialect);
          if (isNothing(dropped)) {
            // What NCIC answers with, no member writes.
            assert.ok(dialect.ncic !== undefined && key.destinations.implied.length === 0);
            tried += 1;
            return;
          }
          const again = read(bytes, dialect);
          assert.deepEqual(said(again, dialect), less(said(message, dialect), dropped));
          assert.deepEqual(writeMessage(again, dialect, dialect), { bytes, dropped: [] });
          if (validate({ ...again, permitted: true }, dialect).ok) tried += 1;
        }),
        { numRuns: 8, seed },
      );
      assert.ok(tried > 0, `${key.key}: none of them was valid`);
    }
  });
}

/** Two dialects, of which one at least reads documents, in both directions. */
const pairs = dialects.flatMap((from) =>
  dialects
    .filter((to) => to !== from && [from, to].some((one) => one.header.form === 'xml'))
    .map((to) => [from, to] as const),
);

for (const [from, to] of pairs) {
  test(`${from.name} to ${to.name}: what can be carried arrives, and goes back as it came`, () => {
    const shared = [...from.keys].filter(([name]) => keyOf(to, name) !== undefined);
    let wentWhole = 0;
    for (const [name, key] of shared) {
      let went = 0;
      fc.assert(
        fc.property(messagesOf(from, key), (message) => {
          const first = writeMessage(message, unwritten(from), from);
          if (isNothing(first.dropped)) return;
          const fate = goesAndComesBack(read(first.bytes, from), from, to);
          if (fate !== 'nothing') went += 1;
          if (fate === 'whole') wentWhole += 1;
        }),
        { numRuns: 4, seed },
      );
      const isAnswer = to.ncic !== undefined && keyOf(to, name)?.destinations.implied.length === 0;
      assert.ok(went > 0 || isAnswer, `${name}: nothing of it was ever carried`);
    }
    assert.ok(wentWhole > 0 || shared.length < 2, 'none came back as the bytes it went as');
  });
}

/** How much of it went: `whole` when it also came back in the very bytes it went in. */
function goesAndComesBack(there: Message, from: Dialect, to: Dialect): 'nothing' | 'some' | 'all' | 'whole' {
  const { bytes, dropped } = writeMessage(there, from, to);
  if (isNothing(dropped)) {
    assert.equal(bytes.length, 0);
    return 'nothing';
  }
  const arrived = read(bytes, to);
  const expected = less(said(there, from), dropped);
  const isText = keyOf(to, there.messageKey)?.body === 'text' && to.header.form !== 'xml';
  const isOneText = isText && expected.fields.length > 0;
  assert.deepEqual(said(arrived, to), isOneText ? asOneText(expected, there) : expected);
  if (dropped.length > 0 || isOneText) return 'some';
  const back = writeMessage(arrived, to, from);
  assert.deepEqual(back.dropped, []);
  const again = read(back.bytes, from);
  assert.deepEqual(said(again, from), said(there, from));
  assert.deepEqual(writeMessage(again, from, to).bytes, bytes);
  if (from.header.form !== 'xml' && !isInOrder(there, keyOf(from, there.messageKey))) return 'all';
  assert.equal(back.bytes.toString(), there.bytes.toString());
  return 'whole';
}
