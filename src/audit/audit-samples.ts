import { createPrivateKey } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Chain, type Page } from './chain.ts';
import { writeJournal } from './journal.ts';
import { Recorder, type PageSource } from './recorder.ts';
import type { AcceptRecord, AuditRecord, DeliverRecord } from './records.ts';
import { HeadSigner } from './signing.ts';

/** Invented records and pages for this folder's tests: county 099, 2026-01-01 UTC. */
export const sampleMs = Date.UTC(2026, 0, 1);
// An Ed25519 key of thirty-two equal bytes behind its fixed PKCS #8 front: the same in every process of a test.
const seeded = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 0x63)]),
  format: 'der',
  type: 'pkcs8',
});
export const sampleSigner = new HeadSigner(seeded.export({ type: 'pkcs8', format: 'pem' }).toString());
export const sampleKeys = new Map([[sampleSigner.kid, sampleSigner.publicPem]]);

export function openRecord(predecessor: { w: string; n: number; head: string } | null = null): AuditRecord {
  return { e: 'open', role: 'gateway', instance: 'gw-0', version: '0.1.0', predecessor };
}

export function acceptRecord(id: string, lanes: readonly string[] = ['p2p-1-2']): AcceptRecord {
  return {
    e: 'accept',
    id,
    t: sampleMs,
    line: 'cad-099',
    station: 'cad',
    agency: 'CA099',
    ori: 'CA0990100',
    mke: 'AM',
    dialect: 'clets',
    cls: 2,
    to: ['NV0990300'],
    bytes: 400,
    dir: '1',
    user: '',
    terminal: '',
    incident: '',
    test: 0,
    tp: '',
    stamps: { frame: 3, parse: 9 },
    deliveries: lanes.map((lane, k) => ({
      d: `${id}.${String(k)}`,
      lane,
      dest: 'NV0990300',
      groups: [],
      to: ['NV099'],
    })),
  };
}

export function deliverRecord(
  d: string,
  seq: number,
  o: DeliverRecord['o'] = 'delivered',
  lane = 'p2p-1-2',
): DeliverRecord {
  return { e: 'deliver', d, lane, seq, mid: `${d}.0`, o, pd: 0, t: sampleMs + 5, st: sampleMs + 9, tries: 1 };
}

export function sampleJournal(id: string): Buffer {
  return writeJournal([{ id, agency: 'CA099', sealed: Buffer.from([0, 10, 255, 35, 13, 1]) }]);
}

/** Builds and commits one page. */
export function addPage(
  chain: Chain,
  records: readonly AuditRecord[],
  journal: Buffer = Buffer.alloc(0),
): Page {
  const page = chain.build(records, journal, sampleMs + chain.n * 1_000);
  chain.commit(page);
  return page;
}

/** One writer's life: an open page, `middle` pages of one accept and one journal each, a signed head, a close. */
export function writerPages(w: string, middle: number, predecessor: Page | null = null): Page[] {
  const chain = new Chain(w);
  const named =
    predecessor === null ? null : { w: predecessor.writer, n: predecessor.n, head: predecessor.head };
  const pages = [addPage(chain, [openRecord(named)])];
  for (let i = 1; i <= middle; i++) {
    const id = `${w}-${String(i)}`;
    pages.push(addPage(chain, [acceptRecord(id), deliverRecord(`${id}.0`, i)], sampleJournal(id)));
  }
  pages.push(addPage(chain, [sampleSigner.sign(w, chain.n, chain.head, sampleMs), { e: 'close' }]));
  return pages;
}

/** A slot's stream in memory: what Redis does for the recorder, trimming included. */
export class StreamInMemory implements PageSource {
  readonly entries: { id: string; page: Buffer; journal: Buffer }[] = [];
  confirmedId = '0-0';
  heartbeats = 0;
  #seq = 0;

  add(pages: readonly { readonly bytes: Buffer; readonly journal: Buffer }[]): void {
    for (const { bytes, journal } of pages) {
      this.entries.push({ id: `${String(++this.#seq).padStart(10, '0')}-0`, page: bytes, journal });
    }
  }

  async read(afterId: string, countMax: number, blockMs: number) {
    const found = this.entries.filter((e) => e.id > afterId).slice(0, countMax);
    if (found.length === 0) await wait(Math.min(blockMs, 5));
    return found;
  }

  confirm(upToId: string): Promise<void> {
    this.confirmedId = upToId;
    while ((this.entries[0]?.id ?? '~') <= upToId) this.entries.shift();
    return Promise.resolve();
  }

  heartbeat(): Promise<void> {
    this.heartbeats++;
    return Promise.resolve();
  }
}

/** Lets a recorder store everything of the stream and stop. */
export async function recordAll(
  stream: StreamInMemory,
  folder: string,
  segmentBytesMax?: number,
): Promise<Recorder> {
  const recorder = new Recorder({
    source: stream,
    folder,
    batchCountMax: 4,
    ...(segmentBytesMax === undefined ? {} : { segmentBytesMax }),
  });
  await recorder.start();
  for (let i = 0; i < 2_000 && stream.entries.length > 0; i++) await wait(2);
  await recorder.stop();
  return recorder;
}
