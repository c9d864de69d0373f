import { setTimeout as sleep } from 'node:timers/promises';
import { recount } from '../audit/recount.ts';
import { loadConfig } from '../config/config.ts';
import { Fault } from '../message/codes.ts';
import { type OpenRecord, openRecord } from '../wiring/record.ts';
import { print, readOptions } from './usage.ts';

/** `returned` is no place of its own: those are counted as delivered, and came back from the topic. */
const COLUMNS = [
  'in',
  'waiting',
  'delivered',
  'sentUnconfirmed',
  'dead',
  'expired',
  'divertedOut',
  'returned',
] as const;
type Row = Readonly<Record<(typeof COLUMNS)[number], number>>;
type Ledger = ReadonlyMap<string, Row & { readonly imbalance: number }>;

const TRIES = 5;
const LANE_WIDTH = 28;
const COLUMN_WIDTH = 16;

export const run = async (args: readonly string[]): Promise<number> => {
  const { options } = readOptions(args, { recount: 'boolean', json: 'boolean' });
  const record = await openRecord(loadConfig(process.env));
  try {
    const counted = await readLedger(record);
    const isBalanced = [...counted.values()].every(({ imbalance }) => imbalance === 0);
    const again = options.recount ? await agreeing(record) : undefined;
    const isAgreed = again?.agrees ?? true;
    if (options.json) {
      const lanes = Object.fromEntries(counted);
      print(
        JSON.stringify({
          balanced: isBalanced,
          ...(again === undefined ? {} : { recountAgrees: isAgreed }),
          lanes,
        }),
      );
    } else {
      show(again?.ledger ?? counted);
      print(isBalanced ? 'balanced: in = waiting + everything that left' : 'NOT balanced');
      if (again !== undefined) {
        print(
          isAgreed
            ? 'recount from streams and segments agrees'
            : `recount DISAGREES on ${again.lanes.join(', ')}`,
        );
      }
    }
    return isBalanced && isAgreed ? 0 : 1;
  } finally {
    record.close();
  }
};

const readLedger = async ({ slot }: OpenRecord): Promise<Ledger> => {
  if (slot === undefined)
    throw new Fault('CONFIG_INVALID', 'Redis cannot be reached, and it keeps the ledger');
  const names = await slot.lanes();
  const rows = await Promise.all(names.map(async (lane) => [lane, await slot.lane(lane)] as const));
  return new Map(rows);
};

/** Counters and record are read one after the other, so under traffic they may differ by what moved between: then again. */
const agreeing = async (
  record: OpenRecord,
): Promise<{ agrees: boolean; lanes: readonly string[]; ledger: Ledger }> => {
  for (let tries = 1; ; tries += 1) {
    const before = await readLedger(record);
    const derived = await recount(record.sources);
    const ledger = await readLedger(record);
    const lanes = [...ledger].flatMap(([lane, row]) => {
      const d = derived.get(lane);
      const out =
        (d?.delivered ?? 0) +
        (d?.dead ?? 0) +
        (d?.expired ?? 0) +
        (d?.sentUnconfirmed ?? 0) +
        (d?.divertedOut ?? 0);
      const again = { ...d, waiting: (d?.in ?? 0) - out };
      return COLUMNS.every((column) => (again[column] ?? 0) === row[column]) ? [] : [lane];
    });
    const moved = [...ledger].some(([lane, row]) => JSON.stringify(row) !== JSON.stringify(before.get(lane)));
    if (lanes.length === 0 || (!moved && tries > 1) || tries === TRIES)
      return { agrees: lanes.length === 0, lanes, ledger };
    await sleep(200);
  }
};

const show = (ledger: Ledger): void => {
  print(['lane'.padEnd(LANE_WIDTH), ...COLUMNS.map((name) => name.padStart(COLUMN_WIDTH))].join(''));
  for (const [lane, row] of ledger) {
    print(
      [lane.padEnd(LANE_WIDTH), ...COLUMNS.map((name) => String(row[name]).padStart(COLUMN_WIDTH))].join(''),
    );
  }
};
