import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { settle, type Settlement } from '../../loadtest/witness/settle.ts';

const root = mkdtempSync(join(tmpdir(), 'tenfour-settle-'));
after(() => {
  rmSync(root, { recursive: true });
});

type Lines = { sent: string[]; told: string[]; got: string[] };

/**
 * A day's books in which all is well: ten messages, one of them to two states, one refused, one unanswered and yet delivered (a
 * gateway died), one delivery repeated with its mark and one with the bus's count.
 */
const good = (): Lines => ({
  sent: [
    ...Array.from({ length: 9 }, (_, at) => `W000000${String(at)} ca-dispatch 1 100`),
    'W0000009 ca-dispatch 2 100',
  ],
  told: [
    ...[0, 1, 2, 3, 4, 5, 9].map((at) => `W000000${String(at)} acked ca-dispatch 110`),
    'W0000006 acked ca-dispatch 110',
    'W0000006 refused ca-dispatch 110',
    'W0000007 nak ca-dispatch 110',
    'W0000008 silent ca-dispatch 120',
  ],
  got: [
    ...[0, 1, 2, 3].map(
      (at) => `g1-${String(at)}-0.1 W000000${String(at)} point-to-point ${String(at + 1)} unmarked 0 130`,
    ),
    'g1-4-0.1 W0000004 broadcast 1 unmarked 0 131',
    'g1-5-0.1 W0000005 point-to-point 5 unmarked 0 132',
    'g1-5-0.1 W0000005 point-to-point 5 marked 0 133',
    'g1-3-0.1 W0000003 point-to-point 4 unmarked 1 134',
    'g1-8-0.1 W0000008 point-to-point 6 unmarked 0 135',
    'g1-9-0.1 W0000009 point-to-point 7 unmarked 0 136',
    'g1-9-1.1 W0000009 point-to-point 8 unmarked 0 136',
  ],
});

let folders = 0;
const folderOf = (lines: Lines): string => {
  folders += 1;
  const folder = mkdtempSync(join(root, `${String(folders)}-`));
  for (const name of ['sent', 'told', 'got'] as const)
    writeFileSync(join(folder, `${name}.txt`), lines[name].map((line) => `${line}\n`).join(''));
  return folder;
};

/** Settles the good books after somebody laid hands on them. */
const doctored = (change: (lines: Lines) => void): Settlement => {
  const lines = good();
  change(lines);
  return settle(folderOf(lines));
};

const faultsIn = (settlement: Settlement): Record<string, readonly string[]> =>
  Object.fromEntries(
    Object.entries(settlement).flatMap(([name, value]) =>
      typeof value === 'object' && 'first' in value && value.total > 0 && name !== 'silentButDelivered'
        ? [[name, value.first]]
        : [],
    ),
  );

const lineWith = (lines: readonly string[], text: string): number => {
  const at = lines.findIndex((line) => line.includes(text));
  assert.ok(at >= 0);
  return at;
};

test('finds nothing in books that are in order, and counts what it read', () => {
  const settlement = doctored(() => undefined);
  assert.deepEqual(faultsIn(settlement), {});
  assert.equal(settlement.ok, true);
  assert.deepEqual(settlement.told, { acked: 7, refused: 1, nak: 1, silent: 1 });
  assert.deepEqual(
    [settlement.sent, settlement.got, settlement.repeats, settlement.unanswered],
    [10, 11, 2, 0],
  );
  assert.deepEqual(settlement.silentButDelivered, { total: 1, first: ['W0000008'] });
});

test('finds an acknowledged message whose delivery was removed, and the hole it left', () => {
  const settlement = doctored(({ got }) => got.splice(lineWith(got, 'W0000002'), 1));
  assert.deepEqual(faultsIn(settlement), { lost: ['W0000002'], holes: ['point-to-point:3'] });
  assert.equal(settlement.ok, false);
});

test('finds that one of two copies is missing', () => {
  const settlement = doctored(({ got }) => got.splice(lineWith(got, 'g1-9-1.1'), 1));
  assert.deepEqual(faultsIn(settlement), { lost: ['W0000009'] });
});

test('finds a delivery that came twice without a mark', () => {
  const settlement = doctored(({ got }) => got.push(got[lineWith(got, 'g1-4-0.1')] ?? ''));
  assert.deepEqual(faultsIn(settlement), { unmarkedDuplicates: ['g1-4-0.1'] });
});

test('finds two deliveries of a lane that changed places', () => {
  const settlement = doctored(({ got }) => {
    const [first, second] = [got[1] ?? '', got[2] ?? ''];
    got.splice(1, 2, second, first);
  });
  assert.deepEqual(faultsIn(settlement), { outOfOrder: ['point-to-point:2 after 3'] });
});

test('does not take a marked repeat for disorder', () => {
  const settlement = doctored(({ got }) =>
    got.push(
      'g1-0-0.1 W0000000 point-to-point 1 marked 0 140',
      'g1-1-0.2 W0000001 point-to-point 2 marked 0 141',
    ),
  );
  assert.deepEqual(faultsIn(settlement), {});
});

test('finds what nobody sent, and what could not be opened', () => {
  const settlement = doctored(({ got }) =>
    got.push('g1-77-0.1 X0000001 broadcast 2 unmarked 0 140', 'g1-78-0.1 - broadcast 3 unmarked 0 140'),
  );
  assert.deepEqual(faultsIn(settlement), { neverSent: ['g1-77-0', 'g1-78-0'] });
});

test('finds a message that was refused, or could not be framed, and came all the same', () => {
  const settlement = doctored(({ got }) =>
    got.push(
      'g1-6-0.1 W0000006 point-to-point 9 unmarked 0 140',
      'g1-7-0.1 W0000007 point-to-point 10 unmarked 0 140',
    ),
  );
  assert.deepEqual(faultsIn(settlement), { refusedButDelivered: ['W0000006', 'W0000007'] });
});

test('finds a message that was accepted twice under different ids', () => {
  const settlement = doctored(({ got }) => got.push('g1-99-0.1 W0000000 point-to-point 9 unmarked 0 140'));
  assert.deepEqual(faultsIn(settlement), { tooManyCopies: ['W0000000'] });
});

test('does not settle books it cannot read, or in which one control field stands for two messages', () => {
  const torn = doctored(({ got }) => {
    got[0] = (got[0] ?? '').slice(0, 20);
  });
  assert.deepEqual(torn.unsound.first, ['got.txt:1']);
  const twice = doctored(({ sent }) => sent.push(sent[0] ?? ''));
  assert.deepEqual(faultsIn(twice), { unsound: ['W0000000'] });
  const stranger = doctored(({ told }) => told.push('Z1 acked ca-dispatch 110'));
  assert.deepEqual(faultsIn(stranger), { unsound: ['Z1 told acked'] });
  for (const { ok } of [torn, twice, stranger]) assert.equal(ok, false);
});

test('is a command as well, whose exit code says whether the books are in order', () => {
  const program = join(import.meta.dirname, '../../loadtest/witness/witness.ts');
  const lines = good();
  const printed = execFileSync(process.execPath, [program, 'settle', folderOf(lines)], { encoding: 'utf8' });
  assert.equal((JSON.parse(printed) as Settlement).ok, true);
  lines.got.pop();
  assert.equal(spawnSync(process.execPath, [program, 'settle', folderOf(lines)]).status, 1);
});
