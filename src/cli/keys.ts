import { loadConfig } from '../config/config.ts';
import { loadDirectory } from '../directory/directory.ts';
import { keyOwners } from '../wiring/key-owners.ts';
import { KeysFolder } from '../wiring/keys-folder.ts';
import { print, readOptions, UsageError } from './usage.ts';

export const run = (args: readonly string[]): Promise<number> => {
  const { options, words } = readOptions(args, { 'if-missing': 'boolean' }, ['create']);
  if (words[0] !== 'create') throw new UsageError('expects: create');
  const config = loadConfig(process.env);
  if (options['if-missing'] && KeysFolder.isComplete(config.KEYS)) {
    print('the keys are there');
    return Promise.resolve(0);
  }
  const owners = keyOwners(loadDirectory(config.DIRECTORY));
  KeysFolder.create(config.KEYS, owners);
  print(`made keys for ${String(owners.length)} owners`);
  return Promise.resolve(0);
};
