import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EventName, events, Log } from './log.ts';
import { Metrics } from './metrics.ts';
import { type Readiness, serveOperations } from './operations.ts';

const logged = (
  write: (log: Log) => void,
  level: 'info' | 'warn' = 'info',
): readonly Record<string, unknown>[] => {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) };
  write(new Log(level, destination));
  return lines;
};

test('an event carries its name, its declared fields, time and process; nothing else, whoever calls it', () => {
  const widened: { role: string; body: string; toString: () => string } = {
    role: 'gateway',
    body: 'NAM/SAMPLE,PAT Q',
    toString: () => 'x',
  };
  const [line] = logged((log) => {
    log.event('redis.down', widened);
  });
  assert.deepEqual(Object.keys(line ?? {}).toSorted(), ['event', 'level', 'pid', 'role', 'time']);
  assert.deepEqual([line?.['event'], line?.['role'], line?.['level']], ['redis.down', 'gateway', 40]);
  assert.match(String(line?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('every event can be logged with the fields it declares and no more', () => {
  for (const name of Object.keys(events) as EventName[]) {
    const { fields } = events[name];
    const given = Object.fromEntries([...fields, 'text', 'value'].map((field) => [field, field]));
    const [line] = logged((log) => {
      log.event(name, given as never);
    });
    assert.deepEqual(
      Object.keys(line ?? {}).toSorted(),
      ['event', 'level', 'pid', 'time', ...fields].toSorted(),
      name,
    );
  }
});

test('no event declares a field that could hold what a message says, or one the logger writes itself', () => {
  const content = ['body', 'text', 'value', 'message', 'bytes', 'ori', 'control', 'name', 'error', 'stack'];
  const forbidden = new Set([...content, 'event', 'level', 'time', 'pid', 'msg']);
  for (const [name, { fields }] of Object.entries(events)) {
    for (const field of fields) assert.ok(!forbidden.has(field), `${name}: ${field}`);
  }
});

test('an event below the level is not written', () => {
  const write = (log: Log) => {
    log.event('redis.up', { role: 'gateway' });
    log.event('redis.down', { role: 'gateway' });
  };
  assert.deepEqual(
    logged(write, 'warn').map(({ event }) => event),
    ['redis.down'],
  );
});

test('/livez answers, /readyz says why not, /metrics is Prometheus text, anything else is not found', async () => {
  let state: Readiness = { ready: false, reasons: ['STARTING'] };
  const metrics = new Metrics();
  metrics.refusals.inc({ line: 'ca-dispatch', code: 'FRAME_EMPTY' });
  const { port, close } = await serveOperations({
    host: '127.0.0.1',
    port: 0,
    metrics,
    readiness: () => state,
  });
  const get = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${String(port)}${path}`);
    return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
  };
  try {
    assert.deepEqual(await get('/livez'), {
      status: 200,
      type: 'application/json; charset=utf-8',
      text: '{"live":true}',
    });
    const notReady = await get('/readyz');
    assert.deepEqual([notReady.status, notReady.text], [503, '{"ready":false,"reasons":["STARTING"]}']);
    state = { ready: true, reasons: [] };
    assert.equal((await get('/readyz')).status, 200);
    const { status, type, text } = await get('/metrics');
    assert.equal(status, 200);
    assert.match(type ?? '', /^text\/plain; version=/);
    assert.match(text, /^tenfour_refusals_total\{line="ca-dispatch",code="FRAME_EMPTY"\} 1$/m);
    assert.match(text, /^process_cpu_seconds_total /m);
    assert.equal((await get('/')).status, 404);
  } finally {
    await close();
  }
  await assert.rejects(get('/livez'));
});

test('metrics carry labels of bounded sets only', async () => {
  const bounded = new Set(['line', 'outcome', 'code', 'link', 'lane', 'what']);
  const ours = (await new Metrics().registry.getMetricsAsJSON()).filter(({ name }) =>
    name.startsWith('tenfour_'),
  );
  assert.ok(ours.length > 15);
  const metrics: unknown[] = Object.values(new Metrics());
  for (const metric of metrics) {
    const { labelNames = [] } = metric as { labelNames?: readonly string[] };
    for (const label of labelNames) assert.ok(bounded.has(label), label);
  }
});
