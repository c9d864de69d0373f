import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig, settingRows } from './config.ts';

const rows = settingRows();
const invalid = (says: string) => ({ code: 'CONFIG_INVALID', message: `CONFIG_INVALID: ${says}` });

test('without any setting every one has its default', () => {
  const config = loadConfig({ PATH: 'somewhere' });
  for (const { name, fallback } of rows) {
    assert.equal(String(config[name.replace('TENFOUR_', '') as keyof typeof config]), fallback, name);
  }
  assert.equal(Object.isFrozen(config), true);
});

test('every default is within its own bounds when it is written out', () => {
  const written = Object.fromEntries(rows.map(({ name, fallback }) => [name, fallback]));
  assert.deepEqual(loadConfig(written), loadConfig({}));
});

test('an unknown name with our prefix refuses to start and is named, its value is not', () => {
  for (const name of [
    'TENFOUR_LEASE',
    'TENFOUR_',
    'TENFOUR_lease_ms',
    'TENFOUR_toString',
    'TENFOUR___proto__',
  ]) {
    assert.throws(() => loadConfig({ [name]: 'secret-value' }), invalid(`${name} is not a setting`));
  }
});

test('other names are none of our business', () => {
  assert.deepEqual(loadConfig({ TENFOURX: 'x', tenfour_lease_ms: '1', LEASE_MS: '1' }), loadConfig({}));
});

test('a number outside its bounds, or no number at all, refuses to start; the text names settings, never values', () => {
  const numbers = rows.flatMap(({ name, bounds }) => {
    const [, min, max] = /^(\d+) to (\d+)$/.exec(bounds) ?? [];
    return min === undefined || max === undefined ? [] : [{ name, min, max }];
  });
  assert.ok(numbers.length > 20);
  for (const { name, min, max } of numbers) {
    for (const good of [min, max]) assert.ok(loadConfig({ [name]: good }));
    const below = Number(min) === 0 ? '-1' : String(Number(min) - 1);
    for (const wrong of [
      below,
      String(Number(max) + 1),
      '',
      ' ',
      ' 7000',
      '7000ms',
      '7e3',
      '0x1b58',
      'NaN',
      'Infinity',
      '7000.5',
    ]) {
      assert.throws(
        () => loadConfig({ [name]: wrong }),
        invalid(`out of bounds: ${name}`),
        `${name} ${wrong}`,
      );
    }
  }
});

test('several wrong settings are named together', () => {
  assert.throws(
    () => loadConfig({ TENFOUR_LEASE_MS: 'x', TENFOUR_SLOT: 'Not A Slot', TENFOUR_DURABILITY: 'never' }),
    invalid('out of bounds: TENFOUR_SLOT, TENFOUR_DURABILITY, TENFOUR_LEASE_MS'),
  );
});

test('a slot and an instance are short plain words: they become parts of key names', () => {
  for (const [name, wrong] of [
    ['TENFOUR_SLOT', 's}0'],
    ['TENFOUR_SLOT', ''],
    ['TENFOUR_SLOT', 's0\n'],
    ['TENFOUR_SLOT', 'a'.repeat(17)],
    ['TENFOUR_INSTANCE', 'a b'],
    ['TENFOUR_INSTANCE', ''],
  ] as const) {
    assert.throws(() => loadConfig({ [name]: wrong }), invalid(`out of bounds: ${name}`));
  }
});

test('an address of the bus that holds a password, or is none, refuses to start; those of proxies and end points pass', () => {
  for (const [name, value] of [
    ['BUS_PROXY', 'http://user:secret@proxy:3128'],
    ['BUS_PROXY', 'proxy:3128'],
    ['BUS_ENDPOINT', 'https://host'],
    ['BUS_ENDPOINT', 'sb://host/path'],
    ['BUS_NAMESPACE', 'sb://county-099.servicebus.usgovcloudapi.net'],
  ] as const)
    assert.throws(() => loadConfig({ [`TENFOUR_${name}`]: value }), { code: 'CONFIG_INVALID' }, value);
  const given = {
    TENFOUR_BUS_PROXY: 'http://proxy.example:3128',
    TENFOUR_BUS_ENDPOINT: 'sb://10.0.0.5:5671',
    TENFOUR_BUS_NAMESPACE: 'county-099.servicebus.usgovcloudapi.net',
  };
  const { BUS_PROXY, BUS_ENDPOINT, BUS_NAMESPACE } = loadConfig(given);
  assert.deepEqual([BUS_PROXY, BUS_ENDPOINT, BUS_NAMESPACE], Object.values(given));
});

const page = readFileSync(join(import.meta.dirname, '../../docs/settings.md'), 'utf8');

test('docs/settings.md is what this table says', () => {
  const code = (text: string) => (text === '' ? '' : `\`${text}\``);
  const expected = rows.map(({ name, fallback, bounds, reason }) => {
    const shown = bounds.startsWith('^') ? code(bounds) : bounds;
    return `| ${[code(name), code(fallback), shown, reason].join(' | ')} |`;
  });
  assert.deepEqual(
    page.split('\n').filter((line) => line.startsWith('| `TENFOUR_')),
    expected,
    'a setting changed: write the lines above into docs/settings.md',
  );
});
