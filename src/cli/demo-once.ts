import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CadLine } from '../simulate/cad/cad-line.ts';
import type { MdtFleet } from '../simulate/mdt/mdt-fleet.ts';
import { refusedSamples } from '../simulate/scenario/refused-samples.ts';
import { ROUND, step, type Step } from '../simulate/scenario/scenario.ts';
import type { Site } from '../simulate/site/site.ts';
import { startSiteSwitch } from '../simulate/switch/site-switch.ts';
import {
  confirmOf,
  newBooks,
  sendOneSessionTooMany,
  sendRefused,
  sendSteps,
  type SendersBooks,
} from './demo-send.ts';
import { askWitness, type WitnessSaid } from './demo-witness.ts';
import { print } from './usage.ts';

const ROUNDS = 6;
const LINES = ['ca-dispatch', 'ca-marshal', 'nv-sheriff'] as const;
const SESSIONS_MAX = 4;
const ARRIVE_MS_MAX = 20_000;
/** Time for a copy too many to show itself. */
const SETTLE_MS = 300;

type Output = {
  readonly say: (text: string) => void;
  readonly json: boolean;
  readonly out: string | undefined;
};

export const runOnce = async (site: Site, fleet: MdtFleet, output: Output): Promise<number> => {
  const { say, out } = output;
  const ackedPath = out === undefined ? undefined : join(out, 'acked.ids');
  if (ackedPath !== undefined) writeFileSync(ackedPath, '');
  // An all-points message reaches it too: its lane must not fill up.
  const stateSwitch = await startSiteSwitch(site);
  const books = newBooks();
  const steps = Array.from({ length: ROUND * ROUNDS }, (_, n) => step(n));
  say(
    `\nsending ${String(steps.length)} messages on ${String(LINES.length)} lines, then one of every refusal kind ...`,
  );
  await Promise.all(LINES.map((line) => sendOn(site, line, steps, books, ackedPath)));
  // Some samples are of lines that the example does not have.
  const samples = refusedSamples(site.env['TENFOUR_PROTOCOLS'] ?? '');
  await sendRefused(
    site,
    samples.filter(({ line }) => site.linePorts.has(line)),
    books,
  );
  // Last, for its sessions are only freed when the gateway has seen them close.
  await sendOneSessionTooMany(site, books, SESSIONS_MAX);
  await arrived(fleet, books.acked.length);
  await fleet.stop();

  const account = settle(books, fleet, out);
  say('\nthe witness sends to topics and stations, and receives at both:');
  const witness = await askWitness(site, say);
  say(witness === undefined ? '  this build has no witness' : witnessLine(witness));
  say('\nthe hops of three of them:');
  for (const deliveryId of shown(fleet)) {
    const { stdout } = await site.tenfour(['trace', deliveryId.replace(/-\d+$/, '')]);
    say(stdout.trimEnd());
    say('');
  }
  say('a refusal, as its sender reads it:');
  for (const line of books.shownRefusal.split(/\r\n/)) say(`    ${line}`);
  const ledger = await site.tenfour(['ledger', '--recount']);
  say(`\n${ledger.stdout.trimEnd()}`);
  await stateSwitch.stop();
  const codes = await site.stop();
  const audit = await site.tenfour(['audit', 'verify']);
  say(audit.stdout.trimEnd());

  const auditVerified = audit.code === 0;
  const isDrained = Object.values(codes).every((code) => code === 0);
  const wrong = [
    ...books.wrong,
    ...account.wrong,
    ...(witness?.ok === false ? ['the books of the witness do not settle'] : []),
    ...(ledger.code === 0 ? [] : ['the ledger does not balance or its recount differs']),
    ...(auditVerified ? [] : ['the record does not verify']),
    ...(isDrained ? [] : [`not every process drained and ended with 0: ${JSON.stringify(codes)}`]),
  ];
  for (const line of wrong) process.stderr.write(`WRONG: ${line}\n`);
  const { sent, accepted, refused } = books;
  const { deliveries, delivered, lost, duplicates } = account;
  const isWell = wrong.length === 0 && lost === 0 && duplicates === 0;
  say(
    `\nsent ${String(sent)}, accepted ${String(accepted)}, refused ${String(refused)}; copies owed ${String(deliveries)}, delivered ${String(delivered)}, lost ${String(lost)}, duplicates ${String(duplicates)}`,
  );
  say(isWell ? 'all of it arrived, and the record proves it' : 'NOT all is right');
  if (output.json) {
    print(
      JSON.stringify({
        sent,
        accepted,
        refused,
        deliveries,
        delivered,
        lost,
        duplicates,
        auditVerified,
        witness: witness?.ok ?? 'none',
      }),
    );
  }
  return isWell ? 0 : 1;
};

const witnessLine = ({ sent, got, lost, unmarkedDuplicates, outOfOrder }: WitnessSaid): string =>
  `  its books: sent ${String(sent)}, got ${String(got)} copies; lost ${String(lost.total)}, ` +
  `unmarked duplicates ${String(unmarkedDuplicates.total)}, out of order ${String(outOfOrder.total)}`;

const sendOn = async (
  site: Site,
  name: Step['line'],
  steps: readonly Step[],
  books: SendersBooks,
  ackedPath: string | undefined,
): Promise<void> => {
  const line = await CadLine.connect(site.linePorts.get(name) ?? 0, confirmOf(name));
  await sendSteps(
    line,
    steps.filter((one) => one.line === name),
    books,
    ackedPath,
  );
  line.close();
};

const arrived = async (fleet: MdtFleet, owed: number): Promise<void> => {
  const deadline = performance.now() + ARRIVE_MS_MAX;
  while (fleet.count < owed && performance.now() < deadline) await sleep(20);
  await sleep(SETTLE_MS);
};

/** Compares what senders were told with what receivers got; with `--out` from the two files, as an outsider would. */
const settle = (books: SendersBooks, fleet: MdtFleet, out: string | undefined) => {
  const owed = out === undefined ? books.acked : idsOf(join(out, 'acked.ids'));
  const got = out === undefined ? fleet.got.map(({ id }) => id) : idsOf(join(out, 'got.ids'));
  const times = new Map<string, number>();
  for (const id of got) times.set(id, (times.get(id) ?? 0) + 1);
  const marked = fleet.got.filter(({ isMarked }) => isMarked).length;
  const promised = new Set(owed);
  const delivered = owed.filter((id) => times.has(id)).length;
  const strangers = [...times.keys()].filter((id) => !promised.has(id));
  return {
    deliveries: owed.length,
    delivered,
    lost: owed.length - delivered,
    duplicates: Math.max(0, got.length - times.size - marked),
    wrong: strangers.map((id) => `${id} was received and never promised`),
  };
};

const idsOf = (path: string): readonly string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((id) => id !== '');

/** A single copy, one of five states, and a broadcast. */
const shown = (fleet: MdtFleet): readonly string[] => {
  const find = (of: (id: string) => boolean): string | undefined =>
    fleet.got.find(({ id }) => of(id))?.deliveryId;
  const several = fleet.got.find(({ deliveryId }) => deliveryId.endsWith('-4'))?.deliveryId;
  const found = [find((id) => id.endsWith('/NV0990300')), several, find((id) => id.endsWith('/GBN01'))];
  return found.filter((id): id is string => id !== undefined);
};
