import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  connectionString,
  loadEmulatorConfig,
  startServiceBus,
} from '../simulate/service-bus/service-bus.ts';
import { numberOf } from './simulate-line.ts';
import { untilStopped } from './until-stopped.ts';
import { print, readOptions } from './usage.ts';

export const BUS_CONFIG = 'examples/county-099/bus.json';
const PORT_MAX = 65_535;

/** `tenfour simulate bus`: the stand-in for Service Bus (docs/stand-in.md). */
export const runBus = async (args: readonly string[]): Promise<number> => {
  const { options } = readOptions(args, {
    host: 'string',
    port: 'string',
    'control-port': 'string',
    config: 'string',
    data: 'string',
    'connection-file': 'string',
    attached: 'boolean',
  });
  const bus = await startServiceBus({
    port: numberOf('--port', options.port ?? '0', 0, PORT_MAX),
    controlPort: numberOf('--control-port', options['control-port'] ?? '0', 0, PORT_MAX),
    config: await loadEmulatorConfig(options.config ?? BUS_CONFIG),
    ...(options.data === undefined ? {} : { dataDir: options.data }),
    ...(options.host === undefined ? {} : { host: options.host }),
  });
  const file = options['connection-file'];
  if (file !== undefined) writeConnection(file, bus.port);
  print(JSON.stringify({ ready: 'bus', port: bus.port, controlPort: bus.controlPort }));
  await untilStopped(options.attached);
  await bus.stop();
  return 0;
};

/** The port of a stand-in on this machine that the file names; undefined when it is not there or names something else. */
export const connectionPort = (file: string): number | undefined => {
  try {
    const [, port] = /^Endpoint=sb:\/\/127\.0\.0\.1:(\d{1,5});/.exec(readFileSync(file, 'utf8')) ?? [];
    return port === undefined ? undefined : Number(port);
  } catch {
    return undefined;
  }
};

/** For whoever reads the bus by TENFOUR_BUS_FILE. */
export const writeConnection = (file: string, port: number): void => {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, `${connectionString(port)}\n`, { mode: 0o600 });
};
