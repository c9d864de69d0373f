import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lineName, lineOri, writeDirectory } from '../loadtest/installation.ts';
import { mixOf } from '../loadtest/mix.ts';
import { authorize } from '../src/authorize/authorize.ts';
import { loadDialect, loadFramings } from '../src/dialect/dialect.ts';
import { loadDirectory } from '../src/directory/directory.ts';
import type { Frame } from '../src/message/frame.ts';
import type { PermittedMessage } from '../src/message/message.ts';
import { FrameDecoder } from '../src/frame/frame.ts';
import { parse } from '../src/parse/parse.ts';
import { BusSealer } from '../src/vault/bus-sealer.ts';
import { createBusKeyFile, createStorageKeyFile, StorageVault } from '../src/vault/vault.ts';
import { validate } from '../src/validate/validate.ts';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'tenfour-bench-'));
process.once('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});

/** The load test's mix, made ready for each room: every benchmark goes through all of it, so its time is the mix's average. */
export const dialect = loadDialect(join(root, 'protocols', 'nlets-legacy'));
export const framings = loadFramings(join(root, 'protocols'));
export const directory = loadDirectory(writeDirectory(folder, 1));
const found = directory.lines.get(lineName(0));
if (found === undefined) throw new Error('the load directory has no line');
export const line = found;

const mix = mixOf(lineOri(0));
/** All 40 frames as they come in one read. */
export const chunk = Buffer.concat(mix.map(({ frame }) => frame));
export const frames: readonly Frame[] = new FrameDecoder(dialect.framing)
  .push(chunk)
  .filter((event) => event.kind === 'frame');
export const parsed = frames.flatMap((frame) => {
  const outcome = parse(frame, dialect);
  return outcome.ok ? [outcome.value] : [];
});
export const permitted: readonly PermittedMessage[] = parsed.flatMap((message) => {
  const outcome = authorize(message, line, dialect);
  return outcome.ok ? [outcome.value] : [];
});
export const valid = permitted.flatMap((message) => {
  const outcome = validate(message, dialect);
  return outcome.ok ? [outcome.value] : [];
});

createStorageKeyFile(join(folder, 'storage.json'));
createBusKeyFile(join(folder, 'bus.json'), [...directory.agencies.keys(), ...directory.groups.keys()]);
export const vault = StorageVault.fromKeyFile(join(folder, 'storage.json'));
export const busSealer = BusSealer.fromKeyFile(join(folder, 'bus.json'));
