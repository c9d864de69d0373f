import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../src/simulate/redis/ping.ts';
import { Child, type Site } from '../../src/simulate/site/site.ts';

/** A gateway and the ports of its lines, by name. */
export type Gateway = { readonly child: Child; readonly linePorts: ReadonlyMap<string, number> };

/** The site's gateway, and a second one that serves the same lines on ports of its own; started. */
export async function twoGateways(site: Site): Promise<readonly [Gateway, Gateway]> {
  const directory = join(site.folder, 'directory-two');
  cpSync(join(site.folder, 'directory'), directory, { recursive: true });
  const path = join(directory, 'lines.json');
  const file = JSON.parse(readFileSync(path, 'utf8')) as { lines: { name: string; port: number }[] };
  const taken = new Set(site.linePorts.values());
  for (const line of file.lines) {
    do line.port = await freePort();
    while (taken.has(line.port));
    taken.add(line.port);
  }
  writeFileSync(path, JSON.stringify(file));
  const env = { ...site.env, TENFOUR_INSTANCE: 'two', TENFOUR_DIRECTORY: directory };
  const child = new Child('gateway-two', ['gateway'], env, site.folder);
  await child.start();
  const linePorts = new Map(file.lines.map(({ name, port }) => [name, port]));
  return [
    { child: site.gateway, linePorts: site.linePorts },
    { child, linePorts },
  ];
}
