import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CheckedFolder, deepFreeze } from './checked-file.ts';
import { framingFile, framingOf } from './framing-file.ts';
import type { Framing } from './framing.ts';

/** More files than this are a wrong folder, not framings. */
const framingsMax = 1000;
const fileName = /^[a-z][a-z0-9-]{1,39}\.json$/;

/**
 * The framings that lines may name, from `framings/NAME.json` of the protocols folder; none where there is no such folder. Throws
 * DIALECT_INVALID naming file and JSON pointer, never a value. Meant for start-up.
 */
export function loadFramings(protocols: string): ReadonlyMap<string, Framing> {
  const folder = join(protocols, 'framings');
  if (!existsSync(folder)) return new Map();
  const files = new CheckedFolder(folder, 'DIALECT_INVALID');
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  if (names.length > framingsMax)
    throw files.fault('framings', '', `holds more than ${String(framingsMax)} files`);
  const framings = names.sort().map((file): readonly [string, Framing] => {
    if (!fileName.test(file)) throw files.fault(file, '', 'must be named in lower case with hyphens');
    return [file.slice(0, -'.json'.length), framingOf(files.json(file, framingFile))];
  });
  return deepFreeze(new Map(framings));
}
