import type { IRegularForbiddenRuleType } from 'dependency-cruiser';
import { consulted, road } from '../src/road.ts';

/**
 * What may import what, made from src/road.ts. `comment` says what to do instead. `planted` is an import that must be
 * caught: [file, what it imports]; scripts/check-imports.ts tries each of them, so no rule can fall asleep.
 */
export type ImportRule = IRegularForbiddenRuleType & {
  readonly name: string;
  readonly severity: 'error';
  readonly comment: string;
  readonly planted: readonly [file: string, imported: string];
};

const anyOf = (names: readonly string[]) => `(?:${names.join('|')})`;
const inside = (...folders: string[]) => `^src/${anyOf(folders)}/`;

const rooms = road.map(({ room }) => room);
const pureRooms = road.filter(({ pure }) => pure).map(({ room }) => room);
const roadFile = '^src/road\\.ts$';
/** Tests stand outside the folders they test: they may bring the far side and other rooms, real ones. */
const tests = '\\.test\\.ts$';

/** The npm package `name`, wherever it is installed. */
const npm = (...names: string[]) => `(?:^|/)node_modules/${anyOf(names)}/`;
/** A module of Node itself; dependency-cruiser names them without `node:`. */
const builtIn = (...names: string[]) => `^${anyOf(names)}(?:/|$)`;

/** `folder` may import itself, and of the rest of src only `allowed`. */
const onlyImports = (
  folder: string,
  allowed: readonly string[],
  planted: ImportRule['planted'],
  instead: string,
): ImportRule => ({
  name: `${folder}-imports-only-${allowed.length === 0 ? 'itself' : allowed.join('-')}`,
  severity: 'error',
  comment: instead,
  from: { path: inside(folder), pathNot: tests },
  to: { path: '^src/', pathNot: [inside(folder, ...allowed), roadFile] },
  planted,
});

/** Only `allowed` folders of src may import what `to` describes. */
const onlyFrom = (
  name: string,
  allowed: readonly string[],
  to: ImportRule['to'],
  planted: ImportRule['planted'],
  instead: string,
): ImportRule => ({
  name,
  severity: 'error',
  comment: instead,
  from: { path: '^src/', pathNot: [inside(...allowed), tests] },
  to,
  planted,
});

const folders: readonly ImportRule[] = [
  {
    name: 'rooms-never-import-rooms',
    severity: 'error',
    comment: 'Pass the value through wiring; a type both rooms need belongs in src/message.',
    from: { path: `^src/(${rooms.join('|')})/`, pathNot: tests },
    to: { path: inside(...rooms), pathNot: '^src/$1/' },
    planted: ['src/parse/planted.ts', '../route/route.ts'],
  },
  {
    name: 'rooms-import-only-what-is-consulted',
    severity: 'error',
    comment: `A room knows ${consulted.join(', ')} and message; whatever else it needs, wiring passes in.`,
    from: { path: inside(...rooms), pathNot: tests },
    to: { path: '^src/', pathNot: [inside(...rooms, ...consulted, 'message'), roadFile] },
    planted: ['src/queue/planted.ts', '../audit/audit.ts'],
  },
  {
    name: 'consulted-folders-import-no-rooms',
    severity: 'error',
    comment: 'What is consulted does not know who asks: take the value as an argument.',
    from: { path: inside(...consulted), pathNot: tests },
    to: { path: '^src/', pathNot: [inside(...consulted, 'message'), roadFile] },
    planted: ['src/directory/planted.ts', '../route/route.ts'],
  },
  {
    name: 'message-imports-nothing',
    severity: 'error',
    comment: 'Nouns that travel import nothing: put code that needs something into the folder that has it.',
    from: { path: inside('message'), pathNot: tests },
    to: { pathNot: inside('message') },
    planted: ['src/message/planted.ts', 'node:fs'],
  },
  onlyImports(
    'face',
    ['dialect', 'message'],
    ['src/face/planted.ts', '../directory/directory.ts'],
    'A face writes a message by dialect data; who reads it, and what to do when it cannot, is asked elsewhere.',
  ),
  onlyImports(
    'audit',
    ['message', 'vault', 'telemetry'],
    ['src/audit/planted.ts', '../queue/queue.ts'],
    'Audit takes records as values from wiring; it does not look into rooms or settings.',
  ),
  onlyImports(
    'client',
    ['bus', 'message'],
    ['src/client/planted.ts', '../vault/vault.ts'],
    'Agencies import the client without the switch: copy nothing, use npm packages, src/bus or src/message.',
  ),
  onlyImports(
    'bus',
    ['message'],
    ['src/bus/planted.ts', '../telemetry/log.ts'],
    'Agencies use it too, through the client: it takes values and tells what happened by calls.',
  ),
  onlyImports(
    'simulate',
    ['client', 'message', 'dialect', 'directory', 'vault', 'audit'],
    ['src/simulate/planted.ts', '../parse/parse.ts'],
    'The far side must not share the code it is there to test: write it from the dialect data.',
  ),
  onlyImports(
    'explain',
    ['message', 'dialect', 'directory', 'topology', 'face'],
    ['src/explain/planted.ts', '../parse/parse.ts'],
    'What the rooms make of a message is found in wiring and passed in: src/wiring/dry-run.ts.',
  ),
  onlyImports(
    'board',
    ['message', 'telemetry'],
    ['src/board/planted.ts', '../queue/queue.ts'],
    'The board shows pictures; whatever is in them, wiring takes and passes in.',
  ),
  {
    name: 'page-imports-only-what-a-browser-has',
    severity: 'error',
    comment: 'Browser code knows the shapes it is sent (types of src/board) and uPlot, nothing of Node.',
    from: { path: '^src/board/web/' },
    to: { pathNot: ['^src/board/web/', '^src/board/(picture|trace-view)\\.ts$', npm('uplot')] },
    planted: ['src/board/web/planted.ts', '../events.ts'],
  },
  {
    name: 'nobody-imports-the-page',
    severity: 'error',
    comment: 'Browser code is bundled by scripts/bundle-board.ts and read as a file.',
    from: { path: '^src/', pathNot: '^src/board/web/' },
    to: { path: '^src/board/web/' },
    planted: ['src/board/planted.ts', './web/board.ts'],
  },
  onlyFrom(
    'only-wiring-imports-board',
    ['board', 'wiring', 'cli'],
    { path: inside('board') },
    ['src/telemetry/planted.ts', '../board/picture.ts'],
    'Pictures are made in wiring and shown by the board and the demo.',
  ),
  onlyFrom(
    'only-cli-imports-explain',
    ['explain', 'wiring', 'cli'],
    { path: inside('explain') },
    ['src/telemetry/planted.ts', '../explain/finding.ts'],
    'Pages for people who write dialects are made by commands; the road does not know them.',
  ),
  onlyFrom(
    'only-doors-import-audit',
    ['audit', 'wiring', 'cli', 'simulate'],
    { path: inside('audit') },
    ['src/telemetry/planted.ts', '../audit/audit.ts'],
    'Return what happened; wiring writes the record.',
  ),
  onlyFrom(
    'only-doors-import-simulate',
    ['simulate', 'wiring', 'cli'],
    { path: inside('simulate') },
    ['src/client/planted.ts', '../simulate/redis/redis-server.ts'],
    'Production code does not know the far side; a *.test.ts file may start it.',
  ),
  onlyFrom(
    'only-cli-imports-wiring',
    ['cli', 'wiring'],
    { path: inside('wiring') },
    ['src/queue/planted.ts', '../wiring/inbound.ts'],
    'Take what you need as an argument; wiring calls you.',
  ),
  onlyFrom(
    'nobody-imports-cli',
    ['cli'],
    { path: inside('cli') },
    ['src/wiring/planted.ts', '../cli/tenfour.ts'],
    'Commands are doors, not parts: move the shared piece into wiring.',
  ),
  {
    name: 'no-test-in-production',
    severity: 'error',
    comment: 'Move what both need out of the *.test.ts file.',
    from: { path: '^src/', pathNot: tests },
    to: { path: tests },
    planted: ['src/queue/planted.ts', './queue.test.ts'],
  },
];

const outside: readonly ImportRule[] = [
  onlyFrom(
    'sockets-only-in-listen',
    ['listen', 'simulate'],
    { path: builtIn('net', 'tls'), dependencyTypes: ['core'] },
    ['src/deliver/planted.ts', 'node:net'],
    'Raw sockets live in listen; ask it for a line, or use the client library of your room.',
  ),
  onlyFrom(
    'redis-only-in-queue',
    ['queue', 'simulate/redis'],
    { path: npm('ioredis', 'bullmq') },
    ['src/deliver/planted.ts', 'ioredis'],
    'Redis has one owner: add a function to the queue room and let wiring call it.',
  ),
  onlyFrom(
    'service-bus-only-where-the-bus-is-used',
    ['bus', 'deliver', 'collect', 'topology', 'client'],
    { path: npm('@azure/service-bus') },
    ['src/queue/planted.ts', '@azure/service-bus'],
    'The bus has few owners on our side: add a function to src/bus or its room and let wiring call it.',
  ),
  onlyFrom(
    'bus-access-only-in-bus',
    ['bus', 'simulate'],
    { path: npm('@azure/identity', 'ws', 'https-proxy-agent') },
    ['src/deliver/planted.ts', '@azure/identity'],
    'How the bus is reached is decided in src/bus: take its BusClient.',
  ),
  {
    name: 'pure-rooms-do-no-io',
    severity: 'error',
    comment: 'Pure rooms replay from the record: take the clock, ids and file contents as arguments.',
    from: { path: inside(...pureRooms, 'face'), pathNot: tests },
    to: { dependencyTypes: ['core'], pathNot: builtIn('buffer') },
    planted: ['src/route/planted.ts', 'node:crypto'],
  },
  {
    name: 'pure-rooms-use-no-packages',
    severity: 'error',
    comment: 'A pure room is plain TypeScript over src/message, dialect and directory.',
    from: { path: inside(...pureRooms, 'face'), pathNot: tests },
    to: { path: 'node_modules/', pathNot: 'node_modules/fast-xml-parser/' },
    planted: ['src/validate/planted.ts', 'zod'],
  },
  {
    name: 'one-file-of-the-road-reads-xml',
    severity: 'error',
    comment:
      'The XML library takes much that we refuse: src/parse/xml-library.ts says with which options it may be asked.',
    from: { path: inside(...pureRooms, 'face'), pathNot: [tests, '^src/parse/xml-library\\.ts$'] },
    to: { path: 'node_modules/fast-xml-parser/' },
    planted: ['src/validate/planted.ts', 'fast-xml-parser'],
  },
  {
    name: 'pure-rooms-consult-only-data',
    severity: 'error',
    comment:
      'Keys, settings and metrics come as arguments: a pure room consults only dialect, directory and face.',
    from: { path: inside(...pureRooms), pathNot: tests },
    to: { path: inside(...consulted.filter((name) => !['dialect', 'directory', 'face'].includes(name))) },
    planted: ['src/frame/planted.ts', '../telemetry/telemetry.ts'],
  },
  {
    name: 'no-development-packages-in-src',
    severity: 'error',
    comment:
      'The image installs production packages only: move it to dependencies in package.json, or do without.',
    from: { path: '^src/', pathNot: tests },
    to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    planted: ['src/queue/planted.ts', 'fast-check'],
  },
  {
    name: 'no-import-circles',
    severity: 'error',
    comment: 'Two files that need each other hold one idea, or a third file both can import.',
    from: {},
    to: { circular: true },
    planted: ['src/queue/planted.ts', './planted.ts'],
  },
  {
    name: 'every-import-resolves',
    severity: 'error',
    comment: 'Imports end in .ts and name a file that exists.',
    from: {},
    to: { couldNotResolve: true },
    planted: ['src/queue/planted.ts', './nowhere.ts'],
  },
];

export const importRules: readonly ImportRule[] = [...folders, ...outside];
