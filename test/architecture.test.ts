/** The house rules a program can check. What may import what is scripts/import-rules.ts. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, extname, join, sep } from 'node:path';
import { test } from 'node:test';
import { road } from '../src/road.ts';

const root = join(import.meta.dirname, '..');
const codeFolders = ['src', 'test', 'loadtest', 'benchmarks', 'scripts', 'examples'];
const srcLinesMax = 300;
/** Biome breaks code at 110; comments and strings are the writer's to break. */
const columnsMax = 140;

/** Every file below `folder`, as a path from the root with forward slashes. */
function filesIn(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .map((path) => path.split(sep).join('/'));
}

const self = 'test/architecture.test.ts';
const typescript = codeFolders.flatMap(filesIn).filter((file) => file.endsWith('.ts') && file !== self);
const src = typescript.filter((file) => file.startsWith('src/'));
const pages = [...['docs', ...codeFolders].flatMap(filesIn), ...readdirSync(root)].filter(
  (file) => extname(file) === '.md',
);
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/** `file:line` of every line of `files` that `isWrong`; the line itself stays out of the report. */
function places(files: readonly string[], isWrong: (line: string) => boolean): string[] {
  return files.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) => (isWrong(line) ? [`${file}:${String(index + 1)}`] : [])),
  );
}
const matching = (files: readonly string[], pattern: RegExp) => places(files, (line) => pattern.test(line));

test('the checks below read a tree, not an empty folder', () => {
  assert.ok(src.length > 40, `only ${String(src.length)} TypeScript files found in src`);
  assert.ok(pages.length > 3, `only ${String(pages.length)} pages found`);
});

test('the top level holds what readers and tools look for', () => {
  const wanted =
    'src protocols loadtest docs docker k8s test README.md ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md LICENSE package.json tsconfig.json';
  const missing = wanted.split(' ').filter((name) => !existsSync(join(root, name)));
  assert.deepEqual(missing, []);
});

test('every room of the road has its door and a test', () => {
  const missing = road.flatMap(({ room, door }) => {
    const files = filesIn(`src/${room}`);
    return [
      ...(files.includes(`src/${room}/${door}`) ? [] : [`${room}: no ${door}`]),
      ...(files.some((file) => file.endsWith('.test.ts')) ? [] : [`${room}: no test`]),
    ];
  });
  assert.deepEqual(missing, []);
});

test('src/README.md tells the rooms in the order of the road', () => {
  const text = read('src/README.md');
  const places = road.map(({ room }) => text.search(new RegExp(`\\b${room}/`)));
  assert.ok(
    !places.includes(-1),
    `not named: ${road
      .filter((_, at) => places[at] === -1)
      .map(({ room }) => room)
      .join(', ')}`,
  );
  assert.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
  );
});

test('no file or folder has a name that says nothing', () => {
  const empty = new Set(
    'util utils helper helpers common shared core base manager handler handlers processor misc impl'.split(
      ' ',
    ),
  );
  const named = codeFolders
    .flatMap(filesIn)
    .filter((file) => file.split(/[/.-]/).some((word) => empty.has(word)));
  assert.deepEqual(named, []);
});

test('files are named in kebab-case', () => {
  assert.deepEqual(
    typescript.filter((file) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.bench)?\.ts$/.test(basename(file))),
    [],
  );
});

test('no barrels: a file has something to say of its own', () => {
  const onlyPassesOn = (file: string) => {
    const statements = read(file)
      .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
      .split(';')
      .map((text) => text.trim());
    return statements.every((text) => text === '' || /^(export\s[\s\S]*\sfrom\s|import\s)/.test(text));
  };
  const barrels = src.filter((file) => basename(file) === 'index.ts' || onlyPassesOn(file));
  assert.deepEqual(barrels, []);
});

test('no source file has more than 300 lines', () => {
  const long = src.filter(
    (file) => !file.endsWith('.test.ts') && read(file).trimEnd().split('\n').length > srcLinesMax,
  );
  assert.deepEqual(long, []);
});

test('no line is wider than a reader can follow', () => {
  // A long quoted text may stand on one line, so that it can be searched for.
  const isWide = (line: string) => line.length > columnsMax && !/['"`][^'"`]{40,}['"`]/.test(line);
  assert.deepEqual(places(typescript, isWide), []);
});

test('no enum, no any, no TODO without an issue number', () => {
  assert.deepEqual(
    matching(typescript, /^\s*(export )?(declare )?(const )?enum /),
    [],
    'use an `as const` table',
  );
  assert.deepEqual(
    matching(typescript, /\bas any\b|<any>|[:|&] any\b(?! [a-z])|@ts-ignore|@ts-nocheck/),
    [],
    'use unknown and a check',
  );
  assert.deepEqual(matching(typescript, /\b(TODO|FIXME|XXX)\b(?!\(#\d+\))/), [], 'write TODO(#12), or do it');
});

test('no state is named in src: a dialect is data in protocols/', () => {
  const states =
    'Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|' +
    'Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|' +
    'Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|' +
    'Oregon|Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|' +
    'West Virginia|Wisconsin|Wyoming|CLETS|LEDS|NCJIS';
  assert.deepEqual(matching(src, new RegExp(`\\b(${states})\\b`)), []);
});

test('no page or program names a path of one machine', () => {
  const machinePath = /(^|[\s'"`(=])\/(work|home|Users|root|tmp)\//;
  assert.deepEqual(matching([...pages, ...typescript], machinePath), []);
});

test('the lock file names every optional package, for npm ci refuses a file that lacks those of other platforms', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  };
  const missing = Object.values(lock.packages).flatMap(({ optionalDependencies = {} }) =>
    Object.keys(optionalDependencies).filter((name) => !(`node_modules/${name}` in lock.packages)),
  );
  assert.ok(Object.keys(lock.packages).length > 100);
  assert.deepEqual(missing, []);
});
