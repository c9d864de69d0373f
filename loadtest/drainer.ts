import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { drain, type Drain } from '../src/simulate/service-bus/raw-drain.ts';
import { BusOpener } from './bus-opener.ts';
import { readDelivered } from './delivered-message.ts';
import { RunClock } from './identity.ts';
import { KeptMessages } from './kept-messages.ts';
import { Latency } from './latency.ts';
import { Numbers } from './numbers.ts';
import { type DrainerOrder, type DrainerReport, endWithParent, tell } from './parts.ts';
import { reconcile } from './reconcile.ts';

const CREDIT = 2_000;
const REPORT_MS = 4;
const PATIENCE_MS = 10_000;
/** After the last expected delivery, for copies that should not come. */
const AFTER_MS = 200;

type OrderTo<D extends DrainerOrder['do']> = Extract<DrainerOrder, { do: D }>;

const kept = new KeptMessages();
let drains: Drain[] = [];
const listeners = new Set<Socket>();

/**
 * The receiver: one raw receive-and-delete link a topic. While the run lasts it copies each message with its time and tells the
 * generator how many it has; it opens nothing. Afterwards it opens them all, checks every seal, and compares with what the senders
 * were told, so lost and repeated are exact and do not rest on the switch's own ids.
 */
const begin = async ({ baseNs, busPort, topics }: OrderTo<'drain'>): Promise<void> => {
  const clock = new RunClock(BigInt(baseNs));
  drains = topics.map((topic) =>
    drain({
      port: busPort,
      address: `${topic}/Subscriptions/all`,
      credit: CREDIT,
      onMessage: (_body, raw) => {
        kept.keep(raw, clock.nowUs());
      },
    }),
  );
  const server = createServer({ noDelay: true }, (socket) => {
    listeners.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => listeners.delete(socket));
  });
  const report = Buffer.alloc(8);
  let reported = 0;
  setInterval(() => {
    if (kept.count === reported) return;
    reported = kept.count;
    report.writeDoubleLE(reported);
    for (const socket of listeners) socket.write(Buffer.from(report));
  }, REPORT_MS);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  tell({ drainedPort: typeof address === 'object' ? (address?.port ?? 0) : 0 });
};

/** Waits for what is expected, as long as something still comes. */
const finish = async ({ expectedDeliveries }: OrderTo<'finish'>): Promise<void> => {
  let count = kept.count;
  let movedAt = performance.now();
  while (kept.count < expectedDeliveries && performance.now() - movedAt < PATIENCE_MS) {
    await sleep(10);
    if (kept.count === count) continue;
    count = kept.count;
    movedAt = performance.now();
  }
  await sleep(AFTER_MS);
  await Promise.all(drains.map((each) => each.stop()));
  tell({ drained: kept.count });
};

const compare = ({ busKeyFile, expectedFile, startUs, endUs }: OrderTo<'reconcile'>): void => {
  const opener = new BusOpener(busKeyFile);
  const endToEnd = new Latency();
  const [plain, marked] = [new Numbers(), new Numbers()];
  let [unreadable, deliveredInTime] = [0, 0];
  for (const { arrivedUs, raw } of kept.all()) {
    if (arrivedUs >= startUs && arrivedUs < endUs) deliveredInTime += 1;
    const delivered = readDelivered(raw, opener);
    if (delivered === undefined) {
      unreadable += 1;
      continue;
    }
    const { key, stampUs, isMarked } = delivered;
    (isMarked ? marked : plain).push(key);
    if (stampUs >= startUs && stampUs < endUs) endToEnd.record(arrivedUs - stampUs);
  }
  const bytes = readFileSync(expectedFile);
  const expected = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  tell({
    ...reconcile(expected, plain.sorted(), marked.sorted()),
    deliveredInTime,
    unreadable,
    endToEnd: endToEnd.summary(),
  } satisfies DrainerReport);
};

endWithParent();
process.on('message', (order: DrainerOrder) => {
  if (order.do === 'drain') void begin(order);
  else if (order.do === 'finish') void finish(order);
  else compare(order);
});
tell({ ready: true });
