import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { openBody, readKeys } from '../loadtest/witness/opened-body.ts';
import { startRedis } from '../src/simulate/redis/redis-server.ts';
import { drain } from '../src/simulate/service-bus/raw-drain.ts';
import type { Site } from '../src/simulate/site/site.ts';
import { untilRecorded } from './failure/audit-records.ts';
import { CanarySearch } from './failure/canary-search.ts';
import { framed, RawLine } from './failure/raw-line.ts';
import { metricsText } from './failure/role-metrics.ts';
import { busStats, shortTimes, untilDelivered, withSite } from './failure/trial.ts';

/** Eight letters that stand for a name or a plate: short enough for a control field, too long to turn up by chance. */
const word = 'QJXKWZVB';
const search = new CanarySearch(word);
const frameTimeoutMs = 700;
const rounds = 3;
const commandsAtOnce = 4;
const scratch = mkdtempSync(join(tmpdir(), 'tenfour-canary-'));
after(() => {
  rmSync(scratch, { recursive: true });
});

test('the search finds the canary in every form, in contents and in names, and nothing where there is none', () => {
  const folder = join(scratch, 'control');
  mkdirSync(join(folder, 'deep'), { recursive: true });
  const noise = Buffer.from('\x00\xff some bytes around it ', 'latin1');
  const around = (bytes: Buffer | string): Buffer => Buffer.concat([noise, Buffer.from(bytes), noise]);
  const forms: Record<string, Buffer> = {
    plain: around(`LIC/${word}`),
    lower: around(word.toLowerCase()),
    utf16: around(Buffer.from(word, 'utf16le')),
    hex: around(Buffer.from(word).toString('hex')),
  };
  for (const before of ['', 'a', 'bc', 'def'])
    for (const encoding of ['base64', 'base64url'] as const)
      forms[`${encoding}-${String(before.length)}`] = around(
        Buffer.from(`${before}${word}?>~`).toString(encoding),
      );
  for (const [name, bytes] of Object.entries(forms)) writeFileSync(join(folder, 'deep', name), bytes);
  writeFileSync(join(folder, `about-${word}.txt`), 'nothing inside');
  writeFileSync(join(folder, 'innocent'), around('QJXKWZV and BQJXKWZ'));

  const { found, files } = search.inFolder(folder);
  const culprits = found.map((line) => line.split(':')[0] ?? '').map((path) => path.split('/').at(-1));
  assert.deepEqual(culprits.toSorted(), [...Object.keys(forms), `about-${word}.txt`].toSorted());
  assert.equal(files, Object.keys(forms).length + 2);
});

test('the search finds the canary in every kind of Redis key', async () => {
  const server = await startRedis({ dir: join(scratch, 'redis'), fsync: 'everysec' });
  const redis = new Redis(server.url);
  try {
    const plants: readonly (readonly [string, string, ...string[]])[] = [
      ['SET', 'control', `x${word}`],
      ['HSET', 'control', 'field', word],
      ['SADD', 'control', word],
      ['RPUSH', 'control', word],
      ['ZADD', 'control', '1', word],
      ['XADD', 'control', '*', 'field', word],
      ['SET', `control-${word}`, 'x'],
    ];
    for (const [command, key, ...rest] of plants) {
      await redis.call(command, key, ...rest);
      assert.equal((await search.inRedis(server.url)).found.length, 1, `${command} ${key}`);
      await redis.del(key);
    }
    await redis.set('innocent', 'x');
    assert.deepEqual(await search.inRedis(server.url), { found: [], keys: 1 });
  } finally {
    redis.disconnect();
    await server.stop();
  }
});

const header = (rest: string): string => `RQ.CA0990100.AZ.${rest}`;
const plate = `LIC/${word}7.LIY/2026.LIT/PC`;

/** Messages that pass: the canary where a plate, a name, a free text and a sender's own reference stand. */
const accepted: readonly string[] = [
  header(`*${word}01.TXT\r\n${plate}`),
  `RQ.CA0990100.NV.OR.*${word}02.TXT\r\n${plate}`,
  `DQ.CA0990100.AZ.*${word}03.TXT\r\nNAM/${word},PAT Q.DOB/19800229.SEX/M`,
  `AM.CA0990100.NV0990300.*${word}04.TXT\r\nLOOK OUT FOR ${word} IN A ${word} SEDAN`,
  `AM.CA0990100.GBN02.*${word}05.TXT\r\nALL CARS: ${word}`,
];

/** Messages that do not, each for another reason, with the canary in whatever part is at fault or near it. */
const refused: readonly string[] = [
  header(`*${word}06.TXT\r\nLIC/${word}7.LIT/PC`),
  header(`*${word}07.TXT\r\nLIC/${word}7.LIY/${word}.LIT/${word}`),
  header(`*${word}08.TXT\r\n${word}/${word}.${plate}`),
  header(`*${word}09.TXT\r\n${word} WITHOUT A SLASH`),
  header(`*${word}10.TXT\r\n${plate}.${plate}`),
  header(`*${word}IS TOO LONG.TXT\r\n${plate}`),
  header(`*${word}.*.TXT\r\n${plate}`),
  header(word),
  header(`TXT\r\nLIC/${word}\x07`),
  `RQ.${word}1.AZ.TXT\r\n${plate}`,
  `RQ.${word}.AZ.TXT\r\n${plate}`,
  `${word}.CA0990100.AZ.TXT\r\n${plate}`,
  `RQ.CA0990100.${word}.TXT\r\n${plate}`,
  `AM.CA0990100.${word}2.TXT\r\n${word}`,
  `AM.CA0990100.NV0990300.${word}2.TXT\r\n${word}`,
  word,
  `${word}.${word}.${word}.${word}`,
];

/** What is no frame at all. */
const unframed: readonly string[] = [
  `${word} OUTSIDE OF ANY FRAME`,
  framed(`RQ.CA0990100.AZ.TXT\r\n${word}`.padEnd(40_000, word)),
  `\x02${word}\x02RQ.CA0990100.AZ.*${word}11.TXT\r\n${plate}\x03`,
  `${word}\x03`,
];

/** Everything on every kind of line; answers come back to the sender alone, who may see its own words. */
async function plant(site: Site): Promise<void> {
  for (const [name, own] of [
    ['ca-dispatch', 'CA0990100'],
    ['nv-sheriff', 'NV0990300'],
    ['nv-system', 'NV0999000'],
  ] as const) {
    const line = await RawLine.open(site, name);
    const mine = (content: string): string => content.replaceAll('CA0990100', own);
    for (const content of [...accepted, ...refused]) line.send(framed(mine(content)));
    for (const bytes of unframed) line.send(mine(bytes));
    await line.until(
      () =>
        line.answers.some((answer) => answer.kind === 'frame' && search.formIn(answer.text) !== undefined),
      'the sender reads its own words in a refusal',
    );
    line.send(`\x02${header(word)}`);
    await line.closed();
  }
}

test('a name or a plate stands nowhere but on its sender’s line and in the body its receiver opens', {
  timeout: 60_000,
}, async (t) => {
  const settings = { ...shortTimes, TENFOUR_LOG_LEVEL: 'debug', TENFOUR_REFUSALS_PER_SECOND_MAX: '1000' };
  const editLine = (line: Record<string, unknown>): void => {
    line['frameTimeoutMs'] = frameTimeoutMs;
  };
  let folder = '';
  await withSite({ settings, editLine, isBusDurable: true }, async (site) => {
    ({ folder } = site);
    const bystander = await RawLine.open(site, 'ca-marshal');
    let heard = '';
    bystander.socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
    const sinks: Record<string, string | Buffer> = {};

    await plant(site);
    // What breaks talks most: the same again while the bus and Redis fail and come back.
    await site.bus.kill9();
    await plant(site);
    await site.bus.start();
    site.redis.kill9();
    await site.redis.restart();
    await plant(site);
    bystander.send(framed('RQ.CA0990200.AZ.TXT\r\nLIC/ZZZ9999.LIY/2026.LIT/PC') + '\x03');
    bystander.send(framed('RQ.CA0990200.AZ.TXT\r\nLIC/ZZZ9999.LIT/PC'));
    await bystander.answered(4);
    bystander.close();
    sinks['the line of somebody else'] = heard;

    // Not before a reader has them: an empty bus would prove nothing.
    const keys = readKeys(site.busKeyFile);
    const bodies: Buffer[] = [];
    const envelopes: Buffer[] = [];
    const readers = ['point-to-point', 'broadcast'].map((topic) =>
      drain({
        port: site.busPort,
        address: `${topic}/Subscriptions/all`,
        credit: 100,
        onMessage: (body, raw) => {
          bodies.push(Buffer.from(body));
          envelopes.push(Buffer.from(raw));
        },
      }),
    );
    const redisBefore = await search.inRedis(site.redis.url);
    await untilDelivered(site);
    for (const reader of readers) await reader.stop();
    sinks['bus messages, envelope and properties and all'] = Buffer.concat(envelopes);
    const opened = await Promise.all(bodies.map((body) => openBody(body, keys)));
    const withCanary = opened.filter((body) => search.formIn(body) === 'upper case').length;
    assert.ok(
      withCanary >= 3 * accepted.length,
      `only ${String(withCanary)} bodies hold it: nothing was proven`,
    );

    const records = await untilRecorded(
      site,
      (all) => all.filter(({ e }) => e === 'refuse').length >= rounds * refused.length * 3,
      'the refusals of all rounds',
    );
    sinks['audit records'] = JSON.stringify(records);
    const one = records.find((record) => record.e === 'accept');
    const no = records.filter((record) => record.e === 'refuse');
    assert.ok(one?.e === 'accept');
    const commands: readonly (readonly string[])[] = [
      ['ledger'],
      ['ledger', '--recount', '--json'],
      ['audit', 'verify'],
      ['audit', 'verify', '--json'],
      ['audit', 'export', join(site.folder, 'export')],
      ['trace', one.id],
      ['trace', one.id, '--json'],
      ...no
        .slice(0, refused.length)
        .flatMap((record) => (record.id === undefined ? [] : [['trace', record.id]])),
    ];
    for (let at = 0; at < commands.length; at += commandsAtOnce) {
      await Promise.all(
        commands.slice(at, at + commandsAtOnce).map(async (args) => {
          const { code, stdout, stderr } = await site.tenfour(args);
          assert.equal(code, 0, `${args.join(' ')}: ${stderr} ${stdout}`);
          sinks[`tenfour ${args.join(' ')}`] = stdout + stderr;
        }),
      );
    }
    for (const child of [site.gateway, site.courier, site.recorder])
      sinks[`/metrics of ${child.name}`] = await metricsText(child);
    sinks['stats of the stand-in'] = JSON.stringify(await busStats(site));

    for (const [name, sink] of Object.entries(sinks)) {
      assert.ok(sink.length > 20, `${name} is empty: nothing was searched`);
      assert.equal(search.formIn(sink), undefined, name);
    }
    const redisAfter = await search.inRedis(site.redis.url);
    assert.deepEqual([redisBefore.found, redisAfter.found], [[], []]);
    assert.ok(redisBefore.keys > 5 && redisAfter.keys > 5);
    await sleep(100);
    // Logs, Redis's append-only file, segments, heads, the stand-in's log, keys, export: the whole folder, names too.
    const files = search.inFolder(folder);
    t.diagnostic(
      `${String(files.files)} files, ${String(files.bytes)} bytes, ${String(withCanary)} bodies opened`,
    );
    assert.deepEqual(files.found, []);
    for (const part of ['redis/appendonly', 'record', 'bus-data', 'export'])
      assert.ok(search.inFolder(join(folder, part)).bytes > 10_000, `${part} is empty: nothing was searched`);
    await site.stop();
    assert.deepEqual(search.inFolder(folder).found, []);
  });
});
