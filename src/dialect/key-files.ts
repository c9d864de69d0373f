import type { CheckedFolder } from './checked-file.ts';
import { type KeyEntry, messageKeyFile } from './file-kinds.ts';

/** A dialect with more keys than this is a wrong folder, not a dialect. */
const keysMax = 1000;

/** The files of one folder's message-keys, by key. A dialect that stands on another may have none. */
export function readKeyFiles(files: CheckedFolder, mayBeNone: boolean): ReadonlyMap<string, KeyEntry> {
  if (!mayBeNone && !files.has('message-keys')) throw files.fault('message-keys', '', 'cannot be read');
  const names = files.names('message-keys', '.json');
  if (names.length > keysMax)
    throw files.fault('message-keys', '', `holds more than ${String(keysMax)} files`);
  const keys = new Map<string, KeyEntry>();
  for (const name of names) {
    const file = `message-keys/${name}`;
    const read = files.json(file, messageKeyFile);
    if (name !== `${read.key}.json`) throw files.fault(file, '/key', 'must be the name of its file');
    keys.set(read.key, read);
  }
  return keys;
}
