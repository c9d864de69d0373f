/**
 * A state that nobody here has heard of: its dialect and its directory are files in a temporary folder, made with the commands and edits
 * its officer would make. One message goes the whole road with them, one is refused; nothing in src/ knows.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileKeySource } from '../src/client/key-source.ts';
import type { Received } from '../src/client/received.ts';
import { Subscriber } from '../src/client/subscriber.ts';
import { loadDirectory } from '../src/directory/directory.ts';
import { checkedFolder } from '../src/explain/dialect-check.ts';
import { makeDialect } from '../src/explain/new-dialect.ts';
import { Site } from '../src/simulate/site/site.ts';
import { emulatorConfig } from '../src/topology/emulator-config.ts';
import { deriveTopology } from '../src/topology/topology.ts';
import { dryRun } from '../src/wiring/dry-run.ts';

const ours = join(import.meta.dirname, '../protocols');
const folder = mkdtempSync(join(tmpdir(), 'tenfour-new-state-'));
const protocols = join(folder, 'protocols');
const dialect = join(protocols, 'zz-state');
const directory = join(folder, 'directory');
const waitMsMax = 15_000;

let site: Site;
const peers: Peer[] = [];

type Json = Record<string, unknown>;
const writeJson = (path: string, content: Json): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(content));
};
const edit = (path: string, change: (content: Json) => Json): void => {
  writeJson(path, change(JSON.parse(readFileSync(path, 'utf8')) as Json));
};

/** What `tenfour dialect new` makes, then edited: a key, a field, a control mark and a framing of its own. */
function writeDialect(): void {
  for (const part of ['nlets-legacy', 'sample-directory', 'framings']) {
    cpSync(join(ours, part), join(protocols, part), { recursive: true });
  }
  const made = makeDialect('zz-state', 'nlets-legacy', protocols, dryRun);
  assert.ok(made.ok);
  const from = { source: 'Manual of a state that is none', confidence: 'convention' };
  edit(join(dialect, 'dialect.json'), (head) => ({
    ...head,
    ...from,
    title: 'Invented for this test',
    header: { control: { mark: '#', lengthMax: 12 } },
    output: {
      form: [
        '{messageKey}.{originatingOri}',
        '{sentTime} {sentDate} {sentCount} {destination}',
        '#{control}',
        '{possibleDuplicate}',
        'TXT',
      ],
    },
    relayed: null,
  }));
  writeJson(join(dialect, 'framing.json'), {
    ...from,
    kind: 'length-prefix',
    encoding: 'ascii',
    width: 5,
    countsSelf: false,
    frameBytesMax: 4096,
    frameFaultsMax: 5,
  });
  const key = join(dialect, 'message-keys', `${made.messageKey}.json`);
  edit(key, (entry) => ({
    ...entry,
    ...from,
    key: 'WRQ',
    title: 'Warden query',
    destinations: { kinds: ['ori'], max: 2 },
    required: ['WDN'],
    optional: ['REM'],
  }));
  renameSync(key, join(dialect, 'message-keys', 'WRQ.json'));
  writeJson(join(dialect, 'fields.json'), {
    ...{ source: from.source },
    fields: {
      WDN: {
        title: 'Warden number',
        ...from,
        lengthMin: 9,
        lengthMax: 9,
        characters: 'letters-digits',
        also: '-',
        pictures: ['AA-999999'],
        sensitive: true,
      },
    },
  });
}

/** Two agencies: one sends, the other gets its copies on a topic and on the line of its station. */
function writeDirectory(): void {
  const source = 'Invented for this test: county 099 does not exist';
  const line = (at: number, confirm: 'link' | 'none') => {
    const [name, ori] = [`zz-${at === 1 ? 'dispatch' : 'warden'}`, `ZZ0990${String(at)}00`];
    const limits = { ackTimeoutMs: 5000, frameTimeoutMs: 5000, sessionsMax: 2 };
    const grants = { oris: [ori], keys: 'all', mayBroadcast: false, mayAllPoints: false };
    const address = { host: '127.0.0.1', port: 17_990 + at, dialect: 'zz-state' };
    return { name, agency: name, station: `${name}-cad`, ...address, confirm, ...limits, ...grants };
  };
  const agency = (at: number, delivery: string) => {
    const { name, station, oris } = line(at, 'link');
    return { id: name, title: name, oris, stations: [station], delivery };
  };
  writeJson(join(directory, 'directory.json'), { source, gatewayOri: 'ZZGWY0000' });
  writeJson(join(directory, 'agencies.json'), { source, agencies: [agency(1, 'topic'), agency(2, 'both')] });
  writeJson(join(directory, 'lines.json'), { source, lines: [line(1, 'link'), line(2, 'link')] });
  writeJson(join(directory, 'states.json'), { source, states: [] });
  writeJson(join(directory, 'groups.json'), { source, groups: [] });
}

/** A station of that state, with its framing written by hand: five digits, then so many bytes. */
class Peer {
  readonly #socket: Socket;
  readonly #contents: string[] = [];
  #bytes = '';

  constructor(line: string) {
    this.#socket = connect({ host: '127.0.0.1', port: site.linePorts.get(line) ?? 0, noDelay: true });
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.toString('latin1');
      for (;;) {
        const length = Number(this.#bytes.slice(0, 5));
        if (this.#bytes.length < 5 || this.#bytes.length < 5 + length) return;
        this.#contents.push(this.#bytes.slice(5, 5 + length));
        this.#bytes = this.#bytes.slice(5 + length);
      }
    });
    peers.push(this);
  }

  send(content: string): void {
    this.#socket.write(Buffer.from(String(content.length).padStart(5, '0') + content, 'latin1'));
  }

  async next(): Promise<string> {
    await until(() => this.#contents.length > 0);
    return this.#contents.shift() ?? '';
  }

  close(): void {
    this.#socket.destroy();
  }
}

const until = async (isThere: () => boolean): Promise<void> => {
  const deadline = performance.now() + waitMsMax;
  while (!isThere()) {
    assert.ok(performance.now() < deadline, 'it did not come in time');
    await sleep(10);
  }
};

const ACK = '\x06';

before(async () => {
  writeDialect();
  writeDirectory();
  const busConfig = join(folder, 'bus.json');
  writeFileSync(busConfig, emulatorConfig(deriveTopology(loadDirectory(directory))).text);
  const settings = { TENFOUR_PROTOCOLS: protocols };
  site = await Site.start({ folder: join(folder, 'site'), directory, settings, busConfig });
});
after(async () => {
  for (const peer of peers) peer.close();
  await site.stop();
  rmSync(folder, { recursive: true });
});

test('a state whose dialect and directory are files only: a message reaches a subscription and a station, another is refused', async (t) => {
  const dispatch = new Peer('zz-dispatch');
  const warden = new Peer('zz-warden');
  const got: Received[] = [];
  const subscriber = new Subscriber({
    connectionString: site.busConnectionString,
    topic: 'point-to-point',
    subscription: 'zz0990200',
    keys: new FileKeySource(site.busKeyFile),
    onMessage: (message) => {
      got.push(message);
      return Promise.resolve();
    },
  });
  subscriber.start();
  t.after(() => subscriber.stop());

  const body = 'WDN/ZZ-123456.REM/AT THE LAKE';
  dispatch.send(`WRQ.ZZ0990100.ZZ0990200.#NEWSTATE0001.TXT\r\n${body}`);
  assert.equal(await dispatch.next(), ACK);
  const delivered = (await warden.next()).split('\r\n');
  warden.send(ACK);
  assert.deepEqual(
    [delivered[0], ...delivered.slice(2)],
    ['WRQ.ZZ0990100', '#NEWSTATE0001', 'TXT', body],
    'in the form its dialect.json says',
  );
  assert.match(delivered[1] ?? '', /^\d\d:\d\d \d\d\/\d\d\/\d{4} 0000\d ZZ0990200$/);
  await until(() => got.length > 0);
  const properties = got[0]?.properties ?? {};
  assert.deepEqual(
    [properties['messageKey'], properties['originOri'], properties['destination'], properties['dialect']],
    ['WRQ', 'ZZ0990100', 'ZZ0990200', 'zz-state'],
  );
  assert.ok(got[0]?.body.toString('latin1').endsWith(body));

  dispatch.send('WRQ.ZZ0990100.ZZ0990200.#NEWSTATE0002.TXT\r\nWDN/ZZ123456X');
  assert.equal(await dispatch.next(), ACK);
  assert.match(await dispatch.next(), /^\.22\. FIELD CHARACTERS INVALID - WDN AT BYTE \d+/m);
  const ledger = await site.tenfour(['ledger', '--recount']);
  assert.equal(ledger.code, 0, ledger.stdout);
});

test('checked as it was left, the example samples are what is wrong with it: its key has none', () => {
  const { findings } = checkedFolder(dialect, join(protocols, 'sample-directory'), dryRun);
  const wrong = findings.map(({ file }) => file.replace(/\/[^/]*$/, ''));
  assert.ok(wrong.includes('samples/accepted/example'), wrong.join());
  assert.ok(
    findings.some(({ file, says }) => file === 'message-keys/WRQ.json' && says === 'has no accepted sample'),
  );
});
