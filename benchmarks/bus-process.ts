import {
  connectionString,
  parseEmulatorConfig,
  startServiceBus,
} from '../src/simulate/service-bus/service-bus.ts';

/** The stand-in in a process of its own: tells its port, and for every question its CPU time so far. Ends with its parent. */
const entity = { LockDuration: 'PT5M', DefaultMessageTimeToLive: 'PT1H' };
const queue = { Name: 'kept', Properties: entity };
const config = parseEmulatorConfig({
  UserConfig: {
    Namespaces: [{ Name: 'bench', Queues: [queue], Topics: [{ Name: 'nobody-reads', Subscriptions: [] }] }],
  },
});
const bus = await startServiceBus({ port: 0, config });
process.on('disconnect', () => process.exit());
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system, rssMb: Math.round(process.memoryUsage.rss() / 1_048_576) });
});
process.send?.({ connection: connectionString(bus.port), port: bus.port });
