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

type Lines = { sent: string[]; told: string[]; got: string[]; noted: string[] };

const format = 'format 2';

/**
 * A day's books in which all is well: ten messages for the bus, one of them to two states, one refused, one unanswered and yet delivered
 * (a gateway died), one delivery repeated with its mark and one with the bus's count.
 */
const good = (): Lines => ({
  sent: [
    format,
    ...[0, 1, 2, 3, 5, 6, 7, 8].map((at) => `W000000${String(at)} ca-dispatch point-to-point 100`),
    'W0000004 ca-dispatch broadcast 100',
    'W0000009 ca-dispatch point-to-point,point-to-point 100',
  ],
  told: [
    format,
    ...[0, 1, 2, 3, 4, 5, 9].map((at) => `W000000${String(at)} acked ca-dispatch 110`),
    'W0000006 acked ca-dispatch 110',
    'W0000006 refused ca-dispatch 110',
    'W0000007 nak ca-dispatch 110',
    'W0000008 silent ca-dispatch 120',
  ],
  got: [
    format,
    ...[0, 1, 2, 3].map(
      (at) =>
        `g1-${String(at)}-0.1 W000000${String(at)} RQ point-to-point 2 ${String(at + 1)} unmarked 0 130`,
    ),
    'g1-4-0.1 W0000004 AM broadcast 4 1 unmarked 0 131',
    'g1-5-0.1 W0000005 RQ point-to-point 2 5 unmarked 0 132',
    'g1-5-0.1 W0000005 RQ point-to-point 2 5 marked 0 133',
    'g1-3-0.1 W0000003 RQ point-to-point 2 4 unmarked 1 134',
    'g1-8-0.1 W0000008 AM point-to-point 4 1 unmarked 0 135',
    'g1-9-0.1 W0000009 RQ point-to-point 2 6 unmarked 0 136',
    'g1-9-1.1 W0000009 RQ point-to-point 2 7 unmarked 0 136',
  ],
  noted: [format],
});

const [patrol, sheriff, police] = ['station.nv-patrol', 'station.or-sheriff', 'station.az-police'];

/**
 * And a day with stations: two keys to one station, which overtake each other; one to a station and the bus; one to a group of three
 * stations, of which one is not read here; one repeated with its mark; one that expired, one of which a single copy died, one unanswered
 * that came late; notices of which one was repeated with its mark.
 */
const goodAtStations = (): Lines => ({
  sent: [
    format,
    ...[0, 1, 2, 3].map((at) => `W000000${String(at)} ca-dispatch ${patrol} 100`),
    `W0000004 ca-dispatch ${police},point-to-point 100`,
    `W0000005 ca-dispatch broadcast,${patrol},unread,${police} 100`,
    `W0000006 ca-dispatch ${sheriff} 100`,
    `W0000007 ca-dispatch ${patrol},point-to-point 100`,
    `W1000000 ca-marshal ${patrol} 100`,
    `W1000001 ca-marshal ${patrol} 100`,
  ],
  told: [
    format,
    ...[0, 1, 2, 3, 4, 5, 6, 7].map((at) => `W000000${String(at)} acked ca-dispatch 110`),
    'W1000000 silent ca-marshal 110',
    'W1000001 acked ca-marshal 110',
  ],
  got: [
    format,
    `00001.1 W0000000 AM ${patrol} - - unmarked 0 130`,
    `00003.1 W0000002 YQ ${patrol} - - unmarked 0 131`,
    `00002.1 W0000001 AM ${patrol} - - unmarked 0 132`,
    `00002.1 W0000001 AM ${patrol} - - marked 0 133`,
    `00004.1 W0000003 YQ ${patrol} - - unmarked 0 134`,
    `00005.1 W0000004 AM ${police} - - unmarked 0 135`,
    'g1-4-0.1 W0000004 AM point-to-point 4 1 unmarked 0 135',
    'g1-5-0.1 W0000005 AM broadcast 4 1 unmarked 0 136',
    `00006.1 W0000005 AM ${patrol} - - unmarked 0 136`,
    `00006.1 W0000005 AM ${police} - - unmarked 0 136`,
    'g1-7-1.1 W0000007 AM point-to-point 4 2 unmarked 0 137',
    `00002.1 W1000001 AM ${patrol} - - unmarked 0 138`,
    `00001.1 W1000000 AM ${patrol} - - unmarked 0 139`,
  ],
  noted: [
    format,
    'W0000006 expired - ca-dispatch unmarked 200',
    'W0000006 expired - ca-dispatch marked 201',
    'W0000007 dead NV0990400 ca-dispatch unmarked 202',
  ],
});

let folders = 0;
const folderOf = (lines: Lines): string => {
  folders += 1;
  const folder = mkdtempSync(join(root, `${String(folders)}-`));
  for (const name of ['sent', 'told', 'got', 'noted'] as const)
    writeFileSync(join(folder, `${name}.txt`), lines[name].map((line) => `${line}\n`).join(''));
  return folder;
};

/** Settles the good books after somebody laid hands on them. */
const doctored = (change: (lines: Lines) => void, lines = good()): Settlement => {
  change(lines);
  return settle(folderOf(lines));
};

const doctoredAtStations = (change: (lines: Lines) => void): Settlement => doctored(change, goodAtStations());

const faultsIn = (settlement: Settlement): Record<string, readonly string[]> =>
  Object.fromEntries(
    Object.entries(settlement).flatMap(([name, value]) =>
      typeof value === 'object' && 'first' in value && value.total > 0 && name !== 'silentButDelivered'
        ? [[name, value.first]]
        : [],
    ),
  );

const swap = (lines: string[], one: string, other: string): void => {
  const [at, to] = [lineWith(lines, one), lineWith(lines, other)];
  [lines[at], lines[to]] = [lines[to] ?? '', lines[at] ?? ''];
};

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
  assert.deepEqual(faultsIn(settlement), {
    lost: ['W0000002 point-to-point'],
    holes: ['point-to-point/2:3'],
  });
  assert.equal(settlement.ok, false);
});

test('finds that one of two copies is missing', () => {
  const settlement = doctored(({ got }) => got.splice(lineWith(got, 'g1-9-1.1'), 1));
  assert.deepEqual(faultsIn(settlement), { lost: ['W0000009 point-to-point'] });
});

test('finds a delivery that came twice without a mark', () => {
  const settlement = doctored(({ got }) => got.push(got[lineWith(got, 'g1-4-0.1')] ?? ''));
  assert.deepEqual(faultsIn(settlement), { unmarkedDuplicates: ['g1-4-0.1'] });
});

test('finds two deliveries of a lane that changed places', () => {
  const settlement = doctored(({ got }) => {
    swap(got, 'g1-1-0', 'g1-2-0');
  });
  assert.deepEqual(faultsIn(settlement), { outOfOrder: ['point-to-point/2:2 after 3'] });
});

test('does not take a marked repeat for disorder', () => {
  const settlement = doctored(({ got }) =>
    got.push(
      'g1-0-0.1 W0000000 RQ point-to-point 2 1 marked 0 140',
      'g1-1-0.2 W0000001 RQ point-to-point 2 2 marked 0 141',
    ),
  );
  assert.deepEqual(faultsIn(settlement), {});
});

test('finds what nobody sent, and what could not be opened', () => {
  const settlement = doctored(({ got }) =>
    got.push(
      'g1-77-0.1 X0000001 AM broadcast 4 2 unmarked 0 140',
      'g1-78-0.1 - AM broadcast 4 3 unmarked 0 140',
    ),
  );
  assert.deepEqual(faultsIn(settlement), { neverSent: ['g1-77-0', 'g1-78-0'] });
});

test('finds a message that was refused, or could not be framed, and came all the same', () => {
  const settlement = doctored(({ got }) =>
    got.push(
      'g1-6-0.1 W0000006 RQ point-to-point 2 8 unmarked 0 140',
      'g1-7-0.1 W0000007 RQ point-to-point 2 9 unmarked 0 140',
    ),
  );
  assert.deepEqual(faultsIn(settlement), { refusedButDelivered: ['W0000006', 'W0000007'] });
});

test('finds a message that was accepted twice under different ids', () => {
  const settlement = doctored(({ got }) =>
    got.push('g1-99-0.1 W0000000 RQ point-to-point 2 8 unmarked 0 140'),
  );
  assert.deepEqual(faultsIn(settlement), { tooManyCopies: ['W0000000'] });
});

test('does not settle books it cannot read, or in which one control field stands for two messages', () => {
  const torn = doctored(({ got }) => {
    got[1] = (got[1] ?? '').slice(0, 20);
  });
  assert.deepEqual(torn.unsound.first, ['got.txt:2']);
  const older = doctored(({ noted }) => noted.shift());
  assert.deepEqual(older.unsound.first, ['noted.txt:1']);
  const twice = doctored(({ sent }) => sent.push(sent[1] ?? ''));
  assert.deepEqual(faultsIn(twice), { unsound: ['W0000000'] });
  const stranger = doctored(({ told }) => told.push('Z1 acked ca-dispatch 110'));
  assert.deepEqual(faultsIn(stranger), { unsound: ['Z1 told acked'] });
  for (const { ok } of [torn, older, twice, stranger]) assert.equal(ok, false);
});

test('keeps each class of a topic apart: its own order, and its own holes', () => {
  const mixed = doctored(({ got }) => {
    got.push('g1-10-0.1 W0000010 YQ point-to-point 1 1 unmarked 0 137');
  });
  assert.deepEqual(mixed.outOfOrder.first, [], 'another class begins at one again');
  const settlement = doctored(({ sent, told, got }) => {
    sent.push(
      'W0000010 ca-dispatch point-to-point 100',
      'W0000011 ca-dispatch point-to-point 100',
      'W0000012 ca-dispatch point-to-point 100',
    );
    told.push(...[0, 1, 2].map((at) => `W000001${String(at)} acked ca-dispatch 110`));
    got.push(
      'g1-10-0.1 W0000010 YQ point-to-point 1 1 unmarked 0 137',
      'g1-12-0.1 W0000012 YQ point-to-point 1 4 unmarked 0 137',
      'g1-11-0.1 W0000011 YQ point-to-point 1 2 unmarked 0 137',
    );
  });
  assert.deepEqual(faultsIn(settlement), {
    outOfOrder: ['point-to-point/1:2 after 4'],
    holes: ['point-to-point/1:3'],
  });
});

test('finds nothing at stations whose books are in order, and counts what was noted', () => {
  const settlement = doctoredAtStations(() => undefined);
  assert.deepEqual(faultsIn(settlement), {});
  assert.equal(settlement.ok, true);
  assert.deepEqual(
    [settlement.expired, settlement.dead, settlement.unconfirmed, settlement.repeats],
    [1, 1, 0, 1],
  );
  assert.deepEqual(settlement.silentButDelivered, { total: 1, first: ['W1000000'] });
});

test('finds an acknowledged message that its station never got, also when other copies came', () => {
  const only = doctoredAtStations(({ got }) => got.splice(lineWith(got, 'W0000003'), 1));
  assert.deepEqual(faultsIn(only), { lost: ['W0000003 station.nv-patrol'] });
  const oneOfTwo = doctoredAtStations(({ got }) => got.splice(lineWith(got, 'W0000004 AM station'), 1));
  assert.deepEqual(faultsIn(oneOfTwo), { lost: ['W0000004 station.az-police'] });
  const oneOfGroup = doctoredAtStations(({ got }) =>
    got.splice(lineWith(got, 'W0000005 AM station.nv-patrol'), 1),
  );
  assert.deepEqual(faultsIn(oneOfGroup), { lost: ['W0000005 station.nv-patrol'] });
});

test('finds that a notice was not told, and that one notice does not excuse two missing copies', () => {
  const untold = doctoredAtStations(({ noted }) => noted.splice(lineWith(noted, 'W0000006'), 2));
  assert.deepEqual(faultsIn(untold), { lost: ['W0000006 station.or-sheriff'] });
  const both = doctoredAtStations(({ got, noted }) => {
    got.splice(lineWith(got, 'W0000007'), 1);
    noted.push('W0000007 dead NV0990400 ca-dispatch marked 203');
  });
  assert.deepEqual(both.lost.first, ['W0000007 station.nv-patrol,point-to-point']);
});

test('takes a marked notice alone as a notice: the one it repeats was cut off', () => {
  const settlement = doctoredAtStations(({ noted }) =>
    noted.splice(lineWith(noted, 'W0000006 expired - ca-dispatch unmarked'), 1),
  );
  assert.deepEqual(faultsIn(settlement), {});
  assert.equal(settlement.expired, 1);
  const twoOfFour = doctoredAtStations(({ got, noted }) => {
    got.splice(lineWith(got, 'W0000005 AM station.nv-patrol'), 1);
    got.splice(lineWith(got, 'W0000005 AM station.az-police'), 1);
    noted.push('W0000005 dead - ca-dispatch marked 203', 'W0000005 dead - ca-dispatch unmarked 204');
  });
  assert.deepEqual(faultsIn(twoOfFour), {});
  assert.equal(twoOfFour.dead, 3);
});

test('finds a station that got a message twice without a mark', () => {
  const again = doctoredAtStations(({ got }) => got.push(got[lineWith(got, 'W0000003')] ?? ''));
  assert.deepEqual(faultsIn(again), { unmarkedDuplicates: ['station.nv-patrol/YQ:W0000003'] });
  // Accepted twice: the header's input count differs.
  const twice = doctoredAtStations(({ got }) => got.push(`00009.1 W0000003 YQ ${patrol} - - unmarked 0 140`));
  assert.deepEqual(faultsIn(twice), {
    unmarkedDuplicates: ['station.nv-patrol/YQ:W0000003'],
    tooManyCopies: ['W0000003'],
  });
});

test('finds two messages of a key that changed places at a station, and forgives an unanswered one', () => {
  const swapped = doctoredAtStations(({ got }) => {
    swap(got, 'W0000002', 'W0000003');
  });
  assert.deepEqual(faultsIn(swapped), {
    outOfOrder: ['station.nv-patrol/ca-dispatch/YQ:W0000002 after W0000003'],
  });
  const answered = doctoredAtStations(({ told }) => {
    told[lineWith(told, 'W1000000')] = 'W1000000 acked ca-marshal 110';
  });
  assert.deepEqual(faultsIn(answered), {
    outOfOrder: ['station.nv-patrol/ca-marshal/AM:W1000000 after W1000001'],
  });
});

test('finds a copy whose sender was told that it would not come, unless the copy bears a mark', () => {
  const fresh = `00007.1 W0000006 AM ${sheriff} - - unmarked 0 140`;
  const late = doctoredAtStations(({ got }) => got.push(fresh));
  assert.deepEqual(faultsIn(late), { notedButDelivered: ['W0000006'] });
  const marked = doctoredAtStations(({ got }) => got.push(fresh.replace('unmarked', 'marked')));
  assert.deepEqual(faultsIn(marked), {});
  const oneOfMany = doctoredAtStations(({ noted }) =>
    noted.push(
      'W0000005 dead - ca-dispatch unmarked 203',
      'W0000005 dead AZ0990600 ca-dispatch unmarked 204',
    ),
  );
  assert.deepEqual(faultsIn(oneOfMany), { notedButDelivered: ['W0000005'] });
});

test('finds a message at the wrong station, and a notice on the wrong line, which excuses nothing', () => {
  const strayed = doctoredAtStations(({ got }) =>
    got.push(`00001.1 W0000000 AM ${sheriff} - - unmarked 0 140`),
  );
  assert.deepEqual(faultsIn(strayed), { misrouted: ['W0000000 station.or-sheriff'] });
  const elsewhere = doctoredAtStations(({ noted }) => {
    noted[lineWith(noted, 'W0000007')] = 'W0000007 dead NV0990400 ca-marshal unmarked 202';
  });
  assert.deepEqual(faultsIn(elsewhere), {
    lost: ['W0000007 station.nv-patrol'],
    misrouted: ['W0000007 noted elsewhere'],
  });
});

test('finds notices of what nobody sent, of what was refused, and one too many', () => {
  const settlement = doctoredAtStations(({ told, got, noted }) => {
    told.push('W0000003 refused ca-dispatch 111');
    got.splice(lineWith(got, 'W0000003'), 1);
    noted.push(
      'W0000003 dead - ca-dispatch unmarked 210',
      'X0000001 dead - ca-dispatch unmarked 210',
      'W0000006 expired - ca-dispatch unmarked 211',
    );
  });
  assert.deepEqual(faultsIn(settlement), {
    unmarkedDuplicates: ['W0000006 noted'],
    neverSent: ['X0000001 noted'],
    refusedButDelivered: ['W0000003'],
  });
});

test('takes an unconfirmed notice for what it says: the copy is not lost when it is missing, and no contradiction when it came', () => {
  const note = (control: string, marked = 'unmarked'): string =>
    `${control} unconfirmed - ca-dispatch ${marked} 203`;
  const missing = doctoredAtStations(({ got, noted }) => {
    got.splice(lineWith(got, 'W0000003'), 1);
    noted.push(note('W0000003'));
  });
  assert.deepEqual(faultsIn(missing), {});
  assert.deepEqual([missing.ok, missing.expired, missing.dead, missing.unconfirmed], [true, 1, 1, 1]);
  const came = doctoredAtStations(({ noted }) => noted.push(note('W0000003'), note('W0000003', 'marked')));
  assert.deepEqual(faultsIn(came), {});
  assert.equal(came.unconfirmed, 1);
  // One copy died, the other came and was noted all the same.
  const besideDead = doctoredAtStations(({ noted }) => noted.push(note('W0000007')));
  assert.deepEqual(faultsIn(besideDead), {});
});

test('finds that an unconfirmed notice excuses one copy only, hides no copy that came against another notice, and is told once', () => {
  const two = doctoredAtStations(({ got, noted }) => {
    got.splice(lineWith(got, 'W0000005 AM station.nv-patrol'), 1);
    got.splice(lineWith(got, 'W0000005 AM station.az-police'), 1);
    noted.push('W0000005 unconfirmed - ca-dispatch unmarked 203');
  });
  assert.deepEqual(faultsIn(two), { lost: ['W0000005 station.nv-patrol,station.az-police'] });
  const both = doctoredAtStations(({ got, noted }) => {
    got.push(`00007.1 W0000007 AM ${patrol} - - unmarked 0 140`);
    noted.push('W0000007 unconfirmed - ca-dispatch unmarked 203');
  });
  assert.deepEqual(faultsIn(both), { notedButDelivered: ['W0000007'] });
  const twice = doctoredAtStations(({ noted }) =>
    noted.push('W0000006 unconfirmed - ca-dispatch unmarked 203'),
  );
  assert.deepEqual(faultsIn(twice), { unmarkedDuplicates: ['W0000006 noted'] });
  const elsewhere = doctoredAtStations(({ got, noted }) => {
    got.splice(lineWith(got, 'W0000003'), 1);
    noted.push('W0000003 unconfirmed - ca-marshal unmarked 203');
  });
  assert.deepEqual(faultsIn(elsewhere), {
    lost: ['W0000003 station.nv-patrol'],
    misrouted: ['W0000003 noted elsewhere'],
  });
  const refused = doctoredAtStations(({ told, got, noted }) => {
    told.push('W0000003 refused ca-dispatch 111');
    got.splice(lineWith(got, 'W0000003'), 1);
    noted.push(
      'W0000003 unconfirmed - ca-dispatch unmarked 203',
      'X0000001 unconfirmed - ca-dispatch unmarked 203',
    );
  });
  assert.deepEqual(faultsIn(refused), {
    neverSent: ['X0000001 noted'],
    refusedButDelivered: ['W0000003'],
  });
});

test('is a command as well, whose exit code says whether the books are in order', () => {
  const program = join(import.meta.dirname, '../../loadtest/witness/witness.ts');
  const lines = good();
  const printed = execFileSync(process.execPath, [program, 'settle', folderOf(lines)], { encoding: 'utf8' });
  assert.equal((JSON.parse(printed) as Settlement).ok, true);
  lines.got.pop();
  assert.equal(spawnSync(process.execPath, [program, 'settle', folderOf(lines)]).status, 1);
});
