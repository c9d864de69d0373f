import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { until } from '../queue/slot-under-test.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { Board, type BoardOptions } from './board.ts';
import type { Picture } from './picture.ts';
import type { NoTrace } from './trace-view.ts';

const bundle = mkdtempSync(join(tmpdir(), 'tenfour-bundle-'));
const boards: Board[] = [];
const sockets: Socket[] = [];

before(() => {
  for (const file of ['index.html', 'board.js', 'board.css', 'board.svg'])
    writeFileSync(join(bundle, file), file);
});
after(() => {
  rmSync(bundle, { recursive: true });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const board of boards.splice(0)) await board.close();
});

const picture = (at: number, filling = ''): Picture => ({
  at,
  ageMs: 0,
  warnings: filling === '' ? [] : [filling],
  books: {
    in: 0,
    waiting: 0,
    delivered: 0,
    sentUnconfirmed: 0,
    dead: 0,
    expired: 0,
    divertedOut: 0,
    imbalance: 0,
  },
  rates: { accepted: 0, refused: 0, delivered: 0, messages: 0, refusedByCode: {} },
  lanes: [],
  stations: [],
  hops: [],
  broadcasts: [],
  record: {
    pagesWaiting: 0,
    recorderSeenAt: undefined,
    deadLetters: 0,
    pagesSeen: 0,
    missedAt: undefined,
    pagesMissed: at,
  },
});

type Open = { board: Board; metrics: Metrics; show: (picture: Picture) => void; listeners: Set<unknown> };

const open = async (options: Partial<BoardOptions> = {}): Promise<Open> => {
  const listeners = new Set<(picture: Picture) => void>();
  const metrics = new Metrics();
  const board = await Board.start({
    host: '127.0.0.1',
    port: 0,
    metrics,
    readiness: () => ({ ready: false, reasons: ['REDIS_DOWN'] }),
    picture: () => picture(1),
    onPicture: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    trace: () => Promise.resolve('NOT_FOUND'),
    bundle,
    ...options,
  });
  boards.push(board);
  const show = (one: Picture): void => {
    for (const listener of listeners) listener(one);
  };
  return { board, metrics, show, listeners };
};

type Answer = { status: number; headers: Record<string, unknown>; text: string };

/** By hand, for fetch sets its own Host and knows no other. */
const ask = (
  board: Board,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port: board.port, path, method, headers, agent: false },
      (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('end', () => {
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text });
        });
      },
    );
    call.on('error', reject);
    call.end();
  });

/** A browser's stream, read or left unread; the end of what it was sent is kept. */
const stream = (board: Board): Promise<{ socket: Socket; text: () => string }> =>
  new Promise((resolve, reject) => {
    const socket = connect(board.port, '127.0.0.1');
    sockets.push(socket);
    let text = '';
    socket.once('error', reject);
    socket.on('data', (chunk: Buffer) => (text = (text + chunk.toString()).slice(-4096)));
    socket.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    socket.once('data', () => {
      resolve({ socket, text: () => text });
    });
  });

test('the page is served with a policy that loads nothing of strangers and runs nothing inline', async () => {
  const { board } = await open();
  for (const [path, file] of Object.entries({
    '/': 'index.html',
    '/board.js': 'board.js',
    '/board.css': 'board.css',
  })) {
    const { status, headers, text } = await ask(board, path);
    assert.deepEqual([status, text], [200, file]);
    assert.equal(
      headers['content-security-policy'],
      [
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'",
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      ].join('; '),
    );
    assert.deepEqual(
      [headers['x-content-type-options'], headers['referrer-policy']],
      ['nosniff', 'no-referrer'],
    );
  }
  // What is refused says so under the same policy.
  for (const path of ['/nothing', '/board.js/..%2f', '/trace/..%2f..%2fetc', '/CANARY%ff']) {
    const { status, headers, text } = await ask(board, path);
    assert.ok(status === 404 || status === 400, `${path} ${String(status)}`);
    assert.ok(headers['content-security-policy'] !== undefined && !text.includes('CANARY'));
  }
});

test('only GET, and only by a name of this machine: a page that has its name point here is refused', async () => {
  const { board } = await open();
  for (const method of ['POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])
    assert.equal((await ask(board, '/', {}, method)).status, 405, method);
  for (const host of ['localhost', '127.0.0.1:9', '[::1]:8470', 'LOCALHOST:1'])
    assert.equal((await ask(board, '/', { host })).status, 200, host);
  for (const host of [
    'board.example',
    'localhost.example',
    '127.0.0.1.example:8470',
    'localhost:x',
    '10.0.0.1',
  ])
    for (const path of ['/', '/events', '/trace/gabc-1', '/metrics'])
      assert.equal((await ask(board, path, { host })).status, 421, `${host} ${path}`);
  assert.equal(
    (await ask(board, '/', { 'sec-fetch-site': 'cross-site' })).status,
    200,
    'a link may lead here',
  );
  for (const site of ['cross-site', 'same-site'])
    for (const path of ['/events', '/trace/gabc-1', '/board.js', '/metrics'])
      assert.equal((await ask(board, path, { 'sec-fetch-site': site })).status, 403, `${site} ${path}`);
  assert.equal((await ask(board, '/board.js', { 'sec-fetch-site': 'same-origin' })).status, 200);
});

test('it refuses another host than loopback, a page that is not bundled, and a port that is taken', async () => {
  const invalid = (message: RegExp) => ({ code: 'CONFIG_INVALID', message });
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'localhost.example'])
    await assert.rejects(open({ host }), invalid(/no log-on yet/), host);
  await assert.rejects(open({ bundle: join(bundle, 'nowhere') }), invalid(/make it with: npm run bundle$/));
  const { board } = await open();
  await assert.rejects(open({ port: board.port }), invalid(/cannot listen on 127\.0\.0\.1/));
});

test('a browser gets the last picture at once, then each new one', async () => {
  const { board, show } = await open();
  const { text } = await stream(board);
  await until('the first', () => text().includes('"at":1,'));
  assert.match(
    text(),
    /content-type: text\/event-stream[^]*content-security-policy|content-security-policy[^]*text\/event-stream/i,
  );
  show(picture(2));
  await until('the second', () => text().includes('"at":2,'));
});

test('a browser that reads nothing is given no more than it has room for, and is cut off; others are not held up', async () => {
  const { board, show, metrics } = await open({ events: { stuckMsMax: 1000 } });
  const [quick, stuck] = [await stream(board), await stream(board)];
  stuck.socket.pause();
  const before = process.memoryUsage().arrayBuffers;
  const filling = 'x'.repeat(1024 * 1024);
  for (let at = 10; at < 40; at += 1) {
    show(picture(at, filling));
    await until('the quick one', () => quick.text().includes(`"pagesMissed":${String(at)}}`));
  }
  const grown = (process.memoryUsage().arrayBuffers - before) / 1024 / 1024;
  assert.ok(grown < 40, `${String(Math.round(grown))} MiB more`);
  const told = await metrics.boardPictures.get();
  const overtaken = told.values.find(({ labels }) => labels['outcome'] === 'overtaken')?.value ?? 0;
  assert.ok(overtaken > 8, String(overtaken));
  await until('cut off', () => board.clients === 1, 3000);
});

test('a quiet stream has a heartbeat', async () => {
  const { board } = await open({ events: { heartbeatMs: 100 } });
  const { text } = await stream(board);
  await until('a heartbeat', () => text().includes(': still here\n\n'), 2000);
});

test('there are only so many browsers, and one that leaves makes room', async () => {
  const { board } = await open({ events: { clientsMax: 2 } });
  const first = await stream(board);
  await stream(board);
  const { status, text } = await ask(board, '/events');
  assert.deepEqual([status, JSON.parse(text)], [503, { says: 'too many browsers' }]);
  first.socket.destroy();
  await until('room', () => board.clients === 1);
  await stream(board);
});

test('a trace is answered by what became of it, and an id that is none is not even asked for', async () => {
  const asked: string[] = [];
  const says: Record<string, NoTrace> = { 'gabc-1': 'NOT_FOUND', 'gabc-2': 'BUSY', 'gabc-3': 'TOO_LONG' };
  const { board } = await open({
    trace: (id) => {
      asked.push(id);
      if (id === 'gabc-9') return Promise.reject(new Error('with CANARY text'));
      return Promise.resolve(says[id] ?? 'NOT_FOUND');
    },
  });
  const statuses = await Promise.all(
    Object.keys(says).map(async (id) => (await ask(board, `/trace/${id}`)).status),
  );
  assert.deepEqual(statuses, [404, 503, 504]);
  for (const id of ['a', '%20', 'gabc-1%0a', '-x-', 'x'.repeat(129)])
    assert.equal((await ask(board, `/trace/${id}`)).status, 400, id);
  assert.deepEqual(asked.toSorted(), Object.keys(says));
  const failed = await ask(board, '/trace/gabc-9');
  assert.deepEqual([failed.status, failed.text], [500, '{"says":"could not answer"}']);
});

test('a trace whose browser left is told so, and may end', async () => {
  let isOver: (() => boolean) | undefined;
  const { board } = await open({
    trace: async (_id, isGone) => {
      isOver = isGone;
      await until('gone', isGone);
      return 'TOO_LONG';
    },
  });
  const socket = connect(board.port, '127.0.0.1');
  sockets.push(socket);
  socket.write('GET /trace/gabc-1 HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await until('asked', () => isOver !== undefined);
  assert.equal(isOver?.(), false);
  socket.destroy();
  await until('told', () => isOver?.() === true);
});

test('it answers as the other roles do, and listens to pictures no longer once it is closed', async () => {
  const { board, listeners } = await open();
  assert.equal((await ask(board, '/livez')).status, 200);
  const ready = await ask(board, '/readyz');
  assert.deepEqual([ready.status, JSON.parse(ready.text)], [503, { ready: false, reasons: ['REDIS_DOWN'] }]);
  assert.match((await ask(board, '/metrics')).text, /^tenfour_board_clients 0$/m);
  await stream(board);
  await board.close();
  assert.equal(listeners.size, 0);
});
