import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readBooks } from '../loadtest/witness/books.ts';
import { Site } from '../src/simulate/site/site.ts';
import { readRecords, refusalCodes, untilRecorded } from './failure/audit-records.ts';
import { framed, RawLine, statusesOf } from './failure/raw-line.ts';
import { metric } from './failure/role-metrics.ts';
import { shortTimes, untilDelivered } from './failure/trial.ts';
import { WitnessProcess } from './failure/witness-process.ts';

/*
 * One site; strangers misbehave on three of its lines, one test after the other, while a well-behaved neighbour keeps sending on the
 * fourth. What a line says must be the coded refusal and nothing else; what it did must be on the record.
 */
const frameTimeoutMs = 1_000;
const frameBytesMax = 32_768;
const rssGrowthMax = 192 * 1024 * 1024;
const neighbourGapMsMax = 3_000;

const folder = mkdtempSync(join(tmpdir(), 'tenfour-bad-input-'));
let site: Site;
let neighbour: WitnessProcess;
let gatewayPid = 0;
let rssBefore = 0;

before(async () => {
  site = await Site.start({
    folder: join(folder, 'site'),
    settings: shortTimes,
    editLine: (line) => {
      line['frameTimeoutMs'] = frameTimeoutMs;
    },
  });
  gatewayPid = site.gateway.pid;
  neighbour = await WitnessProcess.start(site, { perSecond: 100, lines: ['ca-marshal'] });
  rssBefore = await metric(site.gateway, 'process_resident_memory_bytes');
});

after(async () => {
  await neighbour.end();
  await site.stop();
  rmSync(folder, { recursive: true, force: true });
});

const lines: RawLine[] = [];
const opened = async (name: string): Promise<RawLine> => {
  const line = await RawLine.open(site, name);
  lines.push(line);
  return line;
};

// A test that fails must not sit on the line's places.
afterEach(async () => {
  for (const line of lines.splice(0)) line.close();
  const deadline = performance.now() + 5_000;
  for (const name of [link, application, silent]) {
    while (
      (await metric(site.gateway, `tenfour_sessions{line="${name}"}`)) > 0 &&
      performance.now() < deadline
    )
      await sleep(20);
  }
});

const link = 'ca-dispatch';
const application = 'nv-sheriff';
const silent = 'nv-system';
const ori = { [link]: 'CA0990100', [application]: 'NV0990300', [silent]: 'NV0999000' } as const;
const plate = 'LIC/ZZZ9999.LIY/2026.LIT/PC';

const query = (line: keyof typeof ori, to = 'AZ', body = plate): string =>
  framed(`RQ.${ori[line]}.${to}.TXT\r\n${body}`);
const note = (line: keyof typeof ori, control = ''): string =>
  framed(`AM.${ori[line]}.CA0990100.${control === '' ? '' : `*${control}.`}TXT\r\nSAMPLE TEXT`);

/** How often a line's code has to stand on the record more than before. */
async function recorded(line: string, code: string, work: () => Promise<void>): Promise<void> {
  const count = (records: Parameters<typeof refusalCodes>[0]): number =>
    refusalCodes(records, line)[code] ?? 0;
  const earlier = count(await readRecords(site));
  await work();
  await untilRecorded(site, (records) => count(records) === earlier + 1, `${code} on ${line}, once more`);
}

type BadFrame = {
  readonly what: string;
  readonly code: string;
  readonly bytes: (line: keyof typeof ori) => string;
  readonly status: string;
  readonly isFraming?: true;
};

const badFrames: readonly BadFrame[] = [
  {
    what: 'a frame longer than the dialect allows',
    code: 'FRAME_TOO_LONG',
    bytes: () => framed('A'.repeat(frameBytesMax + 1)),
    status: `.61. FRAME TOO LONG - LIMIT ${String(frameBytesMax)}`,
    isFraming: true,
  },
  {
    what: 'an end mark without a start mark',
    code: 'FRAME_END_WITHOUT_START',
    bytes: () => '\x03',
    status: '.62. END MARK WITHOUT START MARK',
    isFraming: true,
  },
  {
    what: 'a start mark inside a frame',
    code: 'FRAME_START_INSIDE',
    bytes: () => '\x02RQ.CA0990',
    status: '.63. START MARK INSIDE A FRAME',
    isFraming: true,
  },
  {
    what: 'an empty frame',
    code: 'FRAME_EMPTY',
    bytes: () => framed(''),
    status: '.64. EMPTY FRAME',
    isFraming: true,
  },
  {
    what: 'a byte outside ASCII',
    code: 'PARSE_CHARACTER',
    bytes: (line) => query(line).replace('ZZZ', 'Z\xdcZ'),
    status: '.67. CHARACTER NOT ALLOWED - AT BYTE 26',
  },
  {
    what: 'a message key nobody knows',
    code: 'AUTHORIZE_MESSAGE_KEY_UNKNOWN',
    bytes: (line) => query(line).replace('RQ', 'QZ'),
    status: '.02. MESSAGE KEY UNKNOWN - KEY AT BYTE 0',
  },
  {
    what: 'the ORI of another line',
    code: 'AUTHORIZE_ORI_NOT_ON_LINE',
    bytes: (line) => query(line).replace(ori[line], 'CA0990200'),
    status: '.68. ORIGINATING ORI NOT ON THIS LINE - ORI AT BYTE 3',
  },
  {
    what: 'six destinations',
    code: 'AUTHORIZE_DESTINATIONS_TOO_MANY',
    bytes: (line) => query(line, 'AZ.NV.OR.WA.CA.ID'),
    status: '.19. TOO MANY DESTINATIONS - DESTINATION AT BYTE 28 LIMIT 5',
  },
  {
    what: 'a missing field',
    code: 'VALIDATE_FIELD_MISSING',
    bytes: (line) => query(line, 'AZ', 'LIC/ZZZ9999.LIT/PC'),
    status: '.14. REQUIRED FIELD MISSING - LIY',
  },
  {
    what: 'a region nobody knows',
    code: 'ROUTE_REGION_UNKNOWN',
    bytes: (line) => query(line, 'Q9'),
    status: '.19. REGION UNKNOWN - DESTINATION AT BYTE 13',
  },
];

for (const { what, code, bytes, status, isFraming } of badFrames) {
  test(`${what}: ${code} on a line with link confirmation, and the next message passes`, async () => {
    await recorded(link, code, async () => {
      const line = await opened(link);
      line.send(bytes(link));
      line.send(query(link));
      const expected = isFraming === true ? ['nak', 'ack'] : ['ack', 'frame', 'ack'];
      const answers = await line.answered(expected.length);
      assert.deepEqual(
        answers.map(({ kind }) => kind),
        expected,
      );
      if (isFraming !== true) assert.deepEqual(statusesOf(answers[1]), [status]);
      line.close();
    });
  });

  test(`${what}: ${code} in words on a line with application confirmation`, async () => {
    await recorded(application, code, async () => {
      const line = await opened(application);
      line.send(bytes(application));
      line.send(note(application, 'GOODONE'));
      const [refusal, accepted, ...more] = await line.answered(2);
      assert.deepEqual(statusesOf(refusal), [status]);
      assert.ok(accepted?.kind === 'frame' && accepted.control === 'GOODONE');
      assert.match(accepted.text, /\r\nACCEPTED [a-z0-9]+-\d+$/);
      assert.deepEqual(more, []);
      line.close();
    });
  });
}

test('a line with application confirmation is told an id that the record knows', async () => {
  const line = await opened(application);
  line.send(note(application, 'TRACEME'));
  const [accepted] = await line.answered(1);
  line.close();
  const id = accepted?.kind === 'frame' ? (/ACCEPTED (\S+)/.exec(accepted.text)?.[1] ?? '') : '';
  const traced = await site.tenfour(['trace', id, '--json']);
  assert.equal(traced.code, 0);
  const { records } = JSON.parse(traced.stdout) as { records: { record: { e: string; line?: string } }[] };
  assert.ok(records.some(({ record }) => record.e === 'accept' && record.line === application));
});

test('a line without confirmation hears nothing of a good message, and a refusal of a bad one', async () => {
  await recorded(silent, 'AUTHORIZE_MESSAGE_KEY', async () => {
    const line = await opened(silent);
    line.send(note(silent));
    line.send(query(silent));
    line.send('\x03');
    line.send(note(silent));
    const answers = await line.answered(2);
    assert.deepEqual(answers.map(statusesOf), [
      ['.02. MESSAGE KEY NOT ALLOWED ON THIS LINE - KEY AT BYTE 0'],
      ['.62. END MARK WITHOUT START MARK'],
    ]);
    await sleep(200);
    assert.deepEqual([line.answers.length, line.isClosed], [2, false]);
    line.close();
  });
});

test('half a frame and then silence: the line is closed without a word, with FRAME_INCOMPLETE on the record', async () => {
  const line = await opened(link);
  const startedAt = performance.now();
  line.send(query(link).slice(0, 20));
  await line.closed(frameTimeoutMs * 3);
  assert.ok(performance.now() - startedAt >= frameTimeoutMs);
  assert.equal(line.bytesRead, 0);
  await untilRecorded(
    site,
    (records) =>
      records.some(
        (record) => record.e === 'session' && record.line === link && record.code === 'FRAME_INCOMPLETE',
      ),
    'why the line was closed',
  );
});

test('a sender of single bytes is served, as long as each frame ends in time', async () => {
  const line = await opened(link);
  for (const byte of query(link) + query(link)) {
    line.send(byte);
    await sleep(2);
  }
  assert.deepEqual(
    (await line.answered(2)).map(({ kind }) => kind),
    ['ack', 'ack'],
  );
  // Bytes that keep coming do not buy time: the clock runs from the start mark.
  line.send('\x02');
  const startedAt = performance.now();
  while (!line.isClosed && performance.now() - startedAt < frameTimeoutMs * 3) {
    line.send('A');
    await sleep(50);
  }
  assert.ok(line.isClosed);
  line.close();
});

test('more framing faults than the dialect bears: each is told, then the line is closed with FRAME_FAULTS_TOO_MANY', async () => {
  const line = await opened(link);
  line.send('\x03'.repeat(200));
  await line.closed();
  assert.deepEqual(
    line.answers.map(({ kind }) => kind),
    Array.from({ length: 21 }, () => 'nak'),
  );
  await untilRecorded(
    site,
    (records) => records.some((record) => record.e === 'session' && record.code === 'FRAME_FAULTS_TOO_MANY'),
    'why the line was closed',
  );
});

test('a thousand connections at once: four are served, the others closed with LISTEN_SESSIONS_TOO_MANY on the record', async () => {
  const many = await Promise.all(
    Array.from({ length: 1_000 }, async () => {
      const line = await opened(link);
      // Said at once: a connection the kernel waved through by a SYN cookie is only real once something is sent on it.
      line.send(query(link));
      return line;
    }),
  );
  const open = (): RawLine[] => many.filter(({ isClosed }) => !isClosed);
  await many[0]?.until(() => open().length <= 4, 'all but four are closed', 20_000);
  for (const line of open()) assert.equal((await line.answered(1))[0]?.kind, 'ack');
  assert.equal(many.filter(({ bytesRead }) => bytesRead > 0).length, 4);
  for (const line of many) line.close();
  await untilRecorded(
    site,
    (records) =>
      records.some((record) => record.e === 'session' && record.code === 'LISTEN_SESSIONS_TOO_MANY'),
    'why they were closed',
  );
  const rejected = await metric(
    site.gateway,
    `tenfour_refusals_total{line="${link}",code="LISTEN_SESSIONS_TOO_MANY"}`,
  );
  assert.ok(rejected >= 900, `${String(rejected)} counted`);
});

test('a line whose places were all taken has room again when they are given back', async () => {
  const line = await opened(link);
  line.send(query(link));
  assert.equal((await line.answered(1))[0]?.kind, 'ack');
});

test('a flood of refusals is answered one by one, but recorded singly only up to the budget and counted beyond', async () => {
  const flood = 3_000;
  const code = 'AUTHORIZE_ORI_NOT_ON_LINE';
  const before = refusalCodes(await readRecords(site), link)[code] ?? 0;
  const line = await opened(link);
  const startedAt = performance.now();
  line.send(query(link).replace(ori[link], 'CA0990200').repeat(flood));
  await line.until(() => line.answers.length === 2 * flood, 'every one is answered', 20_000);
  const seconds = Math.ceil((performance.now() - startedAt) / 1_000) + 1;
  assert.ok(line.answers.every((answer, at) => answer.kind === (at % 2 === 0 ? 'ack' : 'frame')));
  line.close();
  const records = await untilRecorded(
    site,
    (all) => refusalCodes(all, link)[code] === before + flood,
    'all of the flood, in one form or the other',
  );
  const single = records.filter(
    (record) => record.e === 'refuse' && record.line === link && record.codes[0]?.code === code,
  );
  assert.ok(single.length <= before + 20 * seconds, `${String(single.length)} single records`);
  assert.ok(records.some((record) => record.e === 'refused-count' && record.code === code && record.n > 1));
});

test('a peer that never reads its answers is not read either, and gets all of them when it does', async () => {
  const framesRead = (): Promise<number> =>
    metric(site.gateway, `tenfour_frames_total{line="${application}",outcome="frame"}`);
  const readBefore = await framesRead();
  const line = await opened(application);
  line.socket.pause();
  const frame = query(application, 'AZ', `LIC/${'Z'.repeat(200)}.LIT/PC`);
  const offered = 60_000;
  const frames = Buffer.from(frame.repeat(1_000), 'latin1');
  for (let sent = 0; sent < offered; sent += 1_000) line.send(frames);
  // Unread answers fill the sockets' buffers on the way here; then it stops reading, and ours fill on the way there.
  let [earlier, now] = [-1, await framesRead()];
  for (const deadline = performance.now() + 20_000; earlier !== now && performance.now() < deadline; ) {
    await sleep(1_000);
    [earlier, now] = [now, await framesRead()];
  }
  assert.equal(now, earlier, 'it reads nothing more');
  assert.ok(now - readBefore < offered, 'all frames were taken: nobody held them back');
  line.socket.resume();
  await line.until(() => line.answers.length === offered, 'all answers', 40_000);
  assert.ok(line.answers.every((answer) => answer.kind === 'frame'));
  line.close();
});

test('all the while the neighbour was served, nothing crashed and memory stayed bounded', async (t) => {
  const rss = await metric(site.gateway, 'process_resident_memory_bytes');
  t.diagnostic(`resident: ${String(rssBefore >> 20)} MiB, then ${String(rss >> 20)} MiB`);
  assert.equal(site.gateway.pid, gatewayPid);
  assert.ok(site.gateway.isRunning);
  assert.ok(rss < rssBefore + rssGrowthMax, `${String(rss)} bytes resident, ${String(rssBefore)} before`);

  await neighbour.stopSending();
  await untilDelivered(site);
  await neighbour.end();
  // The strangers' messages came to the same subscriptions; they bear no control field of the neighbour's.
  const { lost, unmarkedDuplicates, outOfOrder, refusedButDelivered, unsound, told } = neighbour.settle();
  assert.deepEqual(
    [lost, unmarkedDuplicates, outOfOrder, refusedButDelivered, unsound].map(({ total }) => total),
    [0, 0, 0, 0, 0],
  );
  assert.equal(told.silent, 0);
  const times = readBooks(neighbour.folder).told.map(({ atMs }) => atMs);
  const gap = Math.max(...times.map((atMs, at) => atMs - (times[at - 1] ?? atMs)));
  t.diagnostic(`the neighbour's longest wait between two answers: ${String(gap)} ms`);
  assert.ok(gap < neighbourGapMsMax);
});
