import { loadConfig } from '../config/config.ts';
import { redisUrl } from '../config/redis-url.ts';
import { Fault } from '../message/codes.ts';
import { type DeadLetter, type DecodedEntry, decodeEntry, SlotReader } from '../queue/queue.ts';
import { Redrive } from '../wiring/redrive.ts';
import { VERSION } from '../wiring/roles.ts';
import { print, readOptions, UsageError } from './usage.ts';

const PAGE = 256;
const SHOWN = 100;
const KINDS = {
  lane: 'string',
  code: 'string',
  subscription: 'string',
  limit: 'string',
  by: 'string',
  all: 'boolean',
  'dry-run': 'boolean',
  json: 'boolean',
} as const;

type Wanted = {
  readonly lane: string | undefined;
  readonly code: string | undefined;
  readonly subscription: string | undefined;
  readonly id: string | undefined;
};

/** What is printed of a letter: ids, codes and sizes. The body stays sealed. */
type Row = {
  readonly id: string;
  readonly lane: string;
  /** Where on the topic it died; empty when it never got there. */
  readonly subscription: string;
  readonly class: number;
  readonly number: number;
  readonly code: string;
  readonly died: string;
  readonly bytes: number;
  /** `jwe`, `none`: no key here opens it, or it is not there; such a letter cannot be put back. */
  readonly body: string;
  readonly delivery: string;
  readonly generation: number;
  readonly messageKey: string;
  readonly from: string;
  readonly to: string;
  readonly resentOf: string;
};

/** `tenfour dead ls | show ID | redrive`. ID is a letter's place in the dead stream, or a delivery id. */
export const run = async (args: readonly string[]): Promise<number> => {
  const [what, second, ...more] = args;
  const hasId = second !== undefined && !second.startsWith('-');
  const { options } = readOptions(hasId ? more : args.slice(1), KINDS);
  const { lane, code, subscription } = options;
  const wanted: Wanted = { lane, code, subscription, id: hasId ? second : undefined };
  if (what === 'ls' && !hasId) return list(wanted, limitOf(options.limit), options.json);
  if (what === 'show' && hasId) return show(wanted, options.json);
  if (what !== 'redrive') throw new UsageError('expects: ls, show ID or redrive');
  const isNamed = [lane, code, subscription].some((one) => one !== undefined) || hasId || options.all;
  if (!isNamed) throw new UsageError('redrive which? an ID, --lane, --code, --subscription, or --all');
  return redrive(wanted, options['dry-run'], options.by ?? '', options.json);
};

const limitOf = (text: string | undefined): number => {
  if (text === undefined) return SHOWN;
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UsageError('--limit is a number from 1');
  return Number(text);
};

const withSlot = async <T>(work: (slot: SlotReader) => Promise<T>): Promise<T> => {
  const config = loadConfig(process.env);
  const slot = await SlotReader.open(redisUrl(config), config.SLOT);
  if (slot === undefined)
    throw new Fault('CONFIG_INVALID', 'Redis cannot be reached, and it keeps the dead letters');
  try {
    return await work(slot);
  } finally {
    slot.close();
  }
};

const list = (wanted: Wanted, limit: number, json: boolean): Promise<number> =>
  withSlot(async (slot) => {
    const rows: Row[] = [];
    for await (const letter of letters(slot, wanted)) {
      rows.push(rowOf(letter));
      if (rows.length === limit) break;
    }
    const total = await slot.dead.count();
    if (json) print(JSON.stringify({ total, letters: rows }));
    else {
      for (const row of rows) print(lineOf(row));
      print(`${String(rows.length)} shown, ${String(total)} dead letters in all`);
    }
    return 0;
  });

const show = (wanted: Wanted, json: boolean): Promise<number> =>
  withSlot(async (slot) => {
    for await (const letter of letters(slot, wanted)) {
      const row = rowOf(letter);
      if (json) print(JSON.stringify(row));
      else for (const [name, value] of Object.entries(row)) print(`${name.padEnd(12)} ${String(value)}`);
      return 0;
    }
    print('no such dead letter');
    return 1;
  });

const redrive = (wanted: Wanted, isDry: boolean, by: string, json: boolean): Promise<number> =>
  withSlot(async (slot) => {
    if (isDry) {
      const lanes: Record<string, number> = {};
      for await (const { lane } of letters(slot, wanted)) lanes[lane] = (lanes[lane] ?? 0) + 1;
      const count = Object.values(lanes).reduce((sum, one) => sum + one, 0);
      if (json) print(JSON.stringify({ dryRun: true, wouldRedrive: count, lanes }));
      else {
        for (const [lane, one] of Object.entries(lanes)) print(`${lane.padEnd(28)} ${String(one)}`);
        print(`${String(count)} dead letters would be put back; nothing was changed`);
      }
      return 0;
    }
    const work = await Redrive.open(loadConfig(process.env), VERSION, by);
    const result = await work.run(letters(slot, wanted));
    await work.close();
    if (json) print(JSON.stringify(result));
    else {
      print(`${String(result.redriven)} put back on their lanes, ${String(result.left)} left`);
      for (const [why, count] of Object.entries(result.refused ?? {}))
        print(`${why.padEnd(28)} ${String(count)}`);
    }
    return result.left === 0 ? 0 : 1;
  });

/** Those there were when it began: what dies again meanwhile is not taken up a second time. */
async function* letters(
  slot: SlotReader,
  { lane, code, subscription, id }: Wanted,
): AsyncGenerator<DeadLetter> {
  let left = await slot.dead.count();
  let after = '0-0';
  while (left > 0) {
    const page = await slot.dead.read(after, Math.min(PAGE, left));
    if (page.length === 0) return;
    left -= page.length;
    after = page.at(-1)?.id ?? after;
    for (const letter of page) {
      if (lane !== undefined && letter.lane !== lane) continue;
      if (code !== undefined && letter.code !== code) continue;
      if (subscription !== undefined && letter.subscription !== subscription) continue;
      if (id !== undefined && letter.id !== id && readEntry(letter)?.delivery.deliveryId !== id) continue;
      yield letter;
    }
  }
}

const readEntry = ({ entry }: DeadLetter): DecodedEntry | undefined => {
  try {
    return decodeEntry(entry);
  } catch {
    return undefined;
  }
};

const rowOf = (letter: DeadLetter): Row => {
  const { id, lane, subscription, priorityClass, seq, code, diedAtMs, entry, body } = letter;
  const delivery = readEntry(letter)?.delivery;
  return {
    id,
    lane,
    subscription,
    class: priorityClass,
    number: seq,
    code,
    died: new Date(diedAtMs).toISOString(),
    bytes: entry.length,
    body,
    delivery: delivery?.deliveryId ?? '',
    generation: delivery?.generation ?? 0,
    messageKey: delivery?.messageKey ?? '',
    from: delivery?.originatingOri ?? '',
    to: delivery === undefined ? '' : delivery.destination || delivery.groups.join('+'),
    resentOf: delivery?.resentOf ?? '',
  };
};

const lineOf = ({ id, lane, subscription, code, died, delivery, generation, messageKey, from, to }: Row) =>
  `${id}  ${died}  ${code}  ${lane}${subscription === '' ? '' : `/${subscription}`}  ${messageKey} ${from} > ${to}  ${delivery}.${String(generation)}`;
