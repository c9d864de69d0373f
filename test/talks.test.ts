/** Conversations of protocols/<dialect>/conversations, played on real sockets against a whole installation. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { playTalk } from './talk/play-talk.ts';
import { readTalk, type Talk } from '../src/explain/talk-file.ts';
import { TalkSite, talks } from './talk/talk-site.ts';

const waitMs = () => 10_000;
const folder = mkdtempSync(join(tmpdir(), 'tenfour-talks-'));
const all = talks();
let site: TalkSite;

before(async () => {
  site = await TalkSite.start(folder, all);
});
after(async () => {
  const codes = await site.stop();
  // Before the logs are gone: a talk that failed because a process did would be looked for in vain.
  const ended = site.site.children.filter(({ name }) => codes[name] !== 0);
  const logs = ended.map(({ name, logPath }) => `${name}\n${readFileSync(logPath, 'utf8').slice(-2000)}`);
  rmSync(folder, { recursive: true });
  assert.deepEqual(logs, []);
});

for (const talk of all) {
  test(`${talk.file}: ${talk.title}`, async () => {
    await playTalk(talk, site, waitMs);
  });
}

test('the conversation that protocols/README.md shows goes as it says', async () => {
  const page = readFileSync(join(import.meta.dirname, '../protocols/README.md'), 'utf8');
  const [, shown = ''] = /## Conversations[^]*?```\n([^]*?)```/.exec(page) ?? [];
  await playTalk(readTalk('README.md', shown), site, waitMs);
});

test('there is a conversation for every thing a line must show', () => {
  const shown = new Set(all.map(({ file }) => file.split('/').at(-1)?.split('.')[0]?.split('-')[0]));
  const needed = ['framing', 'log', 'refusal', 'broadcast', 'answer', 'multi', 'hit'];
  assert.deepEqual(
    needed.filter((name) => !shown.has(name)),
    [],
  );
});

/** `shortFrom`: the line from which on nothing is waited for long, for there nothing will come. */
const fault = async (text: string, shortFrom = Infinity): Promise<string> => {
  let talk: Talk;
  try {
    talk = readTalk('temp.talk', text);
    await playTalk(talk, site, ({ place }) => (place.line < shortFrom ? waitMs() : 200));
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
  return 'as written';
};

test('a talk with a wrong expectation fails, with the line, what was expected and what came', async () => {
  const head = '# Wrong on purpose\nconnect ca-dispatch as dispatch\n\ndispatch says QQQ.CA0990100.NV.TXTX\n';
  const told = [
    'dispatch hears {ACK}',
    'dispatch hears',
    '  ER.CAGWY0000',
    '  {time} {date} {count}',
    '  {time} {date} {count} CA0990100',
    '  TXT',
    '  .02. MESSAGE KEY UNKNOWN - KEY AT BYTE 0',
    '  ORIGINAL MESSAGE',
    '  QQQ.CA0990100.NV.TXTX',
  ];
  const right = `${head}${told.join('\n')}\n`;
  assert.equal(await fault(right), 'as written');
  const wrong = await fault(right.replace('.02. MESSAGE', '.99. MESSAGE'));
  assert.match(
    wrong,
    /^temp\.talk:6: dispatch hears\nexpected: ER\.CAGWY0000\n +\{time\} \{date\} \{count\}\n/,
  );
  assert.match(wrong, /\n {4}came: ER\.CAGWY0000\n +\d\d:\d\d [^\n]*\n[^]*\.02\. MESSAGE KEY UNKNOWN/);
  assert.match(
    await fault(`${head}dispatch hears {NAK}\n`),
    /^temp\.talk:5: [^]*expected: \{NAK\}\n {4}came: \{ACK\}$/,
  );
  assert.match(await fault(`${head}dispatch gets {NAK}\n`), /^temp\.talk:5: [^]*came: \{ACK\}/);
  assert.match(await fault(`${right}dispatch hears {ACK}\n`, 14), /^temp\.talk:14: [^]*came: nothing$/);
  assert.match(await fault(`${right}dispatch is closed\n`, 14), /^temp\.talk:14: [^]*it is open$/);
  assert.match(
    await fault(`${right}bus point-to-point/nobody gets NEVER SENT\n`, 14),
    /^temp\.talk:14: [^]*expected: NEVER SENT\n {4}came: nothing$/,
  );
  assert.match(
    await fault(`${head}dispatch hears {ACK}\n`),
    /^temp\.talk:5: the end\ndispatch was told more:\n\{STX\}ER\.CAGWY0000\n/,
  );
});

test('a talk that cannot be read says where', async () => {
  const head = '# Title\nconnect ca-dispatch as dispatch\n';
  for (const [text, place] of [
    ['connect ca-dispatch', 'temp.talk:1: must begin with what it shows, behind #'],
    ['# Title\n', 'temp.talk:2: nobody says anything'],
    ['# Title\n  SET IN', 'temp.talk:2: is set in below nothing'],
    ['# Title\ndispatch says X', 'temp.talk:2: dispatch is not connected'],
    ['# Title\nconnect no-such-line', 'temp.talk:2: there is no line no-such-line'],
    [`${head}dispatch shouts X`, 'temp.talk:3: is nothing a talk can say'],
    [`${head}dispatch says`, 'temp.talk:3: needs a text, behind it or set in below it'],
    [`${head}dispatch says {count}`, 'temp.talk:3: {count} varies: what is sent must be known'],
    [`${head}dispatch hears {nonsense}`, 'temp.talk:3: {nonsense} is not known here'],
    [`${head}dispatch hears {count as time}`, 'temp.talk:3: {time} means something else'],
    [`${head}dispatch hears }`, 'temp.talk:3: a brace that stands alone is written {x 7B} or {x 7D}'],
    [`${head}line x unlike y`, 'temp.talk:3: must be: line NAME like LINE SETTING VALUE …'],
  ] as const) {
    assert.equal(await fault(text), place);
  }
});
