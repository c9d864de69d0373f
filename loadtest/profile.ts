import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The part of a .cpuprofile that is read here (Chrome DevTools protocol, Profiler.Profile). */
type Profile = {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};

/** Start-up compiles and loads; it is not what a message costs. */
const skipSeconds = Number(process.argv[3] ?? 3);
const rowsMax = 24;
const ROLES = [
  ['gateway', 'src/wiring/inbound.ts'],
  ['courier', 'src/wiring/lane-courier.ts'],
  ['recorder', 'src/audit/segment-store.ts'],
  ['bus', 'src/simulate/service-bus/amqp-door.ts'],
] as const;

/** Which part of the program a function is: a folder of src, a package, or Node itself (then its caller's part takes it). */
const partOf = (url: string): string | undefined => {
  const ours = /\/src\/([^/]+)\/(?:([^/]+)\/)?/.exec(url);
  if (ours !== null) return ours[1] === 'simulate' ? `simulate/${ours[2] ?? ''}` : (ours[1] ?? '');
  return /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
};

const summarize = (file: string): readonly string[] => {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile;
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  );
  const partOfNode = new Map<number, string>();
  const part = (id: number): string => {
    const known = partOfNode.get(id);
    if (known !== undefined) return known;
    const parent = parents.get(id);
    const found =
      partOf(byId.get(id)?.callFrame.url ?? '') ?? (parent === undefined ? 'Node itself' : part(parent));
    partOfNode.set(id, found);
    return found;
  };
  const [parts, functions] = [new Map<string, number>(), new Map<string, number>()];
  let [atUs, busyUs, allUs] = [0, 0, 0];
  for (const [index, id] of profile.samples.entries()) {
    const us = profile.timeDeltas[index] ?? 0;
    atUs += us;
    const frame = byId.get(id)?.callFrame;
    if (frame === undefined || atUs < skipSeconds * 1e6) continue;
    allUs += us;
    const { functionName, url, lineNumber } = frame;
    if (functionName === '(idle)') continue;
    busyUs += us;
    const isCollector = functionName === '(garbage collector)';
    add(parts, isCollector ? functionName : functionName === '(program)' ? 'Node itself' : part(id), us);
    const place =
      url === '' ? '' : ` ${url.replace(/^.*\/(?=src\/|node_modules\/)/, '')}:${String(lineNumber + 1)}`;
    add(functions, `${functionName === '' ? '(native or anonymous)' : functionName}${place}`, us);
  }
  const role = ROLES.find(([, url]) =>
    profile.nodes.some(({ callFrame }) => callFrame.url.endsWith(url)),
  )?.[0];
  const rows = (map: ReadonlyMap<string, number>, most: number): string[] =>
    [...map]
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, most)
      .map(([name, us]) => `${((us / busyUs) * 100).toFixed(1).padStart(6)} %  ${name}`);
  return [
    `${role ?? 'another process'}: busy ${((busyUs / allUs) * 100).toFixed(0)} % of ${(allUs / 1e6).toFixed(1)} s`,
    ' by part, with what Node does for it:',
    ...rows(parts, rowsMax),
    ' by function, itself only:',
    ...rows(functions, rowsMax),
    '',
  ];
};

const add = (map: Map<string, number>, name: string, us: number): void => {
  map.set(name, (map.get(name) ?? 0) + us);
};

const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write('node loadtest/profile.ts DIR [seconds to skip at the start, 3]\n');
  process.exitCode = 2;
} else {
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.cpuprofile'))) {
    for (const line of summarize(join(folder, name))) process.stdout.write(`${line}\n`);
  }
}
