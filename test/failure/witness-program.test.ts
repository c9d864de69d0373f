import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { freePort } from '../../src/simulate/redis/ping.ts';
import { GatewayLine, type OutputParts, outputFrame } from './gateway-line.ts';
import { WitnessProcess } from './witness-process.ts';

const gatewayOri = 'CAGWY0000';
const ack = '\x06';
const stationOf: Readonly<Record<string, string>> = { NV0990400: 'nv-patrol', OR0990500: 'or-sheriff' };

/** Sends to one station, one at a time, and again with the mark after a session that ended too soon. */
class Outbound {
  readonly line: GatewayLine;
  readonly waiting: OutputParts[] = [];
  #isSent = false;
  sent = 0;

  constructor(line: GatewayLine) {
    this.line = line;
    line.onAck = () => {
      this.#confirmed();
    };
    line.onFrame = (content) => {
      if (content.startsWith('ACK.')) this.#confirmed();
    };
    line.onSession = () => {
      const [head] = this.waiting;
      if (head !== undefined && this.#isSent) this.waiting[0] = { ...head, isMarked: true };
      this.#isSent = false;
      setImmediate(() => {
        this.send();
      });
    };
  }

  send(): void {
    const [head] = this.waiting;
    if (head === undefined || this.#isSent || !this.line.isConnected) return;
    this.#isSent = true;
    this.sent += 1;
    this.line.say(outputFrame({ ...head, sent: String(this.sent).padStart(5, '0') }));
  }

  #confirmed(): void {
    this.waiting.shift();
    this.#isSent = false;
    this.send();
  }
}

/**
 * Just enough of a switch for a witness to judge: no bus, so it refuses what is not for its two stations alone; one message in fifty
 * expires, and of one in 31 nobody knows whether it comes: every other time it does.
 */
class SmallSwitch {
  readonly dispatch: GatewayLine;
  readonly stations: ReadonlyMap<string, Outbound>;
  #received = 0;

  constructor(dispatch: GatewayLine, stations: ReadonlyMap<string, Outbound>) {
    this.dispatch = dispatch;
    this.stations = stations;
    dispatch.onFrame = (content) => {
      this.#take(content);
    };
  }

  #take(content: string): void {
    this.#received += 1;
    const [, key = '', , to = '', control = ''] = /^(\w+)\.(\w+)\.([\w.]+)\.\*(\w+)\.TXT/.exec(content) ?? [];
    const stations = to.split('.').map((ori) => this.stations.get(stationOf[ori] ?? ''));
    const isRefused = stations.includes(undefined) || (key === 'YQ' && !content.includes('.NIC/'));
    const isExpired = !isRefused && this.#received % 50 === 0;
    const isUnconfirmed = !isRefused && !isExpired && this.#received % 31 === 0;
    this.dispatch.say(ack);
    if (isUnconfirmed) this.#tell(control, '.75. DELIVERY NOT CONFIRMED IN TIME');
    if (isRefused) this.#tell(control, '.19. DESTINATION UNKNOWN');
    for (const station of isRefused || (isUnconfirmed && this.#received % 2 === 0) ? [] : stations) {
      if (isExpired) this.#tell(control, `.73. ${to} NOT DELIVERED IN TIME`);
      else {
        station?.waiting.push({ key, control, received: String(this.#received).padStart(5, '0') });
        station?.send();
      }
    }
  }

  #tell(control: string, status: string): void {
    this.dispatch.say(outputFrame({ key: 'ER', ori: gatewayOri, control, body: status }));
  }
}

async function openedSwitch(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'tenfour-witness-'));
  writeFileSync(join(folder, 'keys.json'), '{"keys":[]}');
  const names = ['ca-dispatch', 'nv-patrol', 'or-sheriff'] as const;
  const lines = await Promise.all(names.map(() => GatewayLine.open()));
  const [dispatch, patrol, sheriff] = lines;
  assert.ok(dispatch !== undefined && patrol !== undefined && sheriff !== undefined);
  t.after(() => {
    for (const line of lines) line.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const stations = new Map([
    ['nv-patrol', new Outbound(patrol)],
    ['or-sheriff', new Outbound(sheriff)],
  ]);
  const small = new SmallSwitch(dispatch, stations);
  const witness = await WitnessProcess.start(
    {
      folder,
      linePorts: new Map(names.map((name, at) => [name, lines[at]?.port ?? 0])),
      busPort: await freePort(),
      busKeyFile: join(folder, 'keys.json'),
    },
    {
      perSecond: 400,
      lines: ['ca-dispatch'],
      stations: ['nv-patrol', 'or-sheriff'],
      mix: 'stations',
    },
  );
  t.after(() => {
    witness.kill();
  });
  return { small, witness };
}

test('the witness acts as stations, goes away and comes back as told, and finds a switch in order', {
  timeout: 60_000,
}, async (t) => {
  const { small, witness } = await openedSwitch(t);
  const patrol = small.stations.get('nv-patrol');
  assert.ok(patrol !== undefined);
  await witness.unplug('nv-patrol');
  const { acked, stations } = await witness.until(() => true, 0, 'a status');
  await witness.until((now) => now.acked > acked + 100, 10_000, 'it is still answered');
  assert.equal(
    witness.status?.stations['nv-patrol']?.got,
    stations['nv-patrol']?.got,
    'nothing came while away',
  );
  assert.ok(patrol.waiting.length > 20);
  await witness.plug('nv-patrol');
  // A session cut in the middle leaves one copy of which nobody knows whether it came.
  patrol.line.end();
  await witness.until(
    ({ dead, expired, unconfirmed }) => expired > 3 && unconfirmed > 3 && dead === 0,
    10_000,
    'some expired',
  );
  await witness.stopSending();
  for (const { waiting } of small.stations.values())
    await patrol.line.until(() => waiting.length === 0, 'all delivered');
  await witness.end();

  const settlement = witness.settle();
  assert.ok(settlement.ok, JSON.stringify(settlement, null, 1));
  assert.ok(settlement.told.acked > 100 && settlement.told.refused > 10);
  assert.ok(settlement.expired > 3 && settlement.unconfirmed > 3);
  assert.deepEqual([settlement.unanswered, settlement.dead, settlement.holes.total], [0, 0, 0]);
  assert.equal(witness.status?.stations['or-sheriff']?.unasked, 0);
});

test('the witness finds a switch that forgot, repeated, reordered and broke its word', {
  timeout: 60_000,
}, async (t) => {
  const { small, witness } = await openedSwitch(t);
  const patrol = small.stations.get('nv-patrol');
  assert.ok(patrol !== undefined);
  await witness.unplug('nv-patrol');
  await patrol.line.until(() => patrol.waiting.length > 40, 'a queue', 20_000);
  await witness.stopSending();
  const last = patrol.waiting.splice(-4);
  const ofKey = (key: string): number => patrol.waiting.findLastIndex((one) => one.key === key);
  const repeated = patrol.waiting[ofKey('AM')];
  const early = patrol.waiting.splice(ofKey('YQ'), 1)[0];
  const told = patrol.waiting[3];
  assert.ok(repeated !== undefined && early !== undefined && told?.control !== undefined);
  patrol.waiting.splice(1, 0, early);
  patrol.waiting.push(repeated);
  const notice = outputFrame({
    key: 'ER',
    ori: gatewayOri,
    control: told.control,
    body: '.74. COULD NOT BE DELIVERED',
  });
  small.dispatch.say(notice);
  await witness.plug('nv-patrol');
  await patrol.line.until(() => patrol.waiting.length === 0, 'the rest delivered');
  await witness.end();

  const { lost, unmarkedDuplicates, outOfOrder, notedButDelivered, ok } = witness.settle();
  assert.equal(ok, false);
  assert.deepEqual(
    lost.first,
    last.map(({ control }) => `${String(control)} station.nv-patrol`),
  );
  assert.deepEqual(unmarkedDuplicates.first, [`station.nv-patrol/AM:${String(repeated.control)}`]);
  assert.ok(outOfOrder.first.every((one) => one.startsWith('station.nv-patrol/ca-dispatch/YQ:')));
  assert.ok(outOfOrder.total > 0);
  assert.deepEqual(notedButDelivered.first, [told.control]);
  assert.match(readFileSync(join(witness.folder, 'noted.txt'), 'latin1'), / dead - ca-dispatch unmarked /);
});
