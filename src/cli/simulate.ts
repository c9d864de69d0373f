import { loadEmulatorConfig, startServiceBus } from '../simulate/service-bus/service-bus.ts';
import { untilStopped } from './until-stopped.ts';
import { print, readOptions, UsageError } from './usage.ts';

const CONFIG = 'examples/county-099/bus.json';

export const run = async (args: readonly string[]): Promise<number> => {
  const { options, words } = readOptions(
    args,
    { port: 'string', 'control-port': 'string', config: 'string', data: 'string', attached: 'boolean' },
    ['bus'],
  );
  if (words[0] !== 'bus') throw new UsageError('expects: bus');
  const bus = await startServiceBus({
    port: portOf(options.port),
    controlPort: portOf(options['control-port']),
    config: await loadEmulatorConfig(options.config ?? CONFIG),
    ...(options.data === undefined ? {} : { dataDir: options.data }),
  });
  print(JSON.stringify({ ready: 'bus', port: bus.port, controlPort: bus.controlPort }));
  await untilStopped(options.attached);
  await bus.stop();
  return 0;
};

const portOf = (text: string | undefined): number => {
  const port = Number(text ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new UsageError('a port is 0 to 65535');
  return port;
};
