import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Site } from '../../src/simulate/site/site.ts';
import { seeded } from './seeded.ts';
import { flowsAgain, settledWhole } from './settled.ts';
import { shortTimes, withSite } from './trial.ts';
import { WitnessProcess } from './witness-process.ts';

/** `FAULTS=240 FAULTS_MS=600000` makes it a long one. */
const faults = Number(process.env['FAULTS'] ?? 24);
const faultsMs = Number(process.env['FAULTS_MS'] ?? 60_000);
const perSecond = 300;
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

type Order = Readonly<Record<string, string | number>>;
const cut: Order = { fault: 'drop' };
type Draw = { ms(min: number, max: number): number; of<T>(all: readonly T[]): T; share(): number };

/** Where the bus may be hit: one topic and what lies under it, one topic's readers, or everything. */
const topics: readonly Order[] = [{ entity: 'point-to-point' }, { entity: 'broadcast' }, {}];
const places: readonly Order[] = [...topics, { entity: 'broadcast/Subscriptions/all' }];
/**
 * What the bus says of a link or a send, and is over soon. A refusal that blames the message, such as one of its size, is left out: such a
 * message is dead, and rightly.
 */
const passing = [
  'amqp:internal-error',
  'amqp:not-found',
  'amqp:unauthorized-access',
  'amqp:resource-limit-exceeded',
  'com.microsoft:timeout',
  'com.microsoft:entity-disabled',
  'com.microsoft:operation-cancelled',
  'com.microsoft:server-busy',
];

/** Every kind of fault, drawn with its place and measure. What strikes a new connection or link comes with what makes one. */
const drawn: readonly ((draw: Draw) => readonly Order[])[] = [
  (draw) => [{ fault: 'drop', ...draw.of(places) }],
  (draw) => [{ fault: 'drop', afterTransfers: draw.ms(1, 40), ...draw.of(places) }],
  (draw) => [{ fault: 'detach', ...draw.of(places) }],
  (draw) => [{ fault: 'detach', condition: draw.of(passing), ...draw.of(places) }],
  () => [{ fault: 'detach', condition: 'amqp:connection:forced' }],
  (draw) => [{ fault: 'rubbish', ...draw.of(places) }],
  (draw) => [{ fault: 'freeze', forMs: draw.ms(200, 3_000), ...draw.of(places) }],
  (draw) => [{ fault: 'pause', forMs: draw.ms(200, 3_000), ...draw.of(places) }],
  (draw) => [{ fault: 'refuse-connection', forMs: draw.ms(200, 2_000) }, cut],
  (draw) => {
    const condition = draw.of(passing);
    return [{ fault: 'refuse-link', forMs: draw.ms(200, 2_000), condition, ...draw.of(places) }, cut];
  },
  (draw) => [{ fault: 'refuse-token', count: draw.ms(1, 3) }, cut],
  (draw) => [{ fault: 'ignore-token', count: draw.ms(1, 2) }, cut],
  (draw) => [{ fault: 'busy', share: draw.share(), seed, forMs: draw.ms(200, 3_000), ...draw.of(topics) }],
  (draw) => [{ fault: 'reject', condition: draw.of(passing), count: draw.ms(1, 5) }],
  (draw) => [{ fault: 'lose', count: draw.ms(1, 3), ...draw.of(topics) }],
  (draw) => [{ fault: 'no-ack', count: draw.ms(1, 3), ...draw.of(topics) }],
  (draw) => [{ fault: 'late-ack', delayMs: draw.ms(50, 3_000), count: draw.ms(1, 5), ...draw.of(topics) }],
  (draw) => [{ fault: 'delay', delayMs: draw.ms(50, 1_000), forMs: draw.ms(200, 2_000), ...draw.of(places) }],
  (draw) => [{ fault: 'corrupt', count: 1, how: draw.of(['performative', 'size', 'long-size']) }],
  (draw) => [{ fault: 'lose-settle', count: draw.ms(1, 5) }],
  (draw) => [{ fault: 'no-settle-answer', count: draw.ms(1, 5) }],
];

/** Of the 18 kinds drawn; some find nothing to strike just then, such as a link amid a reconnect. */
const kindsMin = 14;

/** How often each kind struck until now. */
async function strike(site: Site, order: Order): Promise<Readonly<Record<string, number>>> {
  const answer = await fetch(`http://127.0.0.1:${String(site.busControlPort)}/fault`, {
    method: 'POST',
    body: JSON.stringify(order),
  });
  const text = await answer.text();
  assert.equal(answer.status, 200, `${JSON.stringify(order)}: ${text}`);
  return (JSON.parse(text) as { struck: Record<string, number> }).struck;
}

test(`the books balance after ${String(faults)} faults of the bus at random in ${String(faultsMs / 1000)} s under load`, {
  timeout: faultsMs + 110_000,
}, async (t) => {
  t.diagnostic(`SEED=${String(seed)}`);
  const random = seeded(seed);
  const draw: Draw = {
    ms: (min, max) => Math.floor(min + random() * (max - min + 1)),
    of: (all) => all[Math.floor(random() * all.length)] as (typeof all)[number],
    share: () => 0.2 + 0.6 * random(),
  };
  await withSite({ settings: shortTimes, lockDuration: 'PT5S' }, async (site) => {
    const witness = await WitnessProcess.start(site, { perSecond });
    t.after(() => {
      witness.kill();
    });
    const startedAt = performance.now();
    const moments = Array.from({ length: faults }, () => random() * faultsMs).sort((a, b) => a - b);
    for (const [at, moment] of moments.entries()) {
      await sleep(Math.max(0, startedAt + moment - performance.now()));
      // Each kind comes in its turn, so that one run has them all; what is drawn is when, where and how.
      const make = drawn[at % drawn.length] as (typeof drawn)[number];
      const orders = make(draw);
      t.diagnostic(`${(moment / 1000).toFixed(1)} s: ${JSON.stringify(orders)}`);
      for (const order of orders) await strike(site, order);
    }
    await sleep(Math.max(0, startedAt + faultsMs - performance.now()));
    const struck = await strike(site, cut);
    t.diagnostic(`struck: ${JSON.stringify(struck)}`);
    await flowsAgain(witness);
    const { told, dead, expired } = await settledWhole(t, site, witness, 60_000);
    assert.ok(
      told.acked > (faultsMs / 1000) * perSecond * 0.3,
      `there was load: ${String(told.acked)} acknowledged`,
    );
    assert.deepEqual([expired, dead], [0, 0]);
    const kinds = Object.values(struck).filter((count) => count > 0).length;
    if (faults >= drawn.length) assert.ok(kinds >= kindsMin, `${String(kinds)} kinds of fault struck`);
  });
});
