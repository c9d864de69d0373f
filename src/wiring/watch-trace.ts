import type { AuditSource } from '../audit/source.ts';
import { trace, type TracedRecord, type TraceResult } from '../audit/trace.ts';
import { barsMax, type NoTrace, type TraceBar, type TraceView } from '../board/trace-view.ts';
import type { Config } from '../config/config.ts';
import { openRecord } from './record.ts';

/** A trace walks the whole record twice. */
const AT_ONCE_MAX = 2;
const TRACE_MS_MAX = 30_000;

/** Traces for a page: few at a time, each with a limit, as rows that can be drawn. */
export class TraceDesk {
  readonly #config: Config;
  readonly #msMax: number;
  #running = 0;

  constructor(config: Config, msMax: number = TRACE_MS_MAX) {
    this.#config = config;
    this.#msMax = msMax;
  }

  /** `isGone`: whoever asked waits no longer, so the search may end. */
  async trace(id: string, isGone: () => boolean = () => false): Promise<TraceView | NoTrace> {
    if (this.#running >= AT_ONCE_MAX) return 'BUSY';
    this.#running += 1;
    try {
      return await this.#trace(id, isGone);
    } finally {
      this.#running -= 1;
    }
  }

  async #trace(id: string, isGone: () => boolean): Promise<TraceView | NoTrace> {
    const until = performance.now() + this.#msMax;
    const isOver = (): boolean => performance.now() > until || isGone();
    const record = await openRecord(this.#config);
    try {
      const result = await trace(
        record.sources.map((source) => inTime(source, isOver)),
        id,
      );
      return result.records.length === 0 ? 'NOT_FOUND' : viewOf(result);
    } catch (error) {
      if (error instanceof TooLong) return 'TOO_LONG';
      throw error;
    } finally {
      record.close();
    }
  }
}

class TooLong extends Error {
  override readonly name = 'TooLong';
}

const inTime = (source: AuditSource, isOver: () => boolean): AuditSource => ({
  async *[Symbol.asyncIterator]() {
    for await (const item of source) {
      if (isOver()) throw new TooLong();
      yield item;
    }
  },
});

/** The start is the message's receipt; of a delivery whose acceptance is not on the record, the first thing that is. */
const viewOf = ({ id, messageId, deliveries, records, isCut }: TraceResult): TraceView => {
  const origin = records.find(({ record }) => record.e === 'accept' || record.e === 'refuse')?.record;
  const startedAt = origin !== undefined && 't' in origin ? origin.t : Math.min(...records.map(timeOf));
  // By delivery: when it began to wait, if it was put back on its lane.
  const putBackAt = new Map<string, number>();
  const bars = records.flatMap((traced) => {
    const { record } = traced;
    if (record.e === 'redrive') putBackAt.set(record.d, record.t);
    const waitsFrom = record.e === 'deliver' ? putBackAt.get(record.d) : undefined;
    return barsOf(traced, startedAt, waitsFrom ?? startedAt);
  });
  const header = origin?.e === 'accept' || origin?.e === 'refuse' ? origin : undefined;
  // Without them a message that some have and some wait for would look as if it were all done. What was cut off may hold their end.
  const waiting = isCut ? [] : openOf(records, new Set(deliveries));
  const lastMs = Math.max(0, ...bars.map(({ endMs }) => endMs));
  for (const { d, lane, proof } of waiting) {
    const startMs = Math.max(0, (putBackAt.get(d) ?? startedAt) - startedAt);
    bars.push({ stage: 'wait', of: lane, startMs, endMs: lastMs, says: 'still waits, by the record', proof });
  }
  return {
    messageId: messageId === '' ? id : messageId,
    messageKey: header?.mke ?? '',
    originatingOri: header?.ori ?? '',
    line: header?.line ?? '',
    startedAt,
    bars: bars.slice(0, barsMax),
    waiting: waiting.length,
    isCut: isCut || bars.length > barsMax,
  };
};

type Open = { readonly d: string; readonly lane: string; readonly proof: string };

/** Of these deliveries those that were accepted or put back, and nothing says since that they came to an end. */
const openOf = (records: readonly TracedRecord[], asked: ReadonlySet<string>): readonly Open[] => {
  const open = new Map<string, Open>();
  // First, whatever its place: a courier's clock may be behind the gateway's.
  for (const traced of records)
    if (traced.record.e === 'accept')
      for (const { d, lane } of traced.record.deliveries)
        if (asked.has(d)) open.set(d, { d, lane, proof: proofOf(traced) });
  for (const traced of records) {
    const { record } = traced;
    if (record.e === 'redrive')
      open.set(record.d, { d: record.d, lane: record.lane, proof: proofOf(traced) });
    // What was diverted is still on its way.
    if (record.e === 'deliver' && record.o !== 'divertedOut') open.delete(record.d);
  }
  return [...open.values()];
};

const proofOf = ({ writer, n, head }: TracedRecord): string =>
  `page ${String(n)} of ${writer}, ${head.slice(0, 12)}`;

const timeOf = ({ record, t }: TracedRecord): number => {
  if (record.e === 'deliver') return record.t === 0 ? record.st : record.t;
  return 't' in record ? record.t : t;
};

const barsOf = (traced: TracedRecord, startedAt: number, waitsFrom: number): readonly TraceBar[] => {
  const { record, t: pageAt } = traced;
  const proof = proofOf(traced);
  const moment = (stage: string, of: string, at: number, says: string): TraceBar => {
    const ms = Math.max(0, at - startedAt);
    return { stage, of, startMs: ms, endMs: ms, says, proof };
  };
  switch (record.e) {
    case 'accept':
      return [...roomBars(record.stamps, record.line, pageAt - record.t, proof)];
    case 'refuse': {
      const codes = record.codes.map(({ code }) => code).join(', ');
      const rooms = roomBars(record.stamps ?? {}, record.line, pageAt - record.t, proof);
      return [...rooms, moment('refused', record.line, pageAt, codes)];
    }
    case 'duplicate':
      return [moment('duplicate', record.line, record.t, `${record.id} repeats ${record.of}`)];
    case 'deliver': {
      const startMs = Math.max(0, waitsFrom - startedAt);
      const handedMs = Math.max(startMs, (record.t === 0 ? record.st : record.t) - startedAt);
      const endMs = Math.max(handedMs, record.st - startedAt);
      const says = [record.o, record.code ?? '', record.pd === 1 ? 'marked as possible duplicate' : ''];
      const waits = { stage: 'wait', of: record.lane, startMs, endMs: handedMs, says: '', proof };
      const sends = {
        stage: 'deliver',
        of: record.lane,
        startMs: handedMs,
        endMs,
        says: says.filter((word) => word !== '').join(', '),
        proof,
      };
      return [waits, sends];
    }
    case 'notice':
      return [moment('notice', record.lane, record.t, record.code)];
    case 'returned':
      return [moment('returned', record.lane, record.t, `${record.code} on ${record.sub}`)];
    case 'redrive':
      return [moment('redriven', record.lane, record.t, `generation ${String(record.generation)}`)];
    default:
      return [];
  }
};

/** Each room from where the one before let go; then until the page that makes it durable was built. */
const roomBars = (
  stamps: Readonly<Record<string, number>>,
  line: string,
  storedMs: number,
  proof: string,
): readonly TraceBar[] => {
  let startMs = 0;
  const rooms = Object.entries(stamps)
    .toSorted(([, a], [, b]) => a - b)
    .map(([stage, us]): TraceBar => {
      const bar = { stage, of: line, startMs, endMs: us / 1000, says: '', proof };
      startMs = us / 1000;
      return bar;
    });
  const endMs = Math.max(startMs, storedMs);
  return [...rooms, { stage: 'store', of: line, startMs, endMs, says: '', proof }];
};
