import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { type Dialect, loadDialect, loadFramings } from '../dialect/dialect.ts';
import { type Directory, type Line, loadDirectory } from '../directory/directory.ts';
import { Fault } from '../message/codes.ts';
import { KeyWatch } from '../vault/key-watch.ts';
import { openBus } from './bus-access.ts';
import { Inbound } from './inbound.ts';
import { KeysFolder } from './keys-folder.ts';
import { checkFramings, checkLogOns, checkReceipts, checkStates, lineDialectsOf } from './line-dialects.ts';
import { Outbound } from './outbound.ts';
import { type Role, RoleProcess } from './process.ts';
import { startRecording } from './recording.ts';
import { stationFacesOf } from './station-faces.ts';
import { Stations } from './stations.ts';
import { reachInForce, topologyInForce } from './topology-in-force.ts';
import { startBoard } from './watch-role.ts';
import { Writer } from './writer.ts';

export type RoleName = 'gateway' | 'courier' | 'recorder' | 'board';
export const VERSION = '0.1.0';

const NO_LINES: ReadonlyMap<string, number> = new Map();

/** Starts a role; resolves when it does its work. Throws a Fault when it cannot begin. */
export const startRole = (name: RoleName, config: Config): Promise<Role> => {
  switch (name) {
    case 'gateway':
      return startGateway(config);
    case 'courier':
      return startCourier(config);
    case 'recorder':
      return startRecorder(config);
    case 'board':
      return startBoard(config);
  }
};

const startGateway = async (config: Config): Promise<Role> => {
  const shared = new RoleProcess('gateway', config);
  const directory = loadDirectory(config.DIRECTORY);
  const lines = servedLines(directory, config);
  // Deliveries to stations may have come in on any line of the directory.
  const dialects = loadDialects(config.PROTOCOLS, [...directory.lines.values()]);
  const framings = loadFramings(config.PROTOCOLS);
  checkFramings(directory, framings);
  checkLogOns(directory, dialects);
  checkReceipts(directory, dialects);
  checkStates(directory, dialects);
  const lineDialects = lineDialectsOf(lines, dialects, framings);
  const keys = new KeysFolder(config.KEYS);
  const [vault, signer, fingerprints] = [keys.vault(), keys.signer(), keys.fingerprints()];
  const opsPort = await shared.serve();
  const queue = await shared.openQueue();
  const openWriter = (role: string): Promise<Writer> =>
    Writer.open(queue, role, config.INSTANCE, VERSION, signer, config.HEAD_MS);
  const writer = await openWriter('gateway');
  const { log, metrics } = shared;
  const parts = { config, directory, queue, vault, log, metrics };
  // What goes out to stations is settled beside the accepting, so it has a chain of its own.
  const stations = new Stations({ ...parts, dialects, writer: await openWriter('stations') });
  const reach = reachInForce(config, directory, log);
  const faces = stationFacesOf(directory, dialects);
  const inbound = new Inbound(
    { ...parts, lines, lineDialects, fingerprints, stations, writer, reach, faces },
    shared.fail,
  );
  shared.reasons = () => inbound.reasons;
  await stations.start(shared.fail);
  const linePorts = await inbound.start();
  started(shared, 'gateway', config, writer, opsPort, directory.version);
  return {
    opsPort,
    linePorts,
    failed: shared.failed,
    drain: async () => {
      log.event('process.draining', { role: 'gateway' });
      await inbound.drain();
      await stations.close();
      queue.close();
      await shared.close();
    },
  };
};

const startCourier = async (config: Config): Promise<Role> => {
  const shared = new RoleProcess('courier', config);
  const directory = loadDirectory(config.DIRECTORY);
  const dialects = loadDialects(config.PROTOCOLS, [...directory.lines.values()]);
  const keys = new KeysFolder(config.KEYS);
  const [vault, busSealer, signer] = [keys.vault(), keys.busSealer(), keys.signer()];
  const busOpener = keys.busOpener();
  const bus = await openBus(config, 'tenfour-courier');
  const opsPort = await shared.serve();
  const queue = await shared.openQueue();
  const writer = await Writer.open(queue, 'courier', config.INSTANCE, VERSION, signer, config.HEAD_MS);
  const { log, metrics } = shared;
  const outbound = new Outbound({
    config,
    directory,
    dialects,
    queue,
    vault,
    busSealer,
    busOpener,
    topology: topologyInForce(config, directory),
    bus,
    writer,
    log,
    metrics,
  });
  shared.reasons = () => outbound.reasons;
  const keyWatch = new KeyWatch([busSealer, busOpener], (code) => {
    log.event('keys.broken', { code });
  });
  await outbound.start(shared.fail);
  started(shared, 'courier', config, writer, opsPort, directory.version);
  return {
    opsPort,
    linePorts: NO_LINES,
    failed: shared.failed,
    drain: async () => {
      log.event('process.draining', { role: 'courier' });
      keyWatch.close();
      await outbound.drain();
      await bus.close();
      queue.close();
      await shared.close();
    },
  };
};

const startRecorder = async (config: Config): Promise<Role> => {
  const shared = new RoleProcess('recorder', config);
  const opsPort = await shared.serve();
  const queue = await shared.openQueue();
  const { log, metrics } = shared;
  const recording = await startRecording({ config, queue, log, metrics });
  shared.reasons = () => recording.reasons;
  log.event('process.started', {
    role: 'recorder',
    instance: config.INSTANCE,
    writer: '',
    predecessor: '',
    opsPort,
    directory: '',
  });
  return {
    opsPort,
    linePorts: NO_LINES,
    failed: shared.failed,
    drain: async () => {
      log.event('process.draining', { role: 'recorder' });
      await recording.stop();
      queue.close();
      await shared.close();
    },
  };
};

const started = (
  { log }: RoleProcess,
  role: RoleName,
  { INSTANCE }: Config,
  { name, predecessor }: Writer,
  opsPort: number,
  directory: string,
): void => {
  const { writer } = name;
  log.event('process.started', { role, instance: INSTANCE, writer, predecessor, opsPort, directory });
};

const servedLines = (directory: Directory, { LINES, LINE_HOST }: Config): readonly Line[] => {
  const names = LINES === '' ? [...directory.lines.keys()] : LINES.split(',');
  return names.map((name) => {
    const line = directory.lines.get(name.trim());
    if (line === undefined)
      throw new Fault('CONFIG_INVALID', 'TENFOUR_LINES names a line the directory lacks');
    return LINE_HOST === '' ? line : { ...line, host: LINE_HOST };
  });
};

const loadDialects = (folder: string, lines: readonly Line[]): ReadonlyMap<string, Dialect> =>
  new Map(
    [...new Set(lines.map(({ dialect }) => dialect))].map((name) => [name, loadDialect(join(folder, name))]),
  );
