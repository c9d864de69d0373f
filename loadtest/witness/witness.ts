import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Book, bookNames } from './books.ts';
import { BusReader } from './bus-reader.ts';
import { LineSender } from './line-sender.ts';
import { type LineSpec, MessageMaker } from './made-messages.ts';
import { readKeys } from './opened-body.ts';
import { settle } from './settle.ts';

const usage = `witness.ts --lines NAME=HOST:PORT/ORI[/broadcast],... --bus HOST:PORT --keys FILE --out FOLDER
           [--subscriptions point-to-point/all,broadcast/all] [--per-second N] [--window N] [--tag X]
witness.ts settle FOLDER

Runs until its input says "end" or closes, or Ctrl-C. "stop" ends sending and goes on receiving. Prints its counts twice a second.`;

const statusMs = 500;

/** `ca-dispatch=127.0.0.1:17001/CA0990100/broadcast` */
const readLine = (text: string): LineSpec => {
  const match = /^([\w-]+)=([\w.-]+):(\d+)\/([A-Z0-9]{9})(\/broadcast)?$/.exec(text);
  if (match === null) throw new Error(usage);
  const [, name = '', host = '', port = '', ori = '', broadcast] = match;
  return { name, host, port: Number(port), ori, mayBroadcast: broadcast !== undefined };
};

const run = async (args: readonly string[]): Promise<void> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      lines: { type: 'string', default: '' },
      bus: { type: 'string', default: '' },
      keys: { type: 'string', default: '' },
      out: { type: 'string', default: '' },
      subscriptions: { type: 'string', default: 'point-to-point/all,broadcast/all' },
      'per-second': { type: 'string', default: '200' },
      window: { type: 'string', default: '64' },
      tag: { type: 'string', default: 'W' },
    },
  });
  const lines = values.lines.split(',').map(readLine);
  const [, host, port] = /^([\w.-]+):(\d+)$/.exec(values.bus) ?? [];
  if (host === undefined || values.out === '' || !/^[A-Z]$/.test(values.tag)) throw new Error(usage);

  const sent = new Book(values.out, bookNames.sent);
  const told = new Book(values.out, bookNames.told);
  const got = new Book(values.out, bookNames.got);
  const subscriptions = values.subscriptions.split(',');
  const reader = new BusReader({ host, port: Number(port), subscriptions, keys: readKeys(values.keys), got });
  const senders = lines.map(
    (line, at) =>
      new LineSender({
        line,
        maker: new MessageMaker(line, values.tag, at),
        sent,
        told,
        perSecond: Number(values['per-second']) / lines.length,
        windowMax: Number(values.window),
      }),
  );
  let state = 'sending';
  const show = (): void => {
    const counts = senders.map((sender) => sender.counts);
    const sum = (of: (one: (typeof counts)[number]) => number): number =>
      counts.reduce((total, one) => total + of(one), 0);
    const status = {
      state,
      sent: sum((one) => one.sent),
      acked: sum((one) => one.acked),
      refused: sum((one) => one.refused),
      nak: sum((one) => one.nak),
      silent: sum((one) => one.silent),
      connects: sum((one) => one.connects),
      got: reader.got,
    };
    process.stdout.write(`${JSON.stringify(status)}\n`);
  };
  for (const sender of senders) sender.start();
  const shows = setInterval(show, statusMs);

  const commands = createInterface({ input: process.stdin });
  process.once('SIGINT', () => {
    commands.close();
  });
  for await (const command of commands) {
    if (command === 'end') break;
    if (command !== 'stop' || state !== 'sending') continue;
    await Promise.all(senders.map((sender) => sender.stop()));
    told.flush();
    state = 'stopped';
    show();
  }
  if (state === 'sending') await Promise.all(senders.map((sender) => sender.stop()));
  clearInterval(shows);
  reader.stop();
  for (const book of [sent, told, got]) book.close();
  process.exit(0);
};

const [first, folder] = process.argv.slice(2);
if (first === 'settle' && folder !== undefined) {
  const settlement = settle(folder);
  process.stdout.write(`${JSON.stringify(settlement, null, 2)}\n`);
  process.exitCode = settlement.ok ? 0 : 1;
} else await run(process.argv.slice(2));
