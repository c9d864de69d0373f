import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileKeySource } from '../client/key-source.ts';
import { PartsAssembler } from '../client/parts.ts';
import { loadConfig } from '../config/config.ts';
import { Fault } from '../message/codes.ts';
import { busFaults } from '../simulate/faults/faults.ts';
import { deadOnBus, deadShownMax, MdtWatch, type WatchedSubscription } from '../simulate/mdt/mdt-watch.ts';
import { asUsage, numberOf } from './simulate-line.ts';
import { say, watchEventSaid, wholeSaid } from './simulate-say.ts';
import { untilStopped } from './until-stopped.ts';
import { readOptions, UsageError } from './usage.ts';

const kinds = {
  'connection-file': 'string',
  keys: 'string',
  faults: 'string',
  count: 'string',
  dead: 'boolean',
  json: 'boolean',
  'show-body': 'boolean',
  whole: 'boolean',
  attached: 'boolean',
} as const;
const CRASHED = 70;
const OPTION = '--subscription';

/**
 * `tenfour simulate mdt`: cars and desks, one a subscription, until Ctrl-C or until `--count` messages came; with `--dead` lists the
 * dead letters of the subscriptions instead.
 */
export const runMdt = async (args: readonly string[]): Promise<number> => {
  const { subscriptions, rest } = subscriptionsIn(args);
  const { options } = readOptions(rest, kinds);
  const config = loadConfig(process.env);
  const style = { json: options.json, showBody: options['show-body'] };
  const connectionString = textIn(options['connection-file'] ?? config.BUS_FILE);
  if (options.dead) return listDead(connectionString, subscriptions, style);
  const countMax = numberOf('--count', options.count ?? '0', 0, 1_000_000_000);
  const keys = new FileKeySource(options.keys ?? join(config.KEYS, 'bus.json'));
  // Asked now: with a key file that cannot be read every message would be rejected until it is a dead letter.
  await keys.keyFor('');
  const enough = Promise.withResolvers<undefined>();
  let received = 0;
  const parts = new PartsAssembler({
    onWhole: (whole) => {
      say(wholeSaid(whole), style);
    },
  });
  const watch = new MdtWatch({
    connectionString,
    keys,
    subscriptions,
    faults: asUsage(() => busFaults(options.faults ?? '')),
    onEvent: (event) => {
      say(watchEventSaid(event), style);
      if (event.kind !== 'received') return;
      if (options.whole) parts.take(event.message);
      received += 1;
      if (received === countMax) enough.resolve(undefined);
    },
    crash: () => process.exit(CRASHED),
  });
  const names = subscriptions.map(({ topic, subscription }) => `${topic}/${subscription}`);
  say({ word: 'reading', text: names.join(', '), values: { subscriptions: names } }, style);
  watch.start();
  await Promise.race([untilStopped(options.attached), enough.promise]);
  await watch.stop();
  parts.stop();
  // Done before whoever started us closed it: it would keep us.
  if (options.attached) process.stdin.destroy();
  say({ word: 'end', text: `received ${String(received)}`, values: { received } }, style);
  return 0;
};

const listDead = async (
  connectionString: string,
  subscriptions: readonly WatchedSubscription[],
  style: Parameters<typeof say>[1],
): Promise<number> => {
  for (const from of subscriptions) {
    const at = `${from.topic}/${from.subscription}`;
    const letters = await deadOnBus(connectionString, from).catch(() => {
      throw new Fault('CONFIG_INVALID', `${at}: the bus is out of reach, or has no such subscription`);
    });
    for (const { messageId, reason } of letters)
      say(
        { word: 'dead', text: `${messageId} at ${at}: ${reason}`, values: { at, messageId, reason } },
        style,
      );
    say(
      {
        word: 'end',
        text: `${letters.length < deadShownMax ? '' : 'the oldest '}${String(letters.length)} dead letters at ${at}`,
        values: { at, dead: letters.length },
      },
      style,
    );
  }
  return 0;
};

/** `--subscription TOPIC/NAME` or `--subscription=TOPIC/NAME`, as often as wanted. */
const subscriptionsIn = (
  args: readonly string[],
): { subscriptions: readonly WatchedSubscription[]; rest: readonly string[] } => {
  const subscriptions: WatchedSubscription[] = [];
  const rest: string[] = [];
  const words = args.flatMap((word) => (word.startsWith(`${OPTION}=`) ? word.split(/=(.*)/s, 2) : [word]));
  for (let at = 0; at < words.length; at += 1) {
    if (words[at] !== OPTION) rest.push(words[at] ?? '');
    else {
      at += 1;
      const [topic, subscription, more] = (words[at] ?? '').split('/');
      if (!topic || !subscription || more !== undefined) throw new UsageError('--subscription is TOPIC/NAME');
      subscriptions.push({ topic, subscription });
    }
  }
  if (subscriptions.length === 0) throw new UsageError('which subscription? --subscription TOPIC/NAME');
  return { subscriptions, rest };
};

const textIn = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    throw new UsageError('the file with the connection string cannot be read: --connection-file FILE');
  }
};
