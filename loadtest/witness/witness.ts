import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Book, bookNames } from './books.ts';
import { BusReader } from './bus-reader.ts';
import { LineSender } from './line-sender.ts';
import { readLineSpec, readStationSpec } from './line-specs.ts';
import { MessageMaker, mixes } from './made-messages.ts';
import { readKeys } from './opened-body.ts';
import { gatewayOriDefault } from './output-frame.ts';
import { settle } from './settle.ts';
import { StationLine } from './station-line.ts';
import { type Running, statusOf } from './status.ts';

const usage = `witness.ts --lines NAME=HOST:PORT/ORI[/broadcast][/application],... --bus HOST:PORT --keys FILE --out FOLDER
           [--stations NAME=HOST:PORT/(link|none)|NAME=HOST:PORT/application/ORI,...] [--mix topics|stations|both]
           [--subscriptions point-to-point/all,broadcast/all] [--gateway-ori ORI] [--per-second N] [--window N] [--tag X]
witness.ts settle FOLDER

Sends on lines, acts as stations, reads the bus, and writes down everything. Runs until its input says "end" or closes, or Ctrl-C. "stop"
ends sending and goes on receiving; "unplug NAME" and "plug NAME" take a station away and back. Prints its counts twice a second.`;

const statusMs = 500;

const listOf = (text: string): readonly string[] => (text === '' ? [] : text.split(','));

const options = {
  lines: { type: 'string', default: '' },
  stations: { type: 'string', default: '' },
  mix: { type: 'string', default: 'topics' },
  bus: { type: 'string', default: '' },
  keys: { type: 'string', default: '' },
  out: { type: 'string', default: '' },
  subscriptions: { type: 'string', default: 'point-to-point/all,broadcast/all' },
  'gateway-ori': { type: 'string', default: gatewayOriDefault },
  'per-second': { type: 'string', default: '200' },
  window: { type: 'string', default: '64' },
  tag: { type: 'string', default: 'W' },
} as const;

const open = (args: readonly string[]): Running => {
  const { values } = parseArgs({ args: [...args], options });
  const [, host, port] = /^([\w.-]+):(\d+)$/.exec(values.bus) ?? [];
  const mix = mixes.find((one) => one === values.mix);
  if (host === undefined || values.out === '' || mix === undefined || !/^[A-Z]$/.test(values.tag))
    throw new Error(usage);
  const [lines, specs] = [
    listOf(values.lines).map(readLineSpec),
    listOf(values.stations).map(readStationSpec),
  ];
  const [gatewayOri, stationNames] = [values['gateway-ori'], specs.map(({ name }) => name)];

  const books = {
    sent: new Book(values.out, bookNames.sent),
    told: new Book(values.out, bookNames.told),
    got: new Book(values.out, bookNames.got),
    noted: new Book(values.out, bookNames.noted),
  };
  const subscriptions = listOf(values.subscriptions);
  const keys = readKeys(values.keys);
  return {
    books,
    reader: new BusReader({ host, port: Number(port), subscriptions, keys, got: books.got }),
    stations: specs.map((spec) => new StationLine({ ...spec, ...books, gatewayOri })),
    senders: lines.map(
      (line, lineNumber) =>
        new LineSender({
          ...books,
          line,
          gatewayOri,
          maker: new MessageMaker({ line, lineNumber, tag: values.tag, mix, stations: stationNames }),
          perSecond: Number(values['per-second']) / lines.length,
          windowMax: Number(values.window),
        }),
    ),
  };
};

const run = async (args: readonly string[]): Promise<void> => {
  const running = open(args);
  const { books, reader, senders, stations } = running;
  let state: 'sending' | 'stopped' = 'sending';
  const show = (): void => {
    process.stdout.write(`${JSON.stringify(statusOf(state, running))}\n`);
  };
  for (const station of stations) station.plug();
  for (const sender of senders) sender.start();
  const shows = setInterval(show, statusMs);

  const stop = async (): Promise<void> => {
    if (state === 'stopped') return;
    await Promise.all(senders.map((sender) => sender.stop()));
    books.told.flush();
    state = 'stopped';
  };
  const commands = createInterface({ input: process.stdin });
  process.once('SIGINT', () => {
    commands.close();
  });
  for await (const command of commands) {
    if (command === 'end') break;
    const [verb = '', name = ''] = command.split(' ');
    const station = stations.find((one) => one.name === name);
    if (verb === 'stop') await stop();
    else if (verb === 'plug') station?.plug();
    else if (verb === 'unplug') await station?.unplug();
    show();
  }
  await stop();
  clearInterval(shows);
  for (const sender of senders) sender.close();
  await Promise.all(stations.map((station) => station.unplug()));
  reader.stop();
  for (const book of Object.values(books)) book.close();
  process.exit(0);
};

const [first, folder] = process.argv.slice(2);
if (first === 'settle' && folder !== undefined) {
  const settlement = settle(folder);
  process.stdout.write(`${JSON.stringify(settlement, null, 2)}\n`);
  process.exitCode = settlement.ok ? 0 : 1;
} else await run(process.argv.slice(2));
