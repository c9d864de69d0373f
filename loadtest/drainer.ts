import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { drain, type Drain } from '../src/simulate/service-bus/raw-drain.ts';
import { BusOpener } from './bus-opener.ts';
import { readDelivered } from './delivered-message.ts';
import { DoubleReader, doublesOf } from './doubles.ts';
import { RunClock } from './identity.ts';
import { KeptMessages } from './kept-messages.ts';
import { readKeys } from './key-files.ts';
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
/** What each generator says of itself: deliveries it may rely on, and deliveries its own stations got. */
const generators = new Map<Socket, { expected: number; received: number }>();

/**
 * The receiver: one raw receive-and-delete link a topic. While the run lasts it copies each message with its time and tells the
 * generators how many it has; it opens nothing. Afterwards it opens them all, checks every seal, and compares with what the senders
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
    const said = { expected: 0, received: 0 };
    generators.set(socket, said);
    socket.on('error', () => undefined);
    const doubles = new DoubleReader(2);
    socket.on('data', (chunk: Buffer) => {
      const [expected, received] = doubles.last(chunk) ?? [said.expected, said.received];
      Object.assign(said, { expected, received });
    });
  });
  const told = new Map<Socket, number>();
  setInterval(() => {
    for (const socket of generators.keys()) {
      const covered = coveredFor(socket);
      if (socket.destroyed || told.get(socket) === covered) continue;
      told.set(socket, covered);
      socket.write(doublesOf(covered));
    }
  }, REPORT_MS);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  tell({ drainedPort: typeof address === 'object' ? (address?.port ?? 0) : 0 });
};

/** What a generator may count off its own deliveries: all that was drained, less what the others still wait for. */
const coveredFor = (socket: Socket): number => {
  let covered = kept.count;
  for (const [other, { expected, received }] of generators) {
    if (other !== socket) covered -= expected - received;
  }
  return covered;
};

const arrived = (): number =>
  [...generators.values()].reduce((sum, { received }) => sum + received, kept.count);

/** Waits for what is expected, as long as something still comes. */
const finish = async ({ expectedDeliveries }: OrderTo<'finish'>): Promise<void> => {
  let count = arrived();
  let movedAt = performance.now();
  while (arrived() < expectedDeliveries && performance.now() - movedAt < PATIENCE_MS) {
    await sleep(10);
    if (arrived() === count) continue;
    count = arrived();
    movedAt = performance.now();
  }
  await sleep(AFTER_MS);
  await Promise.all(drains.map((each) => each.stop()));
  tell({ arrived: arrived() });
};

const compare = (order: OrderTo<'reconcile'>): void => {
  const { busKeyFile, space, startUs, endUs, expectedFiles, plainFiles, markedFiles } = order;
  const placeOf = new Map<unknown, number>(order.topicTexts.map((text, place) => [text, place]));
  const opener = new BusOpener(busKeyFile);
  const endToEnd = new Latency();
  const [plain, marked] = [new Numbers(), new Numbers()];
  let [unreadable, deliveredInTime] = [0, 0];
  for (const { arrivedUs, raw } of kept.all()) {
    if (arrivedUs >= startUs && arrivedUs < endUs) deliveredInTime += 1;
    const delivered = readDelivered(raw, opener, placeOf, space);
    if (delivered === undefined) {
      unreadable += 1;
      continue;
    }
    const { key, stampUs, isMarked } = delivered;
    (isMarked ? marked : plain).push(key);
    if (stampUs >= startUs && stampUs < endUs) endToEnd.record(arrivedUs - stampUs);
  }
  tell({
    ...reconcile(readKeys(expectedFiles), readKeys(plainFiles, plain), readKeys(markedFiles, marked)),
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
