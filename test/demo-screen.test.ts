/** The demo's screen as a function of what it shows: golden screens, and what no data may do to it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Books } from '../src/cli/demo/books.ts';
import { ascii, clean, duration, type Look, lookOf, sparkline, unicode } from '../src/cli/demo/look.ts';
import { plainLine } from '../src/cli/demo/plain.ts';
import { depthBar } from '../src/cli/demo/places.ts';
import { drawScreen } from '../src/cli/demo/screen.ts';
import { isLive } from '../src/cli/demo/terminal.ts';
import { judge, lastWord } from '../src/cli/demo/verdict.ts';
import type { View } from '../src/cli/demo/view.ts';
import { picture, view } from './demo-view.ts';

const plain: Look = { isColoured: false, glyphs: unicode };
const coloured: Look = { isColoured: true, glyphs: unicode };
const small = { columns: 80, rows: 24 };
const golden = (name: string): string => join(import.meta.dirname, 'demo-screens', name);
const asText = (lines: readonly string[]): string => `${lines.map((line) => `${line}|`).join('\n')}\n`;
const text = { serializers: [(value: unknown) => String(value)] };

test('the screen at 80×24 is the golden one', (t) => {
  t.assert.fileSnapshot(asText(drawScreen(view, small, plain)), golden('80x24.txt'), text);
});

test('the screen at 120×40 shows more of everything', (t) => {
  t.assert.fileSnapshot(
    asText(drawScreen(view, { columns: 120, rows: 40 }, plain)),
    golden('120x40.txt'),
    text,
  );
});

test('without UTF-8 the same screen is ASCII', (t) => {
  const lines = drawScreen(view, small, { isColoured: false, glyphs: ascii });
  assert.match(lines.join(''), /^[\x20-\x7e]*$/);
  t.assert.fileSnapshot(asText(lines), golden('80x24-ascii.txt'), text);
});

test('the plain line of a moment says what holds and what is down', (t) => {
  t.assert.fileSnapshot(`${plainLine(view)}\n`, golden('plain.txt'), text);
});

test('before the first picture there is a screen too', () => {
  const nothing: View = { ...view, picture: undefined, broadcast: undefined, events: [] };
  const lines = drawScreen(nothing, small, plain);
  assert.equal(lines.length, 24);
  assert.ok(lines.every((line) => line.length === 80));
});

const escapes = /\x1b\[[0-9;]*m/g;
const allowed = new RegExp(`^[\\x20-\\x7e${Object.values(unicode).join('')}]*$`);

test('whatever the data holds, every line is as wide as the terminal and holds no byte that moves its cursor', () => {
  // Control bytes, wide, combining and surrogate characters, and very long words.
  const words = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.constant('\x1b[2J\x9b\r\n漢字é'));
  const run = fc.property(
    words,
    fc.integer({ min: 1, max: 200 }),
    fc.integer({ min: 1, max: 70 }),
    fc.integer({ min: 0, max: 1e15 }),
    (word, columns, rows, count) => {
      const odd: View = {
        ...view,
        picture: {
          ...picture,
          warnings: [word],
          books: { ...picture.books, in: count },
          lanes: picture.lanes.map((lane) => ({ ...lane, lane: word, waiting: count, oldestAgeMs: count })),
          stations: picture.stations.map((one) => ({ ...one, station: word })),
          hops: picture.hops.map((hop) => ({ ...hop, messageKey: word, where: word, messageId: word })),
        },
        broadcast: view.broadcast && {
          ...view.broadcast,
          originatingOri: word,
          audience: view.broadcast.audience.map((one) => ({ ...one, name: word })),
        },
        station: { name: word, isPlugged: true },
        events: [{ atMs: view.atMs, text: word }],
        boardUrl: word,
      };
      const lines = drawScreen(odd, { columns, rows }, coloured);
      assert.equal(lines.length, rows);
      for (const line of lines) {
        const shown = line.replaceAll(escapes, '');
        assert.equal(shown.length, columns);
        assert.match(shown, allowed);
      }
      assert.match(plainLine(odd), /^[\x20-\x7e]*$/);
      const bare = drawScreen(odd, { columns, rows }, { isColoured: false, glyphs: ascii });
      assert.match(bare.join(''), /^[\x20-\x7e]*$/);
    },
  );
  fc.assert(run, { numRuns: 300 });
});

test('without colour there is not one escape code, with it none but colours', () => {
  const bare = drawScreen(view, small, plain);
  assert.ok(!bare.join('').includes('\x1b'));
  const full = drawScreen(view, small, coloured);
  assert.ok(full.join('').includes('\x1b'));
  assert.deepEqual(
    full.map((line) => line.replaceAll(escapes, '')),
    bare,
  );
});

test('the environment chooses colours, shapes and whether there is a screen at all', () => {
  assert.deepEqual(lookOf({ LANG: 'en_US.UTF-8' }), { isColoured: true, glyphs: unicode });
  assert.deepEqual(lookOf({ LANG: 'en_US.UTF-8', LC_ALL: 'C' }), { isColoured: true, glyphs: ascii });
  assert.deepEqual(lookOf({ LANG: 'ja_JP.UTF-8', NO_COLOR: '1' }), { isColoured: false, glyphs: ascii });
  assert.deepEqual(lookOf({ NO_COLOR: '' }), { isColoured: true, glyphs: ascii });
  const both = { stdin: { isTTY: true }, stdout: { isTTY: true } };
  assert.ok(isLive(both, { TERM: 'xterm' }));
  assert.ok(!isLive(both, { TERM: 'dumb' }));
  assert.ok(!isLive(both, {}));
  assert.ok(!isLive({ ...both, stdout: {} }, { TERM: 'xterm' }));
  assert.ok(!isLive({ ...both, stdin: {} }, { TERM: 'xterm' }));
});

test('a bar has a cell for every class that waits, urgent first, and never more than its width', () => {
  const bar = (waiting: readonly number[], width: number): string =>
    depthBar(waiting, width)
      .map(([part]) => part)
      .join('');
  assert.equal(bar([0, 0, 0, 0, 0, 0, 0], 5), '     ');
  assert.equal(bar([0, 1, 0, 0, 9999, 0, 0], 10), '144444444 ');
  assert.equal(bar([1, 1, 1, 1, 1, 1, 1_000_000], 8), '01234566');
  assert.equal(bar([0, 5, 0, 0, 5, 0, 0], 0), '');
});

test('a sparkline keeps the newest and shows that something is more than nothing', () => {
  assert.equal(sparkline([9, 0, 1, 100], 3, unicode), ' ▁█');
  assert.equal(sparkline([5], 3, ascii), '  %');
});

test('times are short and whole', () => {
  const spoken = [0, 999, 1000, 99_949, 100_000, 245_000, 12_000_000].map((ms) => duration(ms));
  assert.deepEqual(spoken, ['0 ms', '999 ms', '1.0 s', '99.9 s', '1 m 40 s', '4 m 05 s', '3 h 20 m']);
});

test('our own shapes and printable ASCII pass, anything else is a question mark', () => {
  assert.equal(clean('● ok ✓ ~', unicode), '● ok ✓ ~');
  assert.equal(clean('a\x1b[2J\x07é漢😀\u200b\x7f', unicode), 'a?[2J??????');
  assert.equal(clean('● ok', ascii), '? ok');
});

test('the books tell lost from under way, marked repeats from unmarked, and strangers', () => {
  const books = new Books();
  books.sending('A', ['NV', 'OR'], 0);
  books.got('A', 'NV', false, 1);
  books.told('A', 'accepted', 2);
  assert.deepEqual([books.account.owed, books.account.delivered, books.account.missing], [2, 1, 1]);
  books.got('A', 'OR', true, 3);
  books.got('A', 'OR', true, 4);
  assert.deepEqual([books.account.missing, books.account.repeats, books.account.marked], [0, 1, 2]);
  books.got('A', 'NV', false, 5);
  assert.equal(books.account.unmarkedDuplicates, 1);
  books.got('A', 'WA', false, 6);
  books.got('B', 'NV', false, 6);
  assert.equal(books.account.strangers, 2);
});

test('an unknown answer promises nothing, a refusal forbids copies, a notice excuses one', () => {
  const books = new Books();
  for (const control of ['unknown', 'refused', 'noted']) books.sending(control, ['NV', 'OR'], 0);
  books.told('unknown', 'unknown', 1);
  books.noted('unknown');
  books.told('refused', 'refused', 1);
  books.told('noted', 'accepted', 1);
  assert.equal(books.answersDue, 0);
  assert.equal(books.account.missing, 2);
  books.noted('noted');
  assert.equal(books.account.missing, 1);
  books.got('noted', 'NV', false, 2);
  assert.equal(books.account.missing, 0);
  books.got('unknown', 'NV', false, 2);
  assert.equal(books.account.strangers, 0);
  books.got('refused', 'NV', false, 2);
  assert.equal(books.account.strangers, 1);
  books.sending('late', ['NV'], 3);
  books.got('late', 'NV', false, 4);
  assert.equal(books.account.strangers, 1);
  books.told('late', 'refused', 5);
  assert.equal(books.account.strangers, 2);
});

test('an answer is promised by nobody, and a second one of the far side is no duplicate', () => {
  const books = new Books();
  books.sending('A', ['UT0999000'], 0, 'CA0990100');
  books.told('A', 'accepted', 1);
  books.got('A', 'UT0999000', false, 2);
  books.got('A', 'CA0990100', false, 3);
  books.got('A', 'CA0990100', false, 4);
  const { owed, delivered, answered, unmarkedDuplicates, strangers } = books.account;
  assert.deepEqual([owed, delivered, answered, unmarkedDuplicates, strangers], [1, 1, 1, 0, 0]);
});

test('the books stay small, and keep what is still to come', () => {
  const books = new Books(3);
  for (let n = 0; n < 20; n += 1) {
    const control = `N${String(n)}`;
    books.sending(control, ['NV'], n);
    books.told(control, 'accepted', n);
    if (n > 0) books.got(control, 'NV', false, n);
  }
  assert.equal(books.account.missing, 1);
  books.got('N0', 'NV', false, 99);
  const { missing, strangers } = books.account;
  assert.deepEqual([missing, strangers], [0, 0]);
  books.got('N1', 'NV', false, 99);
  assert.equal(books.account.strangers, 1);
});

test('of books full of what is still to come nothing is struck out: nothing more may be sent', () => {
  const books = new Books(20);
  const controls = Array.from({ length: 20 }, (_, n) => `N${String(n)}`);
  for (const control of controls) {
    assert.equal(books.isFull, false);
    books.sending(control, ['NV'], 0);
    books.told(control, 'accepted', 0);
  }
  assert.equal(books.isFull, true);
  // One that was on its way when the books became full.
  books.sending('late', ['NV'], 1);
  books.told('late', 'accepted', 1);
  for (const control of [...controls, 'late']) books.got(control, 'NV', false, 2);
  const { missing, delivered, strangers } = books.account;
  assert.deepEqual([books.isFull, missing, delivered, strangers], [false, 0, 21, 0]);
});

test('a copy lost, one twice without its mark and one too many each spoil the verdict, a notice does not', () => {
  const wellAfter = (happens: (books: Books) => void): boolean => {
    const books = new Books();
    books.sending('A', ['NV', 'OR'], 0);
    books.told('A', 'accepted', 1);
    books.got('A', 'NV', false, 2);
    happens(books);
    return judge(books.account).isWell;
  };
  assert.equal(
    wellAfter((books) => {
      books.got('A', 'OR', false, 3);
    }),
    true,
  );
  assert.equal(
    wellAfter(() => undefined),
    false,
  );
  assert.equal(
    wellAfter((books) => {
      books.noted('A');
    }),
    true,
  );
  for (const place of ['NV', 'WA'])
    assert.equal(
      wellAfter((books) => {
        books.got('A', 'OR', false, 3);
        books.got('A', place, false, 4);
      }),
      false,
    );
});

test('the last word says so when a notice stood for a copy', () => {
  const { account } = view;
  const all = { ...account, owed: 5, delivered: 5 };
  assert.match(lastWord(true, all), /all that was promised arrived, and the record proves it$/);
  assert.match(lastWord(true, { ...all, delivered: 4 }), /arrived or its sender was told, and/);
  assert.equal(lastWord(false, all), 'THE BOOKS DO NOT BALANCE');
});

test('on a screen that is too small the keys are all there', () => {
  const lines = drawScreen(view, { columns: 60, rows: 15 }, plain);
  assert.equal(lines.length, 15);
  for (const key of ['c courier', 'g gateway', 'b bus', 'r recorder', 'u nv-patrol', 'w settle', 'q quit'])
    assert.ok(lines.slice(-4).join('').includes(key), key);
});

test('what an urgent message overtook are those promised before it that came after it, or are still to come', () => {
  const books = new Books();
  for (const control of ['before', 'between', 'never']) {
    books.sending(control, ['NV'], 0);
    books.told(control, 'accepted', 1);
  }
  books.sending('urgent', ['NV'], 2);
  books.got('before', 'NV', false, 3);
  assert.equal(books.overtaken('urgent', 'NV'), 0);
  books.got('urgent', 'NV', false, 4);
  books.got('between', 'NV', false, 5);
  assert.equal(books.overtaken('urgent', 'NV'), 2);
});
