import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { lockFolder } from './folder-lock.ts';

const timeout = 60_000;

/** Takes the lock at the word `go`, says what came of it, and keeps it. */
const holder = `
  const { lockFolder } = await import(${JSON.stringify(new URL('folder-lock.ts', import.meta.url).href)});
  process.on('message', () => {
    try { lockFolder(process.argv[1]); process.send('held'); } catch (error) { process.send(error.code); }
  });
  process.send('ready');
`;

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'folder-lock-'));
  context.after(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

async function startHolder(context: TestContext, path: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', holder, path], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  context.after(() => child.kill('SIGKILL'));
  await once(child, 'message');
  return child;
}

async function lock(child: ChildProcess): Promise<unknown> {
  const said = once(child, 'message');
  child.send('go');
  return (await said)[0];
}

test('a folder is locked once, in one process too, and free again when given up', (context) => {
  const path = join(folder(context), 'made', 'here');
  const unlock = lockFolder(path);
  assert.throws(() => lockFolder(path), { code: 'STAND_IN_LOG', message: /another stand-in is running/ });
  unlock();
  unlock();
  lockFolder(path)();
});

test('a folder that cannot be made or locked is said to be so', (context) => {
  const path = join(folder(context), 'taken');
  writeFileSync(path, 'not a folder');
  assert.throws(() => lockFolder(path), { code: 'STAND_IN_LOG', message: /cannot be locked/ });
  const held = join(dirname(path), 'held');
  mkdirSync(join(held, 'bus.lock'), { recursive: true });
  assert.throws(() => lockFolder(held), { code: 'STAND_IN_LOG', message: /cannot be locked/ });
});

test('of processes that start together one has the folder, and when it is killed another takes it', {
  timeout,
}, async (context) => {
  const path = folder(context);
  const children = await Promise.all(Array.from({ length: 4 }, () => startHolder(context, path)));
  const said = await Promise.all(children.map(lock));
  assert.deepEqual(said.toSorted(), ['STAND_IN_LOG', 'STAND_IN_LOG', 'STAND_IN_LOG', 'held']);
  assert.throws(() => lockFolder(path), { code: 'STAND_IN_LOG' });
  const [held] = children.splice(said.indexOf('held'), 1);
  assert.ok(held);
  const gone = once(held, 'exit');
  held.kill('SIGKILL');
  await gone;
  const again = await Promise.all(children.map(lock));
  assert.deepEqual(again.toSorted(), ['STAND_IN_LOG', 'STAND_IN_LOG', 'held']);
});
