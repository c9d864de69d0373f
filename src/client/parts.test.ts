import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadDialect } from '../dialect/dialect.ts';
import type { Whole } from './part-groups.ts';
import { PartGroups } from './part-groups.ts';
import { partText, usualMarks } from './part-text.ts';
import { PartsAssembler } from './parts.ts';
import type { Received } from './received.ts';

let count = 0;

/** A response as a subscriber gets it; `body` may hold a whole frame or only a text, which then gets a header. */
function response(
  text: string,
  { control = 'GW00000A07', deliveryId = '', from = 'NVSIR0000' } = {},
): Received {
  count += 1;
  const id = deliveryId === '' ? `d${String(count)}` : deliveryId;
  const mark = control === '' ? '' : `*${control}\r\n`;
  const header = `FR.${from}\r\n14:10 06/15/2026 01910\r\n14:10 06/15/2026 00440 CA0990100\r\n${mark}TXT\r\n`;
  return {
    messageId: `${id}.0`,
    deliveryId: id,
    generation: 0,
    possibleDuplicate: false,
    deliveryCount: 0,
    laneSeq: count,
    enqueuedAt: undefined,
    properties: { messageKey: 'FR', originOri: from, destination: 'CA0990100' },
    body: Buffer.from(`${header}${text}`, 'latin1'),
  };
}

/** What an assembler makes of these messages, given in this order. */
function assembled(messages: readonly Received[], options: object = {}): Whole[] {
  const wholes: Whole[] = [];
  const parts = new PartsAssembler({ onWhole: (whole) => wholes.push(whole), ...options });
  for (const message of messages) parts.take(message);
  parts.stop();
  return wholes;
}

const said = (whole: Whole | undefined) => whole && [whole.text.toString('latin1'), whole.missing];

test('puts parts together in their order, however they come', () => {
  const [whole, ...others] = assembled([response('P 02 OF 02\r\nEND'), response('P 01 OF 02\r\nBEGIN')]);
  assert.deepEqual(said(whole), ['\r\nP 01 OF 02\r\nBEGIN\r\n\r\nP 02 OF 02\r\nEND', []]);
  assert.equal(whole?.isComplete, true);
  assert.equal(whole.parts.length, 2);
  assert.deepEqual(others, []);
});

test('leaves alone what is no part, and says so', () => {
  const parts = new PartsAssembler({ onWhole: () => assert.fail('nothing came whole') });
  assert.equal(parts.take(response('NOT ON FILE')), false);
  assert.equal(parts.take({ ...response(''), body: Buffer.from('<n2:NLETS>P 01 OF 02</n2:NLETS>') }), false);
  assert.equal(parts.take(response(`${'X'.repeat(81)} P 1 OF 2 ${'X'.repeat(81)}`)), false);
  parts.stop();
});

test('keeps apart what differs in sender, control field or number of parts', () => {
  const wholes = assembled([
    response('P 1 OF 2'),
    response('P 2 OF 2', { control: 'GW00000A08' }),
    response('P 2 OF 2', { control: '' }),
    response('P 2 OF 2', { from: 'ORSIR0000' }),
    response('P 2 OF 3'),
  ]);
  assert.equal(wholes.length, 5);
  assert.ok(wholes.every(({ isComplete, parts }) => !isComplete && parts.length === 1));
});

test('a repeat changes nothing, not even after the message was whole', () => {
  const first = response('P 1 OF 2\r\nA');
  const wholes = assembled([
    first,
    { ...first, generation: 1, messageId: `${first.deliveryId}.1` },
    response('P 1 OF 2\r\nA'),
    response('P 2 OF 2\r\nB'),
    first,
  ]);
  assert.deepEqual(wholes.map(said), [['\r\nP 1 OF 2\r\nA\r\n\r\nP 2 OF 2\r\nB', []]]);
});

test('the same number with another text begins the next message; the first is handed over incomplete', () => {
  const wholes = assembled([response('P 1 OF 2\r\nA'), response('P 1 OF 2\r\nC'), response('P 2 OF 2\r\nD')]);
  assert.deepEqual(wholes.map(said), [
    ['\r\nP 1 OF 2\r\nA', [2]],
    ['\r\nP 1 OF 2\r\nC\r\n\r\nP 2 OF 2\r\nD', []],
  ]);
  assert.deepEqual(
    wholes.map(({ isComplete, isMixed }) => [isComplete, isMixed]),
    [
      [false, true],
      [false, true],
    ],
    'whose part 2 this is nobody can tell',
  );
});

test('parts of two messages that come at once under one reference are never called complete', () => {
  const texts = ['P 1 OF 3\r\nA', 'P 1 OF 3\r\nB', 'P 2 OF 3\r\nA', 'P 3 OF 3\r\nA'];
  const after = ['P 2 OF 3\r\nB', 'P 3 OF 3\r\nB', 'P 1 OF 3\r\nC'];
  const wholes = assembled([...texts, ...after].map((text) => response(text, { control: '' })));
  assert.ok(wholes.length > 2);
  assert.ok(wholes.every(({ isComplete, isMixed }) => !isComplete && isMixed));
  assert.equal(wholes.flatMap(({ parts }) => parts).length, texts.length + after.length);
});

test('once a reference was quiet for a while its next message can be complete', () => {
  const groups = new PartGroups({ withinMs: 1000, groupsMax: 10, bytesMax: 10_000 });
  const take = (text: string, nowMs: number) => {
    const message = response(text);
    const read = partText(message, usualMarks);
    assert.ok(read);
    return [...groups.expired(nowMs), ...groups.take(message, read, nowMs)].map(({ isMixed }) => isMixed);
  };
  assert.deepEqual(take('P 1 OF 2\r\nA', 0), []);
  assert.deepEqual(take('P 1 OF 2\r\nB', 100), [true]);
  assert.deepEqual(take('P 2 OF 2\r\nB', 900), [true]);
  assert.deepEqual(take('P 1 OF 2\r\nC', 1800), []);
  assert.deepEqual(take('P 2 OF 2\r\nC', 1850), [true]);
  assert.deepEqual(take('P 1 OF 2\r\nD', 2900), []);
  assert.deepEqual(take('P 2 OF 2\r\nD', 2950), [false]);
});

test('what is not complete in time is handed over as it is, and says what is missing', async () => {
  const { promise, resolve } = Promise.withResolvers<Whole>();
  const parts = new PartsAssembler({ onWhole: resolve, withinMs: 20 });
  parts.take(response('P 1 OF 3'));
  parts.take(response('P 3 OF 3'));
  const whole = await Promise.race([promise, sleep(10_000, undefined, { ref: false })]);
  assert.deepEqual(whole?.missing, [2]);
  assert.equal(whole.isComplete, false);
  assert.equal(whole.parts.length, 2);
});

test('the time counts from the first part, and the others do not make it longer', () => {
  const groups = new PartGroups({ withinMs: 30_000, groupsMax: 10, bytesMax: 10_000 });
  const take = (message: Received, nowMs: number) => {
    const read = partText(message, usualMarks);
    assert.ok(read);
    return groups.take(message, read, nowMs);
  };
  take(response('P 1 OF 3'), 1000);
  take(response('P 1 OF 2', { control: 'OTHER' }), 5000);
  take(response('P 2 OF 3'), 25_000);
  assert.equal(groups.endsMs, 31_000);
  assert.deepEqual(groups.expired(30_999), []);
  assert.deepEqual(
    groups.expired(31_000).map(({ missing }) => missing),
    [[3]],
  );
  assert.equal(groups.endsMs, 35_000);
  assert.equal(groups.all().length, 1);
  assert.equal(groups.endsMs, undefined);
});

test('past a limit the oldest goes, incomplete: nothing is lost and nothing grows', () => {
  const many = Array.from({ length: 5 }, (_none, at) => response('P 1 OF 2', { control: `GW${String(at)}` }));
  const byCount = new PartGroups({ withinMs: 30_000, groupsMax: 2, bytesMax: 1_000_000 });
  const byBytes = new PartGroups({ withinMs: 30_000, groupsMax: 99, bytesMax: many[0]?.body.length ?? 0 });
  for (const [groups, open] of [
    [byCount, 2],
    [byBytes, 1],
  ] as const) {
    const gone = many.flatMap((message) => {
      const read = partText(message, usualMarks);
      assert.ok(read);
      return groups.take(message, read, 0);
    });
    assert.equal(gone.length, many.length - open);
    assert.deepEqual(gone[0]?.parts, [many[0]]);
    assert.equal(groups.all().length, open);
  }
});

test('reads the control field and the text as members write them too', () => {
  const read = (text: string) => {
    const found = partText({ ...response(''), body: Buffer.from(text, 'latin1') }, usualMarks);
    return found && [found.part, found.control, found.text.toString('latin1')];
  };
  const part = { number: 1, of: 2 };
  assert.deepEqual(read('FR.NV0990300.TXT990100.*A/1.TXTP 1 OF 2'), [part, 'A/1', 'P 1 OF 2']);
  assert.deepEqual(read('fr.nv0990300.ca0990100.txt\r\nseg 1/2'), [part, '', '\r\nseg 1/2']);
  assert.equal(read('FR.NV0990300.CA0990100.P 1 OF 2'), undefined);
  // A line may end with LF alone, and a sender's ORI may begin as the text mark does.
  const clocks = '14:10 06/15/2026 01910\n14:10 06/15/2026 00440 CA0990100\n';
  assert.deepEqual(read(`FR.TXT990100\n${clocks}*B/2\nTXT\nP 1 OF 2`), [part, 'B/2', '\nP 1 OF 2']);
});

test('its markers are those of the protocol files, and may be others', () => {
  const { parts } = loadDialect(join(import.meta.dirname, '../../protocols/nlets-legacy'));
  assert.deepEqual(usualMarks, parts);
  const [whole] = assembled([response('BLATT 1/1')], { markers: ['BLATT 9/9'] });
  assert.equal(whole?.isComplete, true);
});
