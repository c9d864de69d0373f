import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DrainReport, HeldStationOrder } from './held-parts.ts';
import { heldLinesMax, heldSpace } from './held-site.ts';
import { deliveryKey } from './identity.ts';
import { writeKeys } from './key-files.ts';
import { Numbers } from './numbers.ts';
import { endWithParent, tell } from './parts.ts';
import { Ear, type Head, readHead } from './station-frame.ts';

const ACK = 0x06;
const PATIENCE_MS = 30_000;
/** After the last delivery, for copies that should not come. */
const AFTER_MS = 500;

/** What a station got on its line: keys, times, and whether each sending line's messages came in the order they were accepted in. */
class Got {
  readonly plain = new Numbers();
  readonly marked = new Numbers();
  /** Times of all of them, ms. */
  readonly times = new Numbers();
  readonly #newest = new Float64Array(heldLinesMax).fill(-1);
  outOfOrder = 0;
  unreadable = 0;

  add({ identity, isMarked }: Head, nowMs: number): void {
    this.times.push(nowMs);
    if (identity === undefined || identity.line >= heldLinesMax) {
      this.unreadable += 1;
      return;
    }
    const { line, stampUs } = identity;
    (isMarked ? this.marked : this.plain).push(deliveryKey(identity, 0, heldSpace));
    const newest = this.#newest[line] ?? -1;
    if (stampUs > newest) this.#newest[line] = stampUs;
    else if (!isMarked) this.outOfOrder += 1;
  }
}

const drain = async (order: HeldStationOrder): Promise<void> => {
  const got = new Got();
  const ear = new Ear();
  let connectedAt = 0;
  const session = { isOpen: true };
  const socket = connect({ host: '127.0.0.1', port: order.port, noDelay: true });
  socket.on('connect', () => {
    connectedAt = performance.now();
  });
  socket.on('data', (chunk: Buffer) => {
    const nowMs = performance.now();
    const heard = ear.hear(chunk);
    for (const one of heard) {
      if (one === 'ack') throw new Error('an ACK for nothing');
      got.add(readHead(one.text), nowMs);
    }
    if (heard.length > 0) socket.write(Buffer.alloc(heard.length, ACK));
  });
  socket.on('close', () => {
    session.isOpen = false;
  });
  let seen = 0;
  let movedAt = performance.now();
  while (got.times.length < order.count && session.isOpen && performance.now() - movedAt < PATIENCE_MS) {
    await sleep(20);
    if (got.times.length === seen) continue;
    seen = got.times.length;
    movedAt = performance.now();
  }
  await sleep(AFTER_MS);
  socket.end();
  writeKeys(order.plainFile, got.plain.sorted());
  writeKeys(order.markedFile, got.marked.sorted());
  const times = got.times.sorted();
  const rate = (from: number, until: number): number => {
    const ms = (times[until - 1] ?? 0) - (times[from] ?? 0);
    return ms <= 0 ? 0 : ((until - 1 - from) / ms) * 1000;
  };
  const parts: number[] = [];
  for (let from = 0; from + order.part <= times.length; from += order.part)
    parts.push(Math.round(rate(from, from + order.part)));
  tell({
    received: times.length,
    marked: got.marked.length,
    outOfOrder: got.outOfOrder,
    unreadable: got.unreadable,
    seconds: ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1000,
    firstPart: rate(0, Math.min(order.part, times.length)),
    lastPart: rate(Math.max(0, times.length - order.part), times.length),
    parts,
    firstAfterMs: (times[0] ?? 0) - connectedAt,
  } satisfies DrainReport);
};

endWithParent();
process.on('message', (order: HeldStationOrder) => {
  void drain(order);
});
tell({ ready: true });
