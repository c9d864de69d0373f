import { setTimeout as sleep } from 'node:timers/promises';
import { followDrainer } from './backlog.ts';
import { RunClock } from './identity.ts';
import { lineOri } from './installation.ts';
import { writeKeys } from './key-files.ts';
import { Latency } from './latency.ts';
import { LineClient, type Tally } from './line-client.ts';
import { mixOf } from './mix.ts';
import { Numbers } from './numbers.ts';
import { endWithParent, type GeneratorOrder, type GeneratorReport, tell } from './parts.ts';

type Run = Extract<GeneratorOrder, { do: 'run' }>;
const ANSWERS_MS_MAX = 10_000;

/**
 * All stations of a load run in one process. Closed loop: each line keeps its share of the window un-acked, refilled by the answers
 * themselves, and nobody sends while too many deliveries wait to be drained. Open loop: message k is meant to leave at start + k/rate,
 * whatever the answers do, and its latency counts from then.
 */
const run = async (order: Run): Promise<void> => {
  const clock = new RunClock(BigInt(order.baseNs));
  const { startUs, endUs, rate } = order;
  const tally: Tally = {
    acks: new Latency(),
    expected: new Numbers(),
    startUs,
    endUs,
    acceptedInTime: 0,
    refusedInTime: 0,
    accepted: 0,
    refused: 0,
    surprises: 0,
  };
  const lateness = new Latency();
  const backlog = await followDrainer(order.drainedPort);
  const share = Math.max(1, Math.floor(order.window / order.ports.length));
  let isSending = true;
  const refill = (line: LineClient): void => {
    if (!isSending || rate > 0 || tally.expected.length - backlog.covered > order.lag) return;
    const room = share - line.unanswered;
    if (room > 0) line.sendNow(room);
  };
  const lines = await Promise.all(
    order.ports.map((port, at) =>
      LineClient.open({ at, port, mix: mixOf(lineOri(at)), clock, tally }, refill, () => {
        throw new Error('the gateway closed a line');
      }),
    ),
  );
  backlog.onReport = () => {
    for (const line of lines) refill(line);
  };

  if (rate > 0) await sendByClock(lines, order, clock, lateness);
  else {
    for (const line of lines) refill(line);
    await sleep((endUs - clock.nowUs()) / 1000);
  }
  isSending = false;
  const deadline = performance.now() + ANSWERS_MS_MAX;
  const unanswered = () => lines.reduce((sum, line) => sum + line.unanswered, 0);
  while (unanswered() > 0 && performance.now() < deadline) await sleep(2);
  // A refusal text may follow the last ACK in a packet of its own.
  await sleep(50);
  writeKeys(order.expectedFile, tally.expected.sorted());
  const { accepted, refused, acceptedInTime, refusedInTime, surprises } = tally;
  tell({
    accepted,
    refused,
    acceptedInTime,
    refusedInTime,
    surprises,
    unanswered: unanswered(),
    expectedDeliveries: tally.expected.length,
    acks: tally.acks.encoded(),
    lateness: lateness.encoded(),
  } satisfies GeneratorReport);
  for (const line of lines) line.end();
};

const sendByClock = async (
  lines: readonly LineClient[],
  { rate, startUs, endUs }: Run,
  clock: RunClock,
  lateness: Latency,
): Promise<void> => {
  const firstUs = clock.nowUs();
  const due: number[][] = lines.map(() => []);
  for (let next = 0, nextUs = firstUs; nextUs < endUs; ) {
    await sleep(Math.max(0, Math.floor((nextUs - clock.nowUs()) / 1000)));
    const nowUs = clock.nowUs();
    for (; nextUs <= nowUs && nextUs < endUs; next += 1, nextUs = firstUs + (next * 1_000_000) / rate) {
      due[next % lines.length]?.push(nextUs);
      if (nextUs >= startUs) lateness.record(nowUs - nextUs);
    }
    for (const [at, stamps] of due.entries()) {
      if (stamps.length === 0) continue;
      lines[at]?.sendDue(stamps);
      stamps.length = 0;
    }
  }
};

endWithParent();
process.on('message', (order: GeneratorOrder) => {
  if (order.do === 'end') process.disconnect();
  else void run(order);
});
tell({ ready: true });
