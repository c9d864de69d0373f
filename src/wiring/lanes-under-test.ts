import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseRecord, readHeader, recordLines } from '../audit/page.ts';
import type { AuditRecord } from '../audit/records.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { loadDialect } from '../dialect/dialect.ts';
import { loadDirectory } from '../directory/directory.ts';
import { type Delivery, type LaneName, type PriorityClass, priorityClasses } from '../message/delivery.ts';
import { acceptCall } from '../queue/accept-call.ts';
import {
  DeadLetters,
  type DeadLetter,
  decodeEntry,
  encodeEntry,
  imbalance,
  type LaneCounts,
  LaneEntryList,
  Queue,
  readLane,
  type SharedBody,
} from '../queue/queue.ts';
import { onlooker, Pages, recorderSeen } from '../queue/slot-under-test.ts';
import { type RedisServer, startRedis } from '../simulate/redis/redis-server.ts';
import { Log } from '../telemetry/log.ts';
import type { StorageVault } from '../vault/vault.ts';
import { acceptLimits } from './inbound-parts.ts';
import { KeysFolder } from './keys-folder.ts';
import { Notices } from './notices.ts';
import { Writer } from './writer.ts';

/** What the wiring's tests say to a slot, and how they see what became of it. Not used by the road. */
const root = join(import.meta.dirname, '..', '..');
export const directory = loadDirectory(join(root, 'examples', 'county-099', 'directory'));
export const dialect = loadDialect(join(root, 'protocols', 'nlets-legacy'));
export const dialects = new Map([[dialect.name, dialect]]);

/** One message for one lane. `body`: the frame's content; `ttlMs` as in a `NewEntry`; `isShared`: its body is stored once. */
export type Sent = {
  readonly n: number;
  readonly lane?: LaneName;
  readonly priorityClass?: PriorityClass;
  readonly body?: string;
  readonly ttlMs?: number;
  readonly isShared?: boolean;
  readonly delivery?: Partial<Delivery>;
  /** Instead of an entry: what stands on the lane as it is. */
  readonly raw?: Buffer;
};

export const topicLane: LaneName = 'point-to-point';
const HOUR = 480_000;

export const textOf = (n: number): string =>
  `AM.CA0990100.NV0990300.*CTL${String(n).padStart(5, '0')}.TXT\r\nMESSAGE ${String(n)}`;

/** A Redis of its own, keys, and a writer that puts messages on lanes as a gateway does. */
export class Slot {
  readonly folder: string;
  readonly keys: KeysFolder;
  readonly vault: StorageVault;
  readonly server: RedisServer;
  readonly redis: ReturnType<typeof onlooker>;
  readonly queue: Queue;
  #pages = new Pages();

  private constructor(folder: string, keys: KeysFolder, server: RedisServer, queue: Queue) {
    this.folder = folder;
    this.keys = keys;
    this.vault = keys.vault();
    this.server = server;
    this.redis = onlooker(server.url);
    this.queue = queue;
  }

  static async open(name: string, maxmemoryBytes = 0): Promise<Slot> {
    const folder = mkdtempSync(join(tmpdir(), `tenfour-${name}-`));
    const keys = KeysFolder.create(join(folder, 'keys'), ['nv-sheriff']);
    const server = await startRedis({ dir: join(folder, 'redis'), fsync: 'always', maxmemoryBytes });
    return new Slot(folder, keys, server, await openQueue(server.url));
  }

  async close(): Promise<void> {
    this.queue.close();
    this.redis.disconnect();
    await this.server.stop();
    rmSync(this.folder, { recursive: true });
  }

  /** An empty Redis whose recorder lives. */
  async clean(): Promise<void> {
    await this.redis.flushall();
    await recorderSeen(this.redis, this.queue.keys);
    this.#pages = new Pages();
  }

  writer(role: string): Promise<Writer> {
    return Writer.open(this.queue, role, 'one', '0', this.keys.signer(), 600_000);
  }

  notices(writer: string): Notices {
    const { gatewayOri, version: directoryVersion } = directory;
    return new Notices({ writer, vault: this.vault, gatewayOri, dialects, directoryVersion });
  }

  entry(sent: Sent): Buffer {
    if (sent.raw !== undefined) return sent.raw;
    return encodeEntry(deliveryOf(sent), sent.isShared === true ? undefined : this.seal(sent));
  }

  seal({ n, body = textOf(n) }: Sent): Buffer {
    const agency = 'ca-dispatch';
    return this.vault.seal(Buffer.from(body), { agency, messageId: `gabc-${String(n)}`, hour: HOUR });
  }

  /** Makes these durable in one accept call. `bodies`: what is stored once, for those that share it. */
  async accept(sent: readonly Sent[], bodies: readonly SharedBody[] = []): Promise<void> {
    const lanes = new LaneEntryList();
    for (const one of sent) {
      const { lane = topicLane, priorityClass = 4, ttlMs = 0 } = one;
      lanes.add(lane, priorityClass, { bytes: this.entry(one), ttlMs });
    }
    const page = this.#pages.build('accepted');
    const writer = { writer: 'gate', instance: 'gateway:gate' };
    const batch = { page, lanes: lanes.all, bodies, resendables: [] };
    const { keys, hot } = this.queue;
    const reply = await hot.send(acceptCall(batch, keys, writer, acceptLimits(configOf()), 0));
    assert.equal(String(reply[0]), 'OK', reply.map(String).join(' '));
    this.#pages.commit(page);
  }

  /** A lane's counts; they balance at every look (P2). */
  async counts(lane: string = topicLane): Promise<LaneCounts> {
    const found = await readLane(this.redis, this.queue.keys, lane);
    assert.equal(imbalance(found), 0);
    return found;
  }

  /** By class, up to which laneSeq a lane was handed out. */
  async handed(lane: string, priorityClass: PriorityClass): Promise<number> {
    const field = `h${String(priorityClass)}`;
    return Number((await this.redis.hget(this.queue.keys.laneMeta(lane), field)) ?? 0);
  }

  async owner(lane: string): Promise<string> {
    return (await this.redis.hget(this.queue.keys.laneMeta(lane), 'owner')) ?? '';
  }

  dead(): Promise<readonly DeadLetter[]> {
    return new DeadLetters(this.redis, this.queue.keys).read('0-0', 1000);
  }

  /** What waits on a lane, decoded, highest class first. */
  async waiting(lane: string): Promise<readonly { delivery: Delivery; sealed: Buffer | undefined }[]> {
    const streams = await Promise.all(
      priorityClasses.map((one) =>
        this.redis.callBuffer('XRANGE', this.queue.keys.lane(lane, one), '-', '+'),
      ),
    );
    return (streams as [Buffer, Buffer[]][][])
      .flat()
      .map(([, fields]) => decodeEntry(fields[1] ?? Buffer.alloc(0)));
  }

  /** Texts of the notices that wait on a station's lane, seals opened, with what each is about. */
  async told(station: string): Promise<readonly string[]> {
    return (await this.waiting(`station.${station}`)).map(({ delivery, sealed }) => {
      assert.ok(delivery.isNotice);
      assert.ok(sealed);
      const { agency, messageId } = delivery;
      return this.vault.open(sealed, { agency, messageId }).toString();
    });
  }

  /** Every audit record of the slot, in the order of its pages; the test writer's own pages hold none. */
  async records(): Promise<readonly AuditRecord[]> {
    const reply = (await this.redis.callBuffer('XRANGE', this.queue.keys.audit, '-', '+')) as [
      Buffer,
      Buffer[],
    ][];
    return reply.flatMap(([, fields]) => {
      const page = fields[1] ?? Buffer.alloc(0);
      const header = readHeader(page);
      if (header === null) return [];
      return [...recordLines(page, header.length)].map(({ json }) => parseRecord(json) as AuditRecord);
    });
  }
}

export const configOf = (settings: Readonly<Record<string, string>> = {}): Config =>
  loadConfig(Object.fromEntries(Object.entries(settings).map(([name, value]) => [`TENFOUR_${name}`, value])));

export const openQueue = (url: string): Promise<Queue> => {
  const nothing = () => undefined;
  const options = { url, slot: 's0', attemptTimeoutMs: 2000, onDown: nothing, onUp: nothing };
  return Queue.open({ ...options, durability: 'fsync' });
};

/** A log that keeps event names, each with its code. */
export const keptLog = (events: string[]): Log => {
  const write = (line: string) => {
    const { event, code = '' } = JSON.parse(line) as { event: string; code?: string };
    events.push(`${event} ${code}`.trimEnd());
  };
  return new Log('info', { write });
};

export const deliveryOf = ({ n, priorityClass = 4, delivery = {} }: Sent): Delivery => ({
  deliveryId: `gabc-${String(n)}-0`,
  generation: 1,
  messageId: `gabc-${String(n)}`,
  messageKey: 'AM',
  priorityClass,
  originatingOri: 'CA0990100',
  destination: 'NV0990300',
  groups: [],
  recipients: ['nv-sheriff'],
  agency: 'ca-dispatch',
  station: 'ca-dispatch-cad',
  dialect: dialect.name,
  receivedAtMs: Date.now(),
  receivedCount: n,
  directoryVersion: directory.version,
  isTest: false,
  traceparent: '',
  user: '',
  terminal: '',
  incident: '',
  resentOf: '',
  isNotice: false,
  ...delivery,
});
