/** The far side against a real site: stations in several framings, a state switch, cars, and what they do wrong on purpose. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileKeySource } from '../src/client/key-source.ts';
import type { Received } from '../src/client/received.ts';
import { CadLine } from '../src/simulate/cad/cad-line.ts';
import { ScriptRun } from '../src/simulate/cad/run-script.ts';
import { readScript } from '../src/simulate/cad/script.ts';
import { Station } from '../src/simulate/cad/station.ts';
import { busFaults, lineFaults } from '../src/simulate/faults/faults.ts';
import { MdtWatch } from '../src/simulate/mdt/mdt-watch.ts';
import { freePort } from '../src/simulate/redis/ping.ts';
import { Site } from '../src/simulate/site/site.ts';
import { startSiteSwitch } from '../src/simulate/switch/site-switch.ts';
import type { StateSwitch, SwitchEvent } from '../src/simulate/switch/state-switch.ts';
import { lineFacts } from '../src/simulate/wire/line-facts.ts';
import type { Delivered } from '../src/simulate/wire/line-voice.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenfour-simulators-'));
/** Each line in a framing of its own: what the far side writes, the switch's own decoder must read, and the other way round. */
const framings: Readonly<Record<string, string>> = {
  'ca-marshal': 'len2-little',
  'nv-patrol': 'len4-big-self',
  'or-sheriff': 'eot-delimited',
  'ut-system': 'ascii5',
};
let site: Site;
let stateSwitch: StateSwitch;
const switchEvents: SwitchEvent[] = [];

before(async () => {
  site = await Site.start({
    folder: join(folder, 'site'),
    editLine: (line) => {
      const framing = framings[String(line['name'])];
      if (framing !== undefined) line['framing'] = framing;
      line['frameTimeoutMs'] = 1_000;
      line['ackTimeoutMs'] = 1_000;
    },
  });
  stateSwitch = await startSiteSwitch(site, { delayMs: 5, onEvent: (event) => switchEvents.push(event) });
});

after(async () => {
  await stateSwitch.stop();
  await site.stop();
  rmSync(folder, { recursive: true });
});

const factsOf = (line: string) =>
  lineFacts(join(site.folder, 'directory'), site.env['TENFOUR_PROTOCOLS'] ?? '', line);

/** A station on a line with a script; what it received, which faults it made, and what was not as the script expected. */
const run = async (line: string, script: string, faults = '') => {
  const received: Delivered[] = [];
  const made: string[] = [];
  const station: Station = new Station(factsOf(line), lineFaults(faults), (event) => {
    if (event.kind === 'fault') made.push(event.fault);
    if (event.kind === 'sent' && event.again) made.push('again');
    if (event.kind !== 'received') return;
    received.push(event.message);
    scriptRun.received(event.message);
  });
  const scriptRun = new ScriptRun(station, new AbortController().signal);
  await scriptRun.run(readScript(`connect\n${script}`));
  await station.stop();
  return { received, made, unmet: scriptRun.unmet };
};

/** A station that only listens, until the test is done with it. */
const listen = async (line: string, faults = '') => {
  const received: Delivered[] = [];
  const station = new Station(factsOf(line), lineFaults(faults), (event) => {
    if (event.kind === 'received') received.push(event.message);
  });
  await station.start();
  return { station, received };
};

const until = async (isSo: () => boolean, what: string): Promise<void> => {
  const deadline = performance.now() + 15_000;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, `not in time: ${what}`);
    await sleep(10);
  }
};

test('a question to a state comes back to the line that asked, in its own framing and confirmation', async () => {
  for (const [line, ori] of [
    ['nv-patrol', 'NV0990400'],
    ['or-sheriff', 'OR0990500'],
    ['az-police', 'AZ0990600'],
  ] as const) {
    const { received, unmet } = await run(
      line,
      `send RQ.${ori}.UT.*{n}.TXT\\r\\nLIC/ZZZ9999.LIY/2026.LIT/PC\nexpect accepted\nexpect message RR`,
    );
    assert.deepEqual(unmet, [], line);
    const [answer] = received;
    assert.equal(answer?.originatingOri, 'UT0999000');
    assert.equal(answer.destination, ori);
    assert.match(answer.body, /^LIC\/ZZZ9999\.LIY\/2026\.LIT\/PC\.VYR\/2019/);
    const asked = switchEvents.findLast((event) => event.kind === 'received');
    assert.equal(asked?.message.control, answer.control, 'with the control field of the question');
  }
});

test('the example script ends as it says, and a script that is wrong says where', async () => {
  const path = join(import.meta.dirname, '../examples/scripts/ask-and-misbehave.txt');
  const { received, made, unmet } = await run('nv-patrol', readFileSync(path, 'utf8'));
  assert.deepEqual(unmet, []);
  assert.deepEqual(made, ['duplicate', 'half-frame', 'again', 'duplicate', 'duplicate']);
  assert.deepEqual(
    received.map(({ messageKey }) => messageKey),
    ['RR', 'DR'],
  );

  const wrong = await run(
    'nv-patrol',
    [
      'send AM.NV0990400.Z1.*{n}.TXT\\r\\nONE',
      'expect accepted',
      'send AM.NV0990400.Z1.*{n}.TXT\\r\\nTWO',
      'expect refused 19',
      'send AM.NV0990400.Z1.*{n}.TXT\\r\\nTHREE',
      'expect refused AUTHORIZE_ALL_POINTS',
      'expect message RR within 50',
      'send RQ.NV0990400.TXT',
    ].join('\n'),
  );
  assert.deepEqual(wrong.unmet, [
    { line: 3, wanted: 'accepted', got: 'refused' },
    { line: 5, wanted: 'refused .19.', got: 'refused' },
    { line: 8, wanted: 'message RR', got: 'no such message in time' },
    { line: 9, wanted: 'accepted', got: 'refused' },
  ]);
});

test('frames dropped, doubled and cut in half are all accepted in the end, and each arrives once', async (t) => {
  const { station, received } = await listen('or-sheriff');
  t.after(() => station.stop());
  const faults = 'drop:every=7;duplicate:every=5;half-frame:at=3;half-frame:at=11,then=stop;delay:ms=20,at=4';
  const { made, unmet } = await run(
    'nv-patrol',
    'repeat 30\n  send AM.NV0990400.OR0990500.*{n}.TXT\\r\\nATTN: SHERIFF',
    faults,
  );
  assert.deepEqual(unmet, []);
  const times = (what: string): number => made.filter((one) => one === what).length;
  assert.deepEqual(['drop', 'duplicate', 'half-frame', 'delay'].map(times), [4, 6, 2, 1]);
  assert.ok(times('again') >= 2, 'a message whose frame was cut was sent again');
  await until(() => received.length >= 30, 'thirty messages');
  await sleep(100);
  assert.equal(received.length, 30);
  assert.equal(new Set(received.map(({ control }) => control)).size, 30);
});

test('a station that refuses, hangs up or says nothing is sent the message again', async (t) => {
  const { station, received } = await listen('nv-patrol', 'nak:at=1;drop:at=2,on=received;silent:at=3');
  t.after(() => station.stop());
  const { unmet } = await run('or-sheriff', 'send AM.OR0990500.NV0990400.*{n}.TXT\\r\\nATTN: PATROL');
  assert.deepEqual(unmet, []);
  await until(() => received.length === 4, 'four tries');
  assert.equal(new Set(received.map(({ control }) => control)).size, 1);
  assert.deepEqual(
    received.map(({ isMarked }) => isMarked),
    [false, false, true, true],
    'refused it was not had; after that nobody knows',
  );
});

test('an answer to an agency on the bus reaches its car, and comes again when it is given back', async (t) => {
  const messages: Received[] = [];
  const watch = new MdtWatch({
    connectionString: site.busConnectionString,
    keys: new FileKeySource(site.busKeyFile),
    subscriptions: [{ topic: 'point-to-point', subscription: 'ca0990200' }],
    faults: busFaults('abandon:at=1'),
    onEvent: (event) => {
      if (event.kind === 'received' && event.message.properties['messageKey'] === 'RR')
        messages.push(event.message);
    },
    crash: () => {
      throw new Error('not asked for');
    },
  });
  watch.start();
  t.after(() => watch.stop());
  const { framing } = factsOf('ca-marshal');
  const cad = await CadLine.connect(site.linePorts.get('ca-marshal') ?? 0, 'link', { framing });
  const told = await cad.sendText('RQ.CA0990200.UT.*SIM0000001.TXT\r\nLIC/ZZM0002.LIY/2026.LIT/MC');
  assert.equal(told.kind, 'accepted');
  await until(() => messages.length >= 2, 'the answer, twice');
  cad.close();
  const [first, again] = messages;
  assert.equal(first?.messageId, again?.messageId);
  assert.deepEqual([first?.possibleDuplicate, again?.possibleDuplicate], [false, true]);
  const body = first?.body.toString('latin1') ?? '';
  assert.match(body, /^RR\.UT0999000\.CA0990200\.\*SIM0000001\.TXT\r\nLIC\/ZZM0002/);
  assert.match(body, /REGISTRATION EXPIRED/);
});

test('a station says once that nobody listens, and a script that cannot connect takes no further step', async () => {
  const heard: string[] = [];
  const nowhere = { ...factsOf('nv-patrol'), port: await freePort() };
  const station = new Station(nowhere, lineFaults(''), ({ kind }) => heard.push(kind));
  const script = new ScriptRun(station, new AbortController().signal, 1_000);
  await script.run(readScript('connect\nsend AM.NV0990400.CA0990200.TXT\\r\\nTEXT'));
  assert.deepEqual(script.unmet, [{ line: 1, wanted: 'connected', got: 'nobody listens' }]);
  assert.deepEqual(heard, ['unreachable']);
});

test('a command that cannot do what it is asked says so at once, and harms nothing', async () => {
  const busFile = join(folder, 'site', 'bus-connection');
  const before = readFileSync(busFile, 'utf8');
  const car = ['simulate', 'mdt', '--subscription=point-to-point/ca0990200'];
  const [second, noKeys, nothingSent, noRecord] = await Promise.all([
    site.tenfour(['simulate', 'services', '--data', join(folder, 'services')]),
    site.tenfour([...car, '--keys', join(folder, 'no-keys.json')]),
    site.tenfour(['simulate', 'cad', '--line', 'nv-patrol', '--await', 'RR']),
    site.tenfour(['audit', 'verify', join(folder, 'no-record')]),
  ]);
  assert.equal(second.code, 3, second.stdout);
  assert.match(second.stderr, /^tenfour: CONFIG_INVALID: port \d+, which .* names, is taken/);
  assert.equal(readFileSync(busFile, 'utf8'), before);
  assert.equal(noKeys.code, 3, noKeys.stdout);
  assert.match(noKeys.stderr, /key file .* cannot be opened/);
  assert.deepEqual(
    [nothingSent.code, nothingSent.stderr],
    [2, 'tenfour: --await goes with --send or --file\n'],
  );
  assert.deepEqual([noRecord.code, noRecord.stdout], [2, '']);
});

test('the commands say how it went by their exit codes, and print no message text unless asked', async () => {
  const script = join(folder, 'wrong.txt');
  writeFileSync(script, 'connect\nSECRETWORD\n');
  const cad = ['simulate', 'cad', '--line', 'nv-patrol'];
  const secret = String.raw`\r\nSECRETWORD`;
  const [accepted, refused, unread] = await Promise.all([
    site.tenfour([...cad, '--send', `AM.NV0990400.CA0990200.*{n}.TXT${secret}`]),
    site.tenfour([...cad, '--send', `AM.NV0990400.Z1.*{n}.TXT${secret}`, '--json']),
    site.tenfour([...cad, '--script', script]),
  ]);
  assert.equal(accepted.code, 0, accepted.stdout);
  assert.match(accepted.stdout, /accepted {4}message 1\n/);
  assert.equal(refused.code, 1, refused.stdout);
  const events = refused.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string });
  assert.deepEqual(
    events.map(({ event }) => event).filter((event) => event !== 'received'),
    ['line', 'connected', 'sent', 'refused', 'closed', 'unexpected', 'end'],
  );
  assert.equal(unread.code, 2);
  assert.match(unread.stderr, /^tenfour: line 2: the first word must be one of connect/);

  const car = ['simulate', 'mdt', '--subscription', 'point-to-point/ca0990200'];
  const shown = await site.tenfour([...car, '--count', '1', '--show-body']);
  assert.deepEqual([shown.code, shown.stdout.includes('SECRETWORD')], [0, true], shown.stdout);
  assert.match(shown.stdout, / bytes, \d+ ms old$/m);
  const again = await site.tenfour([...cad, '--send', `AM.NV0990400.CA0990200.*{n}.TXT${secret}`]);
  const crashed = await site.tenfour([...car, '--faults', 'crash:at=1', '--json']);
  assert.equal(crashed.code, 70, crashed.stdout);
  for (const { stdout, stderr } of [accepted, refused, unread, again, crashed])
    assert.ok(!`${stdout}${stderr}`.includes('SECRETWORD'));
});
