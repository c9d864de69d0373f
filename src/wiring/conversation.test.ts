import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Framing, loadDialect, loadFramings } from '../dialect/dialect.ts';
import { loadDirectory } from '../directory/directory.ts';
import type { Session } from '../listen/listen.ts';
import { Conversation, LineCounts } from './conversation.ts';
import { InOrder } from './in-order.ts';

const protocols = join(import.meta.dirname, '../../protocols');
const directory = loadDirectory(join(protocols, 'sample-directory'));
const dialect = loadDialect(join(protocols, 'nlets-legacy'));
const [segmented, plain] = ['segmented-template', 'stx-etx'].map((name) => loadFramings(protocols).get(name));
const start = 1000;

function conversation(framing: Framing | undefined): { on: Conversation; written: Buffer[] } {
  const [line] = directory.lines.values();
  assert.ok(line && framing);
  const written: Buffer[] = [];
  const session: Session = {
    ...{ line: line.name, id: 1, isOpen: true, unsentBytes: 0 },
    ...{ write: (bytes: Buffer) => written.push(bytes), cork: () => {}, uncork: () => {} },
    ...{ pause: () => {}, resume: () => {}, close: () => {} },
  };
  const settings = { ...line, frameTimeoutMs: 1000 };
  return { on: new Conversation(session, settings, { ...dialect, framing }, new LineCounts()), written };
}

const nobody = (): boolean => false;

/** One block of the segmented template, written by hand. */
function block(type: number, place: number, count: number, content: string): Buffer {
  const head = Buffer.alloc(20);
  head.write('ff00aa55', 0, 'hex');
  head.writeUInt32BE(content.length + 24, 4);
  head.set([1, type], 8);
  head.writeUInt32BE(7, 12);
  head.writeUInt16BE(place, 16);
  head.writeUInt16BE(count, 18);
  return Buffer.concat([head, Buffer.from(content), Buffer.from('55aa00ff', 'hex')]);
}

test('the clock of a frame begins anew with every block, also where each chunk ends inside one', () => {
  const { on } = conversation(segmented);
  const blocks = Buffer.concat([1, 2, 3, 4, 5].map((place) => block(0, place, 6, 'A'.repeat(76))));
  let now = start;
  for (let at = 0; at < 440; at += 110) {
    on.read(blocks.subarray(at, at + 110), now, nobody);
    now += 600;
    assert.equal(on.overdue(now), undefined, `${String(at + 110)} bytes`);
  }
  assert.equal(on.overdue(now + 401), 'FRAME_INCOMPLETE', 'nothing more came of the block that is open');
});

test('a message in several blocks waits its whole time, without that in which we do not read, and no longer', () => {
  const { on } = conversation(segmented);
  const from = performance.now();
  on.read(block(0, 1, 2, 'AB'), from, nobody);
  assert.deepEqual(on.swept(from + 10), []);
  assert.deepEqual(on.swept(from + 59_000), []);
  on.isPaused = true;
  assert.deepEqual(on.swept(from + 500_000), []);
  on.isPaused = false;
  assert.deepEqual(on.swept(from + 500_900), []);
  assert.deepEqual(on.swept(from + 501_200), [{ code: 'FRAME_INCOMPLETE', length: 2 }]);
  assert.deepEqual(on.swept(from + 900_000), []);
});

test('what confirms and what asks whether we live is not kept behind frames: a flood of it costs nothing', () => {
  const { on } = conversation(plain);
  let asked = 0;
  const flood = Buffer.concat([Buffer.alloc(65_536, 0x06), Buffer.from('\x02A\x03')]);
  on.read(flood, start, () => ++asked === 0);
  assert.equal(asked, 65_537, 'each is offered to who may wait for it');
  assert.equal(on.next()?.kind, 'frame');
  assert.equal(on.hasReadAhead, false);
  const alive = conversation(segmented);
  alive.on.read(Buffer.concat([block(1, 1, 1, ''), block(1, 1, 1, '')]), start, nobody);
  assert.deepEqual(alive.written, [block(2, 1, 1, ''), block(2, 1, 1, '')].map(unnumbered));
  assert.equal(alive.on.hasReadAhead, false);
});

/** A reply has the default for its message. */
function unnumbered(whole: Buffer): Buffer {
  whole.writeUInt32BE(0, 12);
  return whole;
}

test('what waits is taken in order, however it comes and goes', () => {
  const waiting = new InOrder<number>();
  assert.equal(waiting.take(), undefined);
  let [put, taken] = [0, 0];
  for (let round = 0; round < 50; round++) {
    for (let count = 0; count < 700; count++) waiting.push(put++);
    for (let count = 0; count < (round < 40 ? 650 : 900); count++) {
      if (waiting.length > 0) assert.equal(waiting.first, taken);
      assert.equal(waiting.take(), taken < put ? taken++ : undefined);
      assert.equal(waiting.length, put - taken);
    }
  }
  assert.equal(taken, put);
});
