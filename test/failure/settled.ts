import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { readBooks } from '../../loadtest/witness/books.ts';
import type { Settlement } from '../../loadtest/witness/settle.ts';
import type { Site } from '../../src/simulate/site/site.ts';
import { assertRecordWhole, untilDelivered } from './trial.ts';
import type { WitnessProcess } from './witness-process.ts';

/** The witness at work at the example's three stations, one for each way to confirm, besides the bus. */
export const atStations = { mix: 'both', stations: ['nv-patrol', 'or-sheriff', 'az-police'] } as const;

/** It must flow again, not only survive: answers, and copies at their places. */
export async function flowsAgain(witness: WitnessProcess, messages = 100, msMax = 15_000): Promise<void> {
  const { acked, got } = await witness.until(() => true, 0, 'a status');
  await witness.until(
    (now) => now.acked > acked + messages && now.got > got + messages,
    msMax,
    'it flows again',
  );
}

/** Ends the load, waits until everything is where it belongs, and asks both the witness and the switch whether all is well. */
export async function settledWhole(
  t: TestContext,
  site: Site,
  witness: WitnessProcess,
  msMax = 30_000,
): Promise<Settlement> {
  await witness.stopSending();
  await untilDelivered(site, msMax);
  await witness.end();
  const settlement = witness.settle();
  const { sent, told, got, expired, unconfirmed, dead, silentButDelivered } = settlement;
  t.diagnostic(
    `sent ${String(sent)}, told ${JSON.stringify(told)}, got ${String(got)}, repeats ${JSON.stringify(repeatsByPlace(witness))}, ` +
      `expired ${String(expired)}, unconfirmed ${String(unconfirmed)}, dead ${String(dead)}, silent but delivered ${String(silentButDelivered.total)}`,
  );
  assert.equal(settlement.unanswered, 0);
  assert.ok(settlement.ok, JSON.stringify(settlement, null, 1));
  for (const [name, { unasked }] of Object.entries(witness.status?.stations ?? {}))
    assert.equal(unasked, 0, `${name} was answered as if its confirmations were messages`);
  await assertRecordWhole(site);
  return settlement;
}

/** Copies of a message beyond the first, by place; places without any are left out. The witness must have ended. */
export function repeatsByPlace({ folder }: WitnessProcess): Readonly<Record<string, number>> {
  const repeats: Record<string, number> = {};
  const seen = new Set<string>();
  for (const { place, key, control, deliveryId, generation } of readBooks(folder).got) {
    const copy = place.startsWith('station.') ? `${key}:${control}` : `${deliveryId}.${String(generation)}`;
    const id = `${place} ${copy}`;
    if (seen.has(id)) repeats[place] = (repeats[place] ?? 0) + 1;
    seen.add(id);
  }
  return repeats;
}
