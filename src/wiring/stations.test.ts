import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Directory, Line } from '../directory/directory.ts';
import { FrameDecoder } from '../frame/frame.ts';
import { recorderSeen, until } from '../queue/slot-under-test.ts';
import { ServerClock } from '../queue/queue.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { Expiry } from './expiry.ts';
import { Inbound } from './inbound.ts';
import { openLanes } from './lane-record.ts';
import { configOf, dialect, dialects, directory, keptLog, type Sent, Slot } from './lanes-under-test.ts';
import { lineDialectsOf } from './line-dialects.ts';
import { Stations } from './stations.ts';

const LEASE_MS = 900;
/** Lines by how they confirm, with the ORI that answers on them. */
const link = { name: 'nv-patrol', ori: 'NV0990400', lane: 'station.nv-patrol-cad' } as const;
const application = { name: 'or-sheriff', ori: 'OR0990500', lane: 'station.or-sheriff-cad' } as const;
const none = { name: 'az-police', ori: 'AZ0990600', lane: 'station.az-police-msc' } as const;
const sender = { name: 'ca-dispatch', station: 'ca-dispatch-cad', lane: 'station.ca-dispatch-cad' } as const;
type Place = typeof link | typeof application | typeof none;

let slot: Slot;
const gateways: Gateway[] = [];
const peers: StationPeer[] = [];

before(async () => {
  slot = await Slot.open('stations');
});
after(() => slot.close());
beforeEach(() => slot.clean());
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.close();
  for (const gateway of gateways.splice(0)) await gateway.stop();
});

const [ACK, NAK] = [Buffer.from([0x06]), Buffer.from([0x15])];
const SENT_COUNT = /^[^\r\n]*\r\n[^\r\n]*\r\n\S+ \S+ (\d{5})/;

/** A station on one line, small: it keeps what it is sent, and says what a test has it say. */
class StationPeer {
  readonly frames: string[] = [];
  readonly controls: ('ACK' | 'NAK' | 'ENQ')[] = [];
  isClosed = false;
  /** Called for every frame, once it is kept. */
  onFrame: ((text: string) => void) | undefined;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const decoder = new FrameDecoder(dialect.framing);
    socket.on('data', (chunk: Buffer) => {
      for (const event of decoder.push(chunk)) {
        if (event.kind === 'control') this.controls.push(event.byte);
        if (event.kind !== 'frame') continue;
        const text = event.bytes.toString('latin1');
        this.frames.push(text);
        this.onFrame?.(text);
      }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
    });
  }

  static async connect(
    port: number,
    onFrame?: (peer: StationPeer, text: string) => void,
  ): Promise<StationPeer> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const peer = new StationPeer(socket);
    if (onFrame !== undefined) {
      peer.onFrame = (text) => {
        onFrame(peer, text);
      };
    }
    await once(socket, 'connect');
    return peer;
  }

  /** Numbers of the messages it was sent, in order; a mark behind those that may be repeats. */
  get got(): readonly string[] {
    return this.frames.map(nameOf);
  }

  async gets(count: number, within?: number): Promise<void> {
    await until(`${String(count)} frames`, () => this.frames.length >= count, within);
  }

  ack(): void {
    this.#socket.write(ACK);
  }

  nak(): void {
    this.#socket.write(NAK);
  }

  /** Sends bytes that need not be a frame. */
  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  send(text: string): void {
    this.#socket.write(framed(text));
  }

  /** What an application line confirms with, of the frame with this count. */
  receipt(kind: 'ACK' | 'REJ', ori: string, count: string): void {
    this.send(`${kind}.${ori}.CAGWY0000.TXT${count}`);
  }

  close(): void {
    this.#socket.destroy();
  }
}

const framed = (text: string): Buffer => Buffer.from(`\x02${text}\x03`, 'latin1');

/** The count a frame says it was sent with. */
const sentCountOf = (text: string): string => SENT_COUNT.exec(text)?.[1] ?? '';

const nameOf = (text: string): string => {
  const [, n = text.slice(0, 2)] = /MESSAGE (\d+)/.exec(text) ?? [];
  return text.includes('\r\nPOSSIBLE DUPLICATE\r\n') ? `${n} again` : n;
};

/** A gateway as roles wire it: the accepting and the stations side by side, each with its chain. */
class Gateway {
  readonly events: string[];
  readonly #inbound: Inbound;
  readonly #stations: Stations;
  readonly #ports: ReadonlyMap<string, number>;
  #isStopped = false;

  private constructor(
    inbound: Inbound,
    stations: Stations,
    ports: ReadonlyMap<string, number>,
    events: string[],
  ) {
    this.#inbound = inbound;
    this.#stations = stations;
    this.#ports = ports;
    this.events = events;
    gateways.push(this);
  }

  static async start(
    outbound: Partial<Line['outbound']> = {},
    settings: Readonly<Record<string, string>> = {},
  ): Promise<Gateway> {
    const config = configOf({ LEASE_MS: String(LEASE_MS), LEASE_MARGIN_MS: '100', ...settings });
    const usual = { ackTimeoutMs: 5000, answersAcked: false, naksMax: 3, resendMs: 5000 };
    const served = directoryWith({ ...usual, ...outbound });
    const { queue, vault, keys } = slot;
    const [events, metrics] = [[] as string[], new Metrics()];
    const fault = (error: unknown) => {
      events.push(`fault ${String(error)}`);
    };
    const parts = { config, directory: served, dialects, queue, vault, log: keptLog(events), metrics };
    const stations = new Stations({ ...parts, writer: await slot.writer('stations') });
    const writer = await slot.writer('gateway');
    const fingerprints = keys.fingerprints();
    const lines = [...served.lines.values()];
    const lineDialects = lineDialectsOf(lines, dialects, new Map());
    const inbound = new Inbound({ ...parts, lines, lineDialects, fingerprints, stations, writer }, fault);
    await stations.start(fault);
    return new Gateway(inbound, stations, await inbound.start(), events);
  }

  async connect(
    { name }: { readonly name: string },
    onFrame?: (peer: StationPeer, text: string) => void,
  ): Promise<StationPeer> {
    const peer = await StationPeer.connect(this.#ports.get(name) ?? 0, onFrame);
    peers.push(peer);
    return peer;
  }

  /** As at SIGTERM. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await this.#inbound.drain();
    await this.#stations.close();
    assert.deepEqual(
      this.events.filter((event) => event.startsWith('fault')),
      [],
    );
  }
}

const directoryWith = (outbound: Line['outbound']): Directory => ({
  ...directory,
  lines: new Map([...directory.lines].map(([name, line]) => [name, { ...line, port: 0, outbound }])),
});

const accept = ({ lane, ori }: Place, ...sent: readonly (number | Sent)[]): Promise<void> =>
  slot.accept(
    sent.map((one) => {
      const given = typeof one === 'number' ? { n: one } : one;
      return { ...given, lane, delivery: { destination: ori, ...given.delivery } };
    }),
  );
const waits = (lane: string, count: number) =>
  until(`${String(count)} on ${lane}`, async () => (await slot.counts(lane)).waiting === count);
/** Redis says so a moment before the gateway has it. */
const inHand = async (lane: string, count: number): Promise<void> => {
  await until('in hand', async () => (await slot.handed(lane, 1)) === count);
  await sleep(50);
};
const released = (lane: string) => until('given back', async () => (await slot.owner(lane)) === '');
const acks = (peer: StationPeer) => {
  peer.ack();
};
const deadCodes = async () =>
  (await slot.dead()).map(({ lane, seq, code }) => `${lane} ${String(seq)} ${code}`);
const closings = async () =>
  (await slot.records()).flatMap((record) =>
    record.e === 'session' && record.what === 'closed' ? [record.code ?? ''] : [],
  );

test('a link line gets one frame at a time, and an ACK makes it delivered', async () => {
  const gateway = await Gateway.start();
  const peer = await gateway.connect(link);
  await accept(link, 1, 2, 3);
  for (const count of [1, 2, 3]) {
    await peer.gets(count);
    await sleep(60);
    assert.equal(peer.frames.length, count, 'no other frame while this one is out');
    peer.ack();
  }
  await waits(link.lane, 0);
  const { delivered, dead, expired } = await slot.counts(link.lane);
  assert.deepEqual([delivered, dead, expired], [3, 0, 0]);
  assert.deepEqual(peer.got, ['1', '2', '3']);
  const [first = ''] = peer.frames;
  assert.match(
    first,
    /^AM\.CA0990100\r\n\S+ \S+ 00001\r\n\S+ \S+ 00001 NV0990400\r\n\*CTL00001\r\nTXT\r\nMESSAGE 1$/,
  );
  const outcomes = (await slot.records()).flatMap((record) =>
    record.e === 'deliver' ? [`${record.d} ${record.o} ${String(record.pd)}`] : [],
  );
  assert.deepEqual(outcomes, ['gabc-1-0 delivered 0', 'gabc-2-0 delivered 0', 'gabc-3-0 delivered 0']);
});

test('a message NAKed three times is dead, its sender is told on its own line, and the lane goes on', async () => {
  const gateway = await Gateway.start();
  const cad = await gateway.connect(sender, acks);
  const peer = await gateway.connect(link, (it, text) => {
    if (text.includes('MESSAGE 1')) it.nak();
    else it.ack();
  });
  await accept(link, 1, 2);
  await waits(link.lane, 0);
  assert.deepEqual(peer.got, ['1', '1', '1', '2'], 'a frame that was refused was not taken: no mark');
  assert.deepEqual(await deadCodes(), [`${link.lane} 1 DELIVER_NAK`]);
  await cad.gets(1);
  await waits(sender.lane, 0);
  const [notice = ''] = cad.frames;
  assert.match(notice, /^ER\.CAGWY0000\r\n/);
  assert.match(notice, /\r\n\*CTL00001\r\nTXT\r\n\.74\. COULD NOT BE DELIVERED\r\n/);
  assert.equal((await slot.counts(sender.lane)).delivered, 1);
});

test('NAKs are counted by message: a more urgent one between two tries starts from none', async () => {
  const gateway = await Gateway.start();
  const peer = await gateway.connect(link);
  await accept(link, 1);
  await peer.gets(1);
  peer.nak();
  await peer.gets(2);
  await accept(link, { n: 2, priorityClass: 1 });
  await inHand(link.lane, 1);
  peer.nak();
  await peer.gets(3);
  assert.deepEqual(peer.got, ['1', '1', '2']);
  peer.nak();
  await peer.gets(4);
  peer.ack();
  await peer.gets(5);
  peer.ack();
  await waits(link.lane, 0);
  assert.deepEqual(peer.got, ['1', '1', '2', '2', '1']);
  assert.deepEqual(await slot.dead(), []);
});

test('a station that says nothing has its session closed, and gets the message again, marked, on the next one', async () => {
  const gateway = await Gateway.start({ ackTimeoutMs: 200 });
  const first = await gateway.connect(link);
  await accept(link, 1, 2);
  await until('closed', () => first.isClosed);
  assert.deepEqual(first.got, ['1']);
  await until('on the record', async () => (await closings()).includes('DELIVER_SILENT'));
  assert.ok(gateway.events.includes('lane.holding DELIVER_SILENT'));
  await released(link.lane);
  const second = await gateway.connect(link, acks);
  await waits(link.lane, 0);
  assert.deepEqual(second.got, ['1 again', '2'], 'only what was out may be a repeat');
  assert.deepEqual(await slot.dead(), []);
});

test('messages wait while their station is away, and come in order and without marks when it returns', async () => {
  const gateway = await Gateway.start();
  await accept(link, 1, 2, 3, 4, 5);
  await sleep(100);
  assert.equal((await slot.counts(link.lane)).waiting, 5);
  const first = await gateway.connect(link, acks);
  await waits(link.lane, 0);
  assert.deepEqual(first.got, ['1', '2', '3', '4', '5']);
  first.close();
  await released(link.lane);
  await accept(link, 6, 7);
  const second = await gateway.connect(link, acks);
  await waits(link.lane, 0);
  assert.deepEqual(second.got, ['6', '7']);
});

test('messages that expired while their station was away leave no gap that its lane stumbles over', async () => {
  const gateway = await Gateway.start();
  await accept(link, 1, { n: 2, ttlMs: 50 }, 3, { n: 4, ttlMs: 50 });
  await sleep(60);
  const clock = new ServerClock(() => undefined);
  const writer = await slot.writer('courier');
  const lanes = openLanes(configOf(), slot.queue, writer, clock);
  const { queue } = slot;
  const notices = slot.notices(writer.name.writer);
  await new Expiry({ queue, lanes, clock, notices, metrics: new Metrics() }).byDeadline();
  const peer = await gateway.connect(link, acks);
  await waits(link.lane, 0);
  await accept(link, 5);
  await peer.gets(3);
  await waits(link.lane, 0);
  assert.deepEqual(peer.got, ['1', '3', '5']);
  const { delivered, expired } = await slot.counts(link.lane);
  assert.deepEqual([delivered, expired], [3, 2]);
});

test('a station that leaves with one message out finds only that one marked when it returns', async () => {
  const gateway = await Gateway.start();
  const first = await gateway.connect(link);
  await accept(link, 1, 2, 3, 4);
  await first.gets(1);
  first.ack();
  await first.gets(2);
  first.close();
  await released(link.lane);
  const second = await gateway.connect(link, acks);
  await waits(link.lane, 0);
  assert.deepEqual(
    [first.got, second.got],
    [
      ['1', '2'],
      ['2 again', '3', '4'],
    ],
  );
});

test('a station with two sessions is served on the older one, and on the other when that ends', async () => {
  const gateway = await Gateway.start();
  const first = await gateway.connect(link);
  const second = await gateway.connect(link, acks);
  await accept(link, 1, 2, 3);
  await first.gets(1);
  first.ack();
  await first.gets(2);
  assert.deepEqual(second.got, []);
  const token = await slot.redis.hget(slot.queue.keys.laneMeta(link.lane), 'token');
  first.close();
  await waits(link.lane, 0);
  assert.deepEqual(
    [first.got, second.got],
    [
      ['1', '2'],
      ['2 again', '3'],
    ],
  );
  assert.equal(
    await slot.redis.hget(slot.queue.keys.laneMeta(link.lane), 'token'),
    token,
    'the lane stayed here',
  );
});

test('a gateway whose lease is lost closes the socket at once, whatever is out on it', async () => {
  const gateway = await Gateway.start();
  const first = await gateway.connect(link);
  await accept(link, 1);
  await first.gets(1);
  await slot.redis.hincrby(slot.queue.keys.laneMeta(link.lane), 'token', 1);
  const lostAt = performance.now();
  await until('closed', () => first.isClosed);
  assert.ok(performance.now() - lostAt < LEASE_MS, 'by the next renewal');
  await until('said', () => gateway.events.includes('lane.fenced FENCED'));
  await until('on the record', async () => (await closings()).includes('FENCED'));
  const second = await gateway.connect(link, acks);
  await waits(link.lane, 0);
  assert.deepEqual(second.got, ['1 again']);
});

test('a fence that a turn meets closes the socket before what is out is waited for', async () => {
  // Renewals come each ten seconds here: only the turn can find out.
  const gateway = await Gateway.start({}, { LEASE_MS: '30000' });
  const peer = await gateway.connect(link);
  await accept(link, 1);
  await peer.gets(1);
  await slot.redis.hincrby(slot.queue.keys.laneMeta(link.lane), 'token', 1);
  const lostAt = performance.now();
  await accept(link, { n: 2, priorityClass: 1 });
  await until('closed', () => peer.isClosed);
  assert.ok(performance.now() - lostAt < 2000);
  // Whoever took the lane is only a number here; its lease is let go so that the next test need not wait.
  await slot.redis.hset(slot.queue.keys.laneMeta(link.lane), 'owner', '');
});

test('an urgent message overtakes the routine ones that wait for their station', async () => {
  const gateway = await Gateway.start();
  await accept(link, ...Array.from({ length: 100 }, (_, at) => at + 1));
  const peer = await gateway.connect(link);
  await peer.gets(1);
  await accept(link, { n: 500, priorityClass: 1 });
  await inHand(link.lane, 1);
  peer.onFrame = () => {
    peer.ack();
  };
  peer.ack();
  await waits(link.lane, 0);
  assert.deepEqual(peer.got.slice(0, 3), ['1', '500', '2']);
  assert.equal(peer.frames.length, 101);
});

test('a confirmation is read while back-pressure holds the frames before it', async () => {
  const gateway = await Gateway.start({ ackTimeoutMs: 1000 }, { UNACCEPTED_MESSAGES_MAX: '1' });
  const peer = await gateway.connect(link);
  await accept(link, 1);
  await peer.gets(1);
  // A recorder that is silent blocks the accepting, and nothing else.
  await slot.redis.hset(slot.queue.keys.auditMeta, 'seen', 0);
  const message = framed(`AM.${link.ori}.CA0990100.TXT\r\nHELLO`);
  for (let frames = 0; frames < 3; frames += 1) {
    peer.write(message);
    await sleep(30);
  }
  assert.deepEqual(peer.controls, [], 'nothing of it is durable');
  peer.ack();
  await waits(link.lane, 0);
  assert.deepEqual(peer.controls, []);
  await recorderSeen(slot.redis, slot.queue.keys);
  await until('answered', () => peer.controls.length === 3);
  assert.deepEqual(peer.controls, ['ACK', 'ACK', 'ACK']);
  assert.equal((await slot.counts('point-to-point')).in, 3);
});

test('a gateway that drains waits for the confirmation of what is out, and sends nothing more', async () => {
  const gateway = await Gateway.start();
  const peer = await gateway.connect(link);
  await accept(link, 1, 2);
  await peer.gets(1);
  const stopped = gateway.stop();
  await sleep(200);
  assert.equal(peer.isClosed, false);
  peer.ack();
  await stopped;
  const { delivered, waiting } = await slot.counts(link.lane);
  assert.deepEqual([delivered, waiting], [1, 1]);
  assert.deepEqual(peer.got, ['1']);
  assert.equal(await slot.owner(link.lane), '');
  const next = await Gateway.start();
  const again = await next.connect(link, acks);
  await waits(link.lane, 0);
  assert.deepEqual(again.got, ['2'], 'never sent before: no mark');
});

const receipts =
  (kind: 'ACK' | 'REJ') =>
  (peer: StationPeer, text: string): void => {
    if (text.startsWith('AM.')) peer.receipt(kind, application.ori, sentCountOf(text));
  };

test('an application line confirms by a receipt that names the count it was sent with', async () => {
  const gateway = await Gateway.start();
  const peer = await gateway.connect(application, receipts('ACK'));
  await accept(application, 1, 2);
  await waits(application.lane, 0);
  assert.equal((await slot.counts(application.lane)).delivered, 2);
  assert.deepEqual(peer.got, ['1', '2']);
  assert.equal(
    (await slot.records()).filter(({ e }) => e === 'refuse' || e === 'accept').length,
    0,
    'no messages',
  );
});

test('a message rejected by receipt is dead at once, and its sender is told', async () => {
  const gateway = await Gateway.start();
  const peer = await gateway.connect(application, receipts('REJ'));
  await accept(application, 1);
  await waits(application.lane, 0);
  assert.deepEqual(peer.got, ['1']);
  assert.deepEqual(await deadCodes(), [`${application.lane} 1 DELIVER_REJECTED`]);
  const [text = ''] = await slot.told(sender.station);
  assert.match(text, /\.74\. COULD NOT BE DELIVERED/);
});

test('a receipt that names another count, and an ACK byte, confirm nothing on an application line', async () => {
  const gateway = await Gateway.start();
  const peer = await gateway.connect(application);
  await accept(application, 1);
  await peer.gets(1);
  const count = sentCountOf(peer.frames[0] ?? '');
  peer.ack();
  peer.receipt('ACK', application.ori, String(Number(count) + 1).padStart(5, '0'));
  await peer.gets(2);
  assert.match(peer.frames[1] ?? '', /^ER\.CAGWY0000\r\n/, 'it was read as a message, and that key is none');
  assert.equal((await slot.counts(application.lane)).waiting, 1);
  peer.receipt('ACK', application.ori, count);
  await waits(application.lane, 0);
});

test('a notice on an application line is confirmed by the count it shows', async () => {
  const gateway = await Gateway.start();
  await gateway.connect(link, (peer) => {
    peer.nak();
  });
  const sentIt = await gateway.connect(application);
  const from = { station: 'or-sheriff-cad', agency: 'ca-dispatch' };
  await accept(link, { n: 1, delivery: from });
  await sentIt.gets(1);
  const [notice = ''] = sentIt.frames;
  assert.match(notice, /^ER\.CAGWY0000\r\n/);
  sentIt.receipt('ACK', application.ori, sentCountOf(notice));
  await waits(application.lane, 0);
  assert.equal((await slot.counts(application.lane)).delivered, 1);
});

test('on a line without confirmation a message counts as sent when its session lived on for the time of a resend', async () => {
  const gateway = await Gateway.start({ resendMs: 300 });
  const peer = await gateway.connect(none);
  const startedAt = performance.now();
  await accept(none, 1, 2, 3);
  await peer.gets(3);
  assert.equal((await slot.counts(none.lane)).waiting, 3, 'all are out at once, and none is done');
  await waits(none.lane, 0);
  assert.ok(performance.now() - startedAt >= 300);
  const { sentUnconfirmed, delivered } = await slot.counts(none.lane);
  assert.deepEqual([sentUnconfirmed, delivered], [3, 0]);
  assert.deepEqual(peer.got, ['1', '2', '3']);
});

test('on a line without confirmation what was sent shortly before the session ended comes again, marked', async () => {
  const gateway = await Gateway.start({ resendMs: 400 });
  const first = await gateway.connect(none);
  await accept(none, 1);
  await waits(none.lane, 0);
  await accept(none, 2, 3);
  await first.gets(3);
  first.close();
  await released(none.lane);
  await accept(none, 4);
  const second = await gateway.connect(none);
  await waits(none.lane, 0);
  assert.deepEqual(second.got, ['2 again', '3 again', '4']);
  assert.equal((await slot.counts(none.lane)).sentUnconfirmed, 4);
});

test('on a line without confirmation a second session takes over what the first may have lost', async () => {
  const gateway = await Gateway.start({ resendMs: 400 });
  const first = await gateway.connect(none);
  const second = await gateway.connect(none);
  await accept(none, 1, 2);
  await first.gets(2);
  first.close();
  await waits(none.lane, 0);
  assert.deepEqual(second.got, ['1 again', '2 again']);
});

test('a gateway that drains waits for what is out without confirmation, so that it need not be sent again', async () => {
  const gateway = await Gateway.start({ resendMs: 400 });
  const peer = await gateway.connect(none);
  await accept(none, 1);
  await peer.gets(1);
  await sleep(100);
  await accept(none, 2);
  await peer.gets(2);
  await gateway.stop();
  const { sentUnconfirmed, waiting } = await slot.counts(none.lane);
  assert.deepEqual([sentUnconfirmed, waiting], [2, 0]);
  assert.equal(await slot.owner(none.lane), '');
});

test('an urgent message is written at once though routine ones are out unconfirmed', async () => {
  const gateway = await Gateway.start({ resendMs: 2000 });
  const peer = await gateway.connect(none);
  await accept(none, ...Array.from({ length: 70 }, (_, at) => at + 1));
  await peer.gets(70);
  await accept(none, { n: 500, priorityClass: 1 });
  await peer.gets(71, 1000);
  assert.equal(peer.got[70], '500');
  await waits(none.lane, 0);
  assert.equal(peer.frames.length, 71);
});

test('a message from one line to the station of another arrives, and what becomes of it is told', async () => {
  const gateway = await Gateway.start({ naksMax: 1 });
  const cad = await gateway.connect(sender, acks);
  let isTaken = true;
  const peer = await gateway.connect(link, (it) => {
    if (isTaken) it.ack();
    else it.nak();
  });
  cad.send(`AM.CA0990100.${link.ori}.*A1.TXT\r\nMESSAGE 1`);
  await peer.gets(1);
  await waits(link.lane, 0);
  isTaken = false;
  cad.send(`AM.CA0990100.${link.ori}.*A2.TXT\r\nMESSAGE 2`);
  await cad.gets(1);
  assert.deepEqual(cad.controls, ['ACK', 'ACK']);
  assert.match(
    cad.frames[0] ?? '',
    /\r\n\*A2\r\nTXT\r\n\.74\. COULD NOT BE DELIVERED\r\nORIGINAL MESSAGE\r\nAM\.CA0990100/,
  );
});

test('where a station acknowledges refusals as well, the ACK of a refusal confirms no delivery', async () => {
  const gateway = await Gateway.start({ answersAcked: true });
  const peer = await gateway.connect(link);
  const refused = `AM.${link.ori}.TX.TXT\r\nNOBODY THERE`;
  // Before a delivery, and behind one that is out.
  peer.send(refused);
  await peer.gets(1);
  await accept(link, 1);
  await peer.gets(2);
  peer.send(refused);
  await peer.gets(3);
  peer.ack();
  await sleep(100);
  assert.equal((await slot.waiting(link.lane)).length, 1, 'that was the first refusal');
  peer.ack();
  await waits(link.lane, 0);
  await accept(link, 2);
  await peer.gets(4);
  peer.ack();
  await sleep(100);
  assert.equal((await slot.waiting(link.lane)).length, 1, 'that was the second refusal');
  peer.ack();
  await waits(link.lane, 0);
  // A frame that could not be read is told by a NAK alone, and nothing is to be acknowledged.
  peer.write(Buffer.from([0x03]));
  await until('the NAK', () => peer.controls.includes('NAK'));
  await accept(link, 3);
  await peer.gets(5);
  peer.ack();
  await waits(link.lane, 0);
});

test('a gateway drains though a line goes on sending, and leaves to the sender what came after that', async () => {
  const gateway = await Gateway.start();
  const peer = await gateway.connect(link);
  await accept(link, 1);
  await peer.gets(1);
  let sent = 0;
  const sending = setInterval(() => {
    for (let count = 0; count < 50; count += 1)
      peer.send(`AM.${link.ori}.CA0990100.TXT\r\nHELLO ${String((sent += 1))}`);
  }, 1);
  try {
    await until('under load', () => peer.controls.length > 200);
    const stopped = gateway.stop();
    await sleep(300);
    assert.equal(peer.isClosed, false, 'what is out is waited for');
    const answered = peer.controls.length;
    await sleep(200);
    assert.equal(peer.controls.length, answered, 'and nothing new is taken meanwhile');
    peer.ack();
    const startedAt = performance.now();
    await stopped;
    assert.ok(performance.now() - startedAt < 2000);
  } finally {
    clearInterval(sending);
  }
  assert.equal((await slot.counts(link.lane)).delivered, 1);
  assert.equal(
    (await slot.counts('point-to-point')).in,
    peer.controls.length,
    'every ACK is a message that is there',
  );
});

test('a gateway that drains reads the confirmation on a session that back-pressure had paused', async () => {
  const gateway = await Gateway.start({ ackTimeoutMs: 1000 }, { UNACCEPTED_MESSAGES_MAX: '1' });
  const peer = await gateway.connect(link);
  await accept(link, 1);
  await peer.gets(1);
  await slot.redis.hset(slot.queue.keys.auditMeta, 'seen', 0);
  peer.send(`AM.${link.ori}.CA0990100.TXT\r\nHELLO`);
  await sleep(50);
  // More than is read ahead for the sake of a confirmation.
  peer.write(
    Buffer.concat(Array.from({ length: 40 }, () => framed(`AM.${link.ori}.CA0990100.TXT\r\nHELLO`))),
  );
  await sleep(50);
  peer.ack();
  await sleep(50);
  assert.equal((await slot.counts(link.lane)).waiting, 1, 'not read yet');
  const stopped = gateway.stop();
  await recorderSeen(slot.redis, slot.queue.keys);
  await stopped;
  assert.equal((await slot.counts(link.lane)).delivered, 1);
});
