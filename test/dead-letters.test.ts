/** Dead letters as an operator meets them: a station refuses, its senders are told, and the letters go back when it is well. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { codes } from '../src/message/codes.ts';
import { CadLine, type Verdict } from '../src/simulate/cad/cad-line.ts';
import { Site } from '../src/simulate/site/site.ts';

const COUNT = 1500;
const folder = mkdtempSync(join(tmpdir(), 'tenfour-dead-'));
const program = join(import.meta.dirname, '../src/cli/tenfour.ts');
const received = new Map<string, number>();
let site: Site;
let redis: Redis;
let sheriff: CadLine;
let dispatch: CadLine;
let says: Verdict = 'refuse';
let notices = 0;

before(async () => {
  site = await Site.start({ folder: join(folder, 'site') });
  redis = new Redis(site.redis.url);
  sheriff = await CadLine.connect(site.linePorts.get('or-sheriff') ?? 0, 'application', {
    ori: 'OR0990500',
    onDelivery: (text) => {
      const [, control = ''] = /^\*(DL\w+)/m.exec(text) ?? [];
      if (says === 'accept') received.set(control, (received.get(control) ?? 0) + 1);
      return says;
    },
  });
  dispatch = await CadLine.connect(site.linePorts.get('ca-dispatch') ?? 0, 'link', {
    onDelivery: (text) => {
      if (text.includes(codes.DELIVER_DEAD.status)) notices += 1;
      return 'accept';
    },
  });
});
after(async () => {
  redis.disconnect();
  sheriff.close();
  dispatch.close();
  await site.stop();
  rmSync(folder, { recursive: true });
});

const dead = (): Promise<number> => redis.xlen('{s0}:dead');
const until = async (what: string, isSo: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + 30_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within 30 s`);
    await sleep(20);
  }
};
const run = async (...args: string[]): Promise<{ code: number; json: Record<string, unknown> }> => {
  const { code, stdout } = await site.tenfour(['dead', ...args, '--json']);
  return { code, json: JSON.parse(stdout) as Record<string, unknown> };
};

test('what a station rejects is a dead letter, whole, and its sender is told', async () => {
  const controls = Array.from({ length: COUNT }, (_, n) => `DL${String(n).padStart(8, '0')}`);
  const frames = controls.map((control) => `\x02AM.CA0990100.OR0990500.*${control}.TXT\r\nREFER TO CASE\x03`);
  const told = await dispatch.send(Buffer.from(frames.join('')), COUNT);
  assert.ok(told.every(({ kind }) => kind === 'accepted'));
  await until('all are dead', async () => (await dead()) === COUNT);
  await until('every sender is told', () => notices === COUNT);
  const { json } = await run('ls', '--limit', '3');
  assert.equal(json['total'], COUNT);
  const [letter] = json['letters'] as Record<string, unknown>[];
  assert.equal(letter?.['lane'], 'station.or-sheriff-cad');
  assert.equal(letter['code'], 'DELIVER_REJECTED');
  assert.equal(letter['messageKey'], 'AM');
  assert.equal(letter['generation'], 1);
  const shown = await run('show', String(letter['delivery']));
  assert.deepEqual(shown.json, letter);
  assert.equal((await site.tenfour(['dead', 'show', 'nobody-1-0'])).code, 1);
  assert.equal((await site.tenfour(['dead', 'redrive'])).code, 2, 'all of them only when asked for by name');
});

test('a dry run says what would be done and does nothing', async () => {
  const { json } = await run('redrive', '--lane', 'station.or-sheriff-cad', '--dry-run');
  assert.deepEqual(json, { dryRun: true, wouldRedrive: COUNT, lanes: { 'station.or-sheriff-cad': COUNT } });
  assert.deepEqual((await run('redrive', '--code', 'DELIVER_NAK', '--dry-run')).json['wouldRedrive'], 0);
  assert.equal(await dead(), COUNT);
});

test('a redrive that is killed on its way loses nothing and doubles nothing; the next one goes on', async (t) => {
  says = 'accept';
  let kills = 0;
  while ((await dead()) > 0) {
    const before = await dead();
    const child = spawn(process.execPath, [program, 'dead', 'redrive', '--all', '--by', 'test'], {
      env: { ...process.env, ...site.env },
      stdio: 'ignore',
    });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
    // The third one may finish.
    while (isRunning() && (kills >= 2 || (await dead()) === before)) await sleep(1);
    if (isRunning() && child.kill('SIGKILL')) kills += 1;
    await exited;
  }
  t.diagnostic(`killed ${String(kills)} times`);
  assert.ok(kills > 0, 'at least one was killed with letters put back and letters left');
  await until('all arrived', () => received.size === COUNT);
  await sleep(200);
  assert.ok([...received.values()].every((times) => times === 1));
  const ledger = await site.tenfour(['ledger', '--recount', '--json']);
  assert.equal(ledger.code, 0, ledger.stdout);
  const { lanes } = JSON.parse(ledger.stdout) as { lanes: Record<string, Record<string, number>> };
  const { in: into, delivered, dead: died, waiting } = lanes['station.or-sheriff-cad'] ?? {};
  assert.deepEqual(
    { into, delivered, died, waiting },
    { into: 2 * COUNT, delivered: COUNT, died: COUNT, waiting: 0 },
  );
  const verified = await site.tenfour(['audit', 'verify']);
  assert.equal(verified.code, 0, verified.stdout);
});

test('the trace of a redriven delivery tells its whole way', async () => {
  says = 'refuse';
  const [told] = await dispatch.send(
    Buffer.from('\x02AM.CA0990100.OR0990500.*DLTRACE001.TXT\r\nONCE MORE\x03'),
  );
  assert.equal(told?.kind, 'accepted');
  await until('it is dead', async () => (await dead()) === 1);
  says = 'accept';
  const { json } = await run('ls');
  const [letter] = json['letters'] as Record<string, unknown>[];
  assert.deepEqual((await run('redrive', String(letter?.['id']))).json, { redriven: 1, left: 0 });
  await until('it arrived', () => received.has('DLTRACE001'));
  await until(
    'it is settled',
    async () => (await redis.hget('{s0}:lane:station.or-sheriff-cad:m', 'delivered')) === String(COUNT + 1),
  );
  const { stdout } = await site.tenfour(['trace', String(letter?.['delivery'])]);
  const hops = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/)[1]);
  assert.deepEqual(hops.toSorted(), ['accepted', 'dead', 'delivered', 'notice', 'redriven']);
});
