import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules, findPackageJSON } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const folder = import.meta.dirname;

/** Where every import, export from and import() of a source text leads. */
const importsIn = (source: string): readonly string[] =>
  Array.from(
    source.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])([^'"\n]+)\1/g),
    ([, , name = '']) => name,
  );

function leavesFolder(file: string, name: string): boolean {
  if (name.startsWith('.')) return relative(folder, resolve(dirname(file), name)).startsWith('..');
  // A package is fine; so is what Node has, under its full name.
  return (
    (!name.startsWith('node:') && builtinModules.includes(name)) ||
    name.startsWith('/') ||
    name.startsWith('file:')
  );
}

test('the folder can be lifted out: its programs import nothing from outside it but packages and node:', () => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(folder, name));
  const found = files.flatMap((file) =>
    importsIn(readFileSync(file, 'utf8')).map((name) => ({ file, name })),
  );
  assert.ok(files.length > 60 && found.length > 200, 'it has looked');
  const leaving = found.filter(({ file, name }) => leavesFolder(file, name));
  assert.deepEqual(leaving, []);
});

test('an import that leaves the folder would be found, whatever its form', () => {
  const file = join(folder, 'faults', 'some.ts');
  const source = `
    import { a } from '../../../message/codes.ts';
    import type { B } from "../../redis/ping.ts";
    export { c } from '../../x.ts';
    const d = await import('../../../y.ts');
    import '../../z.ts';
    import { readFile } from 'fs';
    import { Room } from '../room.ts';
    import { z } from 'zod';
    import { join } from 'node:path';`;
  const leaving = importsIn(source).filter((name) => leavesFolder(file, name));
  assert.equal(leaving.length, 6);
});

/** What the README says to install. */
function packagesNamed(): readonly string[] {
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  const [, named = ''] = /but the packages ([^(]*)\(/.exec(readme) ?? [];
  return Array.from(named.matchAll(/`([^`]+)`/g), ([, name = '']) => name);
}

test('copied elsewhere, with no packages but those the README names, it starts, takes a message and gives it', async (context) => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'lifted-'));
  context.after(() => {
    rmSync(elsewhere, { recursive: true });
  });
  const isProgram = (name: string) => !name.endsWith('.test.ts');
  cpSync(folder, join(elsewhere, 'bus'), { recursive: true, filter: isProgram });
  for (const name of packagesNamed()) {
    const place = join(elsewhere, 'node_modules', name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(dirname(findPackageJSON(name, import.meta.url) ?? ''), place);
  }
  writeFileSync(join(elsewhere, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    join(elsewhere, 'start.ts'),
    `import { ServiceBusClient } from '@azure/service-bus';
    import { connectionString, parseEmulatorConfig, startServiceBus } from './bus/service-bus.ts';
    import './bus/admin/plain-http.ts';
    import { keptTlsPair } from './bus/tls-certificate.ts';
    const config = parseEmulatorConfig({ UserConfig: { Namespaces: [{ Name: 'n', Queues: [{ Name: 'q' }] }] } });
    const tls = await keptTlsPair('tls', Date.now());
    const bus = await startServiceBus({ port: 0, config, dataDir: 'data', tls });
    const client = new ServiceBusClient(connectionString(bus.port));
    await client.createSender('q').sendMessages({ body: 'lifted' });
    const [message] = await client.createReceiver('q', { receiveMode: 'receiveAndDelete' }).receiveMessages(1);
    await client.close();
    await bus.stop();
    console.log(message.body);`,
  );
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['start.ts'], { cwd: elsewhere, timeout: 60_000 });
  assert.equal(stdout, 'lifted\n');
});
