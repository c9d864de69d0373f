/** Dialects side by side in one running installation: what a network hands on, mnemonics, and stations of either dialect. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CadLine } from '../src/simulate/cad/cad-line.ts';
import { Site } from '../src/simulate/site/site.ts';
import { metric } from './failure/role-metrics.ts';
import { dialectFolder, sampleDirectory } from './golden/samples.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-dialects-'));
const names = [
  'nlets',
  'ca-dispatch',
  'nv-patrol',
  'clets-dispatch',
  'clets-north',
  'clets-jail',
  'ncic',
  'ncic-bureau',
] as const;
type Name = (typeof names)[number];
const lines = new Map<Name, CadLine>();
const received = new Map<Name, string[]>(names.map((name) => [name, []]));
let site: Site;

before(async () => {
  site = await Site.start({ folder: join(folder, 'site'), directory: sampleDirectory });
  for (const name of names) {
    const onDelivery = (text: string) => {
      received.get(name)?.push(text);
      return 'accept' as const;
    };
    lines.set(name, await CadLine.connect(site.linePorts.get(name) ?? 0, 'link', { onDelivery }));
  }
});
after(async () => {
  for (const line of lines.values()) line.close();
  await site.stop();
  rmSync(folder, { recursive: true });
});

const send = async (name: Name, text: string) => {
  const line = lines.get(name);
  assert.ok(line);
  return line.sendText(text.replaceAll('\n', '\r\n'));
};

/** The only message of this control field that the station gets, by lines. */
const got = (name: Name, control: string): Promise<readonly string[]> => gotWith(name, `*${control}\r\n`);

const gotWith = async (name: Name, part: string): Promise<readonly string[]> => {
  const found = () => received.get(name)?.filter((text) => text.includes(part)) ?? [];
  const deadline = performance.now() + 15_000;
  while (found().length === 0 && performance.now() < deadline) await sleep(10);
  assert.equal(found().length, 1, `${name} ${part}`);
  return (found()[0] ?? '').split('\r\n');
};

const unknownDestinations = () =>
  metric(site.gateway, 'tenfour_refusals_total{line="nlets",code="ROUTE_DESTINATION_UNKNOWN"}');

const relayed = (ori: string, destination: string, control: string) =>
  `RR.${ori}\n14:02 06/15/2026 01873\n14:02 06/15/2026 00412 ${destination}\n*${control}\nTXT\nNOT ON FILE`;

test('what a network hands on reaches a station of either dialect, from whom it was', async () => {
  assert.equal((await send('nlets', relayed('ORDMV0000', 'NV0990400', 'UP1'))).kind, 'accepted');
  const [first, , to, control, mark, body] = await got('nv-patrol', 'UP1');
  assert.deepEqual([first, control, mark, body], ['RR.ORDMV0000', '*UP1', 'TXT', 'NOT ON FILE']);
  assert.match(to ?? '', / NV0990400$/);

  // The other dialect has a header of its own.
  assert.equal((await send('nlets', relayed('ORDMV0000', 'CA0990700', 'UP2'))).kind, 'accepted');
  const [head, from, ...rest] = await got('clets-north', 'UP2');
  assert.match(head ?? '', /^CA0990700 \d\d\/\d\d\/\d{4} \d\d:\d\d \d{5}$/);
  assert.deepEqual([from, ...rest], ['RR.ORDMV0000', '*UP2', 'TXT', 'NOT ON FILE']);
});

test('the same on an ordinary line, or for somebody it does not speak for, is refused', async () => {
  const ordinary = await send('ca-dispatch', relayed('CA0990100', 'NV0990400', 'NO1'));
  assert.ok(ordinary.kind === 'refused');
  assert.match(ordinary.text, /\.77\. NETWORK FORM NOT ALLOWED ON THIS LINE/);
  const stranger = await send('nlets', relayed('CA0990100', 'NV0990400', 'NO2'));
  assert.ok(stranger.kind === 'refused');
  assert.match(stranger.text, /\.68\. ORIGINATING ORI NOT ON THIS LINE/);
});

test('a report of the network that cannot be used is taken and not answered, for the network would report the answer', async () => {
  const before = await unknownDestinations();
  const report = 'ER.NL0000000\n14:11 06/15/2026 01911\n14:11 06/15/2026 00441 CAGWY0000\nTXT\n.22. INVALID';
  // A refusal would stand right behind the ACK.
  assert.equal((await send('nlets', report)).kind, 'accepted');
  assert.equal(await unknownDestinations(), before + 1);
});

test('a joint message reaches each station by its mnemonic', async () => {
  const told = await send('clets-dispatch', 'AM.CA0990100.ZZA1.ZZA2.*JM1.TXT\nATTN: DESK');
  assert.equal(told.kind, 'accepted');
  assert.match((await got('clets-north', 'JM1'))[0] ?? '', /^ZZA1 /);
  assert.match((await got('clets-jail', 'JM1'))[0] ?? '', /^ZZA2 /);
});

test('NCIC is asked in its own form, and what it answers comes back in it', async () => {
  const asked = '1N01GW00000D01.QW.CA0991200.NAM/SAMPLE,PAT Q.DOB/19800229';
  assert.equal((await send('ncic-bureau', `${asked}.`)).kind, 'accepted');
  assert.deepEqual(await gotWith('ncic', 'GW00000D01'), [asked]);
  const hit = 'READ THIS FIRST\n\nMKE/WANTED PERSON\nORI/NV0990300 NIC/W999999999';
  const answer = `1L01GW00000D01\nCA0991200\n\n${hit}`;
  assert.equal((await send('ncic', answer)).kind, 'accepted');
  assert.deepEqual(await gotWith('ncic-bureau', 'GW00000D01'), answer.split('\n'));
  // Nobody asked for this one.
  const notice = '$.8. NOTICE\nORI/CA0991200 NIC/W999999998';
  assert.equal((await send('ncic', notice)).kind, 'accepted');
  assert.deepEqual(await gotWith('ncic-bureau', '$.8.'), ['CA0991200', '', ...notice.split('\n')]);
});

test('a refused entry is told all that is wrong with it in NCIC’s form', async () => {
  const refused = await send('ncic-bureau', '1N01GW00000D02.CV.CA0991200.DCL/2026.NIC/V999999999.OCA/1');
  assert.ok(refused.kind === 'refused');
  assert.deepEqual(refused.text.split('\r\n'), [
    '1L01GW00000D02',
    'CA0991200',
    '',
    'REJ .22. FIELD LENGTH INVALID - DCL AT BYTE 32 LIMIT 8',
    'REJ .22. FIELDS OF THE RECORD NOT FIRST - OCA AT BYTE 56',
  ]);
});

test('a query with an implied destination is accepted, and the books balance', async () => {
  const wire = readFileSync(
    join(dialectFolder('clets'), 'samples/accepted/c2-stolen-vehicle-query/wire.msg'),
  );
  const [told] = (await lines.get('clets-dispatch')?.send(wire)) ?? [];
  assert.equal(told?.kind, 'accepted');
  const ledger = await site.tenfour(['ledger', '--recount']);
  assert.equal(ledger.code, 0, ledger.stdout);
});
