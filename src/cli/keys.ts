import { loadConfig } from '../config/config.ts';
import { loadDirectory } from '../directory/directory.ts';
import { addBusEpoch, readBusKeyFile, writeReceiverKeyFile } from '../vault/key-file.ts';
import { keyOwners } from '../wiring/key-owners.ts';
import { KeysFolder } from '../wiring/keys-folder.ts';
import { print, readOptions, UsageError } from './usage.ts';

const HOUR_MS = 3_600_000;
const DELAY_HOURS_DEFAULT = 24;
/** A year: a key that is to seal later than that is forgotten. */
const DELAY_HOURS_MAX = 8_760;
const OWNERS_MAX = 1000;

export const run = (args: readonly string[]): Promise<number> => {
  const [verb = '', ...rest] = args;
  switch (verb) {
    case 'create':
      return Promise.resolve(create(rest));
    case 'rotate':
      return Promise.resolve(rotate(rest));
    case 'export':
      return Promise.resolve(exportKeys(rest));
    default:
      throw new UsageError('expects: create, rotate or export');
  }
};

const create = (args: readonly string[]): number => {
  const { options } = readOptions(args, { 'if-missing': 'boolean' });
  const config = loadConfig(process.env);
  if (options['if-missing'] && KeysFolder.isComplete(config.KEYS)) {
    print('the keys are there');
    return 0;
  }
  const owners = keyOwners(loadDirectory(config.DIRECTORY));
  KeysFolder.create(config.KEYS, owners);
  print(`made keys for ${String(owners.length)} owners`);
  return 0;
};

const rotate = (args: readonly string[]): number => {
  const { options } = readOptions(args, { owner: 'string', 'in-hours': 'string' });
  const { owner } = options;
  if (owner === undefined) throw new UsageError('rotate expects --owner ID');
  const given = options['in-hours'] ?? String(DELAY_HOURS_DEFAULT);
  // Empty is no 0: that would seal at once.
  const hours = given.trim() === '' ? NaN : Number(given);
  if (!(hours >= 0 && hours <= DELAY_HOURS_MAX)) throw new UsageError('--in-hours is 0 to 8760');
  const activeFrom = new Date(Date.now() + hours * HOUR_MS);
  const epoch = addBusEpoch(new KeysFolder(loadConfig(process.env).KEYS).busFile, owner, activeFrom);
  print(`${owner}.${String(epoch)} seals from ${activeFrom.toISOString()} on`);
  print('before that, give the receivers their new file: tenfour keys export');
  return 0;
};

const exportKeys = (args: readonly string[]): number => {
  const { options } = readOptions(args, { owner: 'string', out: 'string' });
  const owners = options.owner?.split(',') ?? [];
  if (owners.length === 0 || owners.length > OWNERS_MAX || options.out === undefined)
    throw new UsageError('export expects --owner ID[,ID ...] --out FILE');
  const ring = readBusKeyFile(new KeysFolder(loadConfig(process.env).KEYS).busFile);
  writeReceiverKeyFile(options.out, ring, owners);
  print(`wrote the keys of ${owners.join(', ')}`);
  return 0;
};
