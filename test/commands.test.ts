/** The commands an auditor and an operator type, against a running site and against a folder taken away from it. */
import assert from 'node:assert/strict';
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CadLine } from '../src/simulate/cad/cad-line.ts';
import { Site } from '../src/simulate/site/site.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-commands-'));
const exported = join(folder, 'exported');
let site: Site;

const frame = (text: string): Buffer => Buffer.from(`\x02${text}\x03`);
const messages = [
  'AM.CA0990100.NV0990300.*CMD0000001.TXT\r\nATTN: DISPATCH',
  'RQ.CA0990100.NV.OR.*CMD0000002.TXT\r\nLIC/ZZZ9999.LIY/2026.LIT/PC',
  'AML.CA0990100.H1.*CMD0000003.TXT\r\nATTEMPT TO LOCATE',
];
type Verified = { ok: boolean; findings: { code: string; writer: string; page: number; record?: number }[] };
type Traced = { records: { writer: string; n: number; record: { e: string; id?: string } }[] };

before(async () => {
  site = await Site.start({ folder: join(folder, 'site') });
  const line = await CadLine.connect(site.linePorts.get('ca-dispatch') ?? 0, 'link');
  for (const text of messages) assert.deepEqual(await line.send(frame(text)), [{ kind: 'accepted' }]);
  const [told] = await line.send(frame('RQ.CA0990100.NV.*CMD0000004.TXT\r\nLIC/ZZZ9999'));
  assert.equal(told?.kind, 'refused');
  line.close();
});

after(async () => {
  await site.stop();
  rmSync(folder, { recursive: true });
});

const lines = (text: string): string[] => text.trim().split('\n');
const verifyCopy = async (edit: (copy: string) => void): Promise<{ code: number; report: Verified }> => {
  const copy = mkdtempSync(join(folder, 'copy-'));
  cpSync(exported, copy, { recursive: true });
  edit(copy);
  const { code, stdout } = await site.tenfour([
    'audit',
    'verify',
    copy,
    '--keys',
    join(exported, 'keys'),
    '--json',
  ]);
  return { code, report: JSON.parse(stdout) as Verified };
};

test('the ledger balances and its recount from streams and segments agrees', async () => {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const { code, stdout } = await site.tenfour(['ledger', '--recount', '--json']);
    const ledger = JSON.parse(stdout) as { lanes: Record<string, Record<string, number>> };
    const delivered = Object.values(ledger.lanes).reduce((sum, lane) => sum + (lane['delivered'] ?? 0), 0);
    if (delivered < 4 && performance.now() < deadline) continue;
    assert.equal(code, 0);
    assert.deepEqual([ledger.lanes['point-to-point']?.['in'], ledger.lanes['broadcast']?.['in']], [3, 1]);
    assert.equal(delivered, 4);
    return;
  }
});

test('the live record verifies, from Redis and segments together', async () => {
  const { code, stdout } = await site.tenfour(['audit', 'verify']);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /the record is whole/);
});

test('an export verifies with no Redis and no settings, and trace finds every hop of a message', async () => {
  assert.equal((await site.tenfour(['audit', 'export', exported])).code, 0);
  const { code, report } = await verifyCopy(() => undefined);
  assert.equal(code, 0, JSON.stringify(report));
  const id = acceptedIds()[1] ?? '';
  const traced = JSON.parse((await site.tenfour(['trace', id, '--json'])).stdout) as Traced;
  assert.deepEqual(
    traced.records.map(({ record }) => record.e),
    ['accept', 'deliver', 'deliver'],
  );
  assert.equal((await site.tenfour(['trace', 'nobody-1'])).code, 1);
});

test('a flipped byte in a record is found, and writer, page and record are named', async () => {
  const { code, report } = await verifyCopy((copy) => {
    const path = join(copy, '00000001.pages');
    const pages = readFileSync(path);
    const at = pages.indexOf('"mke":"RQ"') + 8;
    pages[at] = (pages[at] ?? 0) ^ 1;
    writeFileSync(path, pages);
  });
  assert.equal(code, 1);
  const first = report.findings.find(({ code: found }) => found === 'RECORD_CRC');
  assert.ok(
    first !== undefined && first.page > 1 && first.record !== undefined,
    JSON.stringify(report.findings),
  );
});

test('a record that is cut, moved or inserted is found', async () => {
  for (const edit of [
    (rows: string[], at: number) => rows.toSpliced(at, 1),
    (rows: string[], at: number) => rows.toSpliced(at, 1).toSpliced(at + 3, 0, rows[at] ?? ''),
    (rows: string[], at: number) => rows.toSpliced(at, 0, rows[at] ?? ''),
  ]) {
    const { code, report } = await verifyCopy((copy) => {
      const path = join(copy, '00000001.pages');
      const rows = readFileSync(path, 'latin1').split('\n');
      const at = rows.findIndex((row) => row.includes('"e":"accept"'));
      writeFileSync(path, edit(rows, at).join('\n'), 'latin1');
    });
    assert.equal(code, 1);
    assert.ok(report.findings.length > 0);
  }
});

test('a cut tail is claimed against a signed head kept elsewhere', async () => {
  await site.gateway.stop();
  await site.courier.stop();
  await site.recorder.stop();
  const kept = join(folder, 'kept-heads.ndjson');
  copyFileSync(join(site.folder, 'record', 'heads.ndjson'), kept);
  const whole = join(folder, 'whole');
  assert.equal((await site.tenfour(['audit', 'export', whole])).code, 0);
  const path = join(whole, '00000001.pages');
  const pages = readFileSync(path, 'latin1');
  writeFileSync(path, pages.slice(0, pages.indexOf('#page', 1)), 'latin1');
  writeFileSync(join(whole, '00000001.bodies'), '');
  writeFileSync(join(whole, 'heads.ndjson'), '');
  const args = ['audit', 'verify', whole, '--keys', join(exported, 'keys'), '--json'];
  const { code, stdout } = await site.tenfour([...args, '--heads', kept]);
  assert.equal(code, 1);
  const { findings } = JSON.parse(stdout) as Verified;
  assert.ok(
    findings.some(({ code: found }) => found === 'TAIL_MISSING'),
    stdout,
  );
});

test('wrong usage exits 2, a fault exits 3, and neither prints what it choked on', async () => {
  assert.equal((await site.tenfour(['nonsense'])).code, 2);
  assert.equal((await site.tenfour(['trace'])).code, 2);
  const { code, stderr } = await site.tenfour(['audit', 'export', exported]);
  assert.equal(code, 3);
  assert.match(stderr, /^tenfour: CONFIG_INVALID: /);
  assert.equal(lines((await site.tenfour(['help'])).stdout).length > 10, true);
});

function acceptedIds(): string[] {
  const pages = readFileSync(join(exported, '00000001.pages'), 'latin1');
  return [...pages.matchAll(/"e":"accept","id":"([^"]+)"/g)].map(([, id]) => id ?? '');
}
