import { loadEmulatorConfig, startServiceBus } from '../../src/simulate/service-bus/service-bus.ts';

/**
 * The stand-in alone in a process, so that a test can kill it: `stand-in-process.ts PORT [DATA_DIR]`. Tells its
 * parent the ports once it listens, and ends when the parent goes.
 */
const [port = '0', dataDir] = process.argv.slice(2);
const config = await loadEmulatorConfig(new URL('bus.json', import.meta.url).pathname);
const bus = await startServiceBus({
  port: Number(port),
  config,
  ...(dataDir === undefined ? {} : { dataDir }),
  messageBytesMax: 256 * 1024,
});
process.on('disconnect', () => process.exit());
process.send?.({ port: bus.port, controlPort: bus.controlPort });
