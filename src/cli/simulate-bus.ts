import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type AccessPolicy, loadAccessPolicies } from '../simulate/service-bus/access-policies.ts';
import {
  connectionString,
  loadEmulatorConfig,
  loadFaultScript,
  startServiceBus,
} from '../simulate/service-bus/service-bus.ts';
import { keptTlsPair, loadTlsPair, type TlsPair } from '../simulate/service-bus/tls-certificate.ts';
import { numberOf } from './simulate-line.ts';
import { asFault } from './stand-in-fault.ts';
import { untilStopped } from './until-stopped.ts';
import { type Options, print, readOptions, UsageError } from './usage.ts';

export const BUS_CONFIG = 'examples/county-099/bus.json';
const PORT_MAX = 65_535;
const MIB = 1024 * 1024;
const MEMORY_MIB_MAX = 1_048_576;

/** `tenfour simulate bus`: the stand-in for Service Bus (src/simulate/service-bus/README.md). */
export const runBus = async (args: readonly string[]): Promise<number> => {
  const { options } = readOptions(args, kinds);
  const { bus, policies, tls } = await asFault(() => start(options));
  const file = options['connection-file'];
  if (file !== undefined) writeConnection(file, bus.port, keyForAll(policies));
  print(
    JSON.stringify({
      ready: 'bus',
      port: bus.port,
      controlPort: bus.controlPort,
      tls: tls !== undefined,
      ...(tls?.certPath === undefined ? {} : { NODE_EXTRA_CA_CERTS: tls.certPath }),
    }),
  );
  await untilStopped(options.attached);
  await bus.stop();
  return 0;
};

const kinds = {
  host: 'string',
  port: 'string',
  'control-port': 'string',
  config: 'string',
  data: 'string',
  'connection-file': 'string',
  'tls-cert': 'string',
  'tls-key': 'string',
  'tls-folder': 'string',
  policies: 'string',
  'accept-jwt': 'boolean',
  'memory-max': 'string',
  faults: 'string',
  attached: 'boolean',
} as const;
type BusOptions = Options<typeof kinds>;

const start = async (options: BusOptions) => {
  const tls = await tlsOf(options);
  const policies = options.policies === undefined ? undefined : await loadAccessPolicies(options.policies);
  const memoryMax = options['memory-max'];
  const bus = await startServiceBus({
    port: numberOf('--port', options.port ?? '0', 0, PORT_MAX),
    controlPort: numberOf('--control-port', options['control-port'] ?? '0', 0, PORT_MAX),
    config: await loadEmulatorConfig(options.config ?? BUS_CONFIG),
    takesJwt: options['accept-jwt'],
    ...(options.data === undefined ? {} : { dataDir: options.data }),
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(tls === undefined ? {} : { tls }),
    ...(policies === undefined ? {} : { policies }),
    ...(memoryMax === undefined
      ? {}
      : { memoryBytesMax: numberOf('--memory-max', memoryMax, 1, MEMORY_MIB_MAX) * MIB }),
    ...(options.faults === undefined ? {} : { faultScript: await loadFaultScript(options.faults) }),
  });
  return { bus, policies, tls };
};

/** `certPath`: of a certificate that was made here, which nobody trusts by itself. */
const tlsOf = async (options: BusOptions): Promise<(TlsPair & { certPath?: string }) | undefined> => {
  const { 'tls-cert': cert, 'tls-key': key, 'tls-folder': folder } = options;
  if (folder !== undefined && (cert ?? key) !== undefined)
    throw new UsageError('--tls-folder goes without --tls-cert and --tls-key');
  if (folder !== undefined) return keptTlsPair(folder, Date.now());
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw new UsageError('--tls-cert and --tls-key go together');
  return loadTlsPair(cert, key);
};

/** The policy whose key goes into the connection file: the first that may do everything, or the first. */
const keyForAll = (policies: readonly AccessPolicy[] = []): AccessPolicy | undefined =>
  policies.find(({ rights }) => rights.includes('Manage')) ?? policies[0];

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
export const writeConnection = (file: string, port: number, policy?: AccessPolicy): void => {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, `${connectionString(port, policy)}\n`, { mode: 0o600 });
};
