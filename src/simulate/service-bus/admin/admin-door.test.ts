import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ServiceBusAdministrationClient, ServiceBusClient } from '@azure/service-bus';
import { connectionString, parseEmulatorConfig, startServiceBus } from '../service-bus.ts';
import { keptTlsPair } from '../tls-certificate.ts';
import { overPlainHttp } from './plain-http.ts';

const plainAdmin = (connection: string) =>
  overPlainHttp(new ServiceBusAdministrationClient(connection, { retryOptions: { maxRetries: 0 } }));

const waitMs = 20_000;
const config = {
  UserConfig: { Namespaces: [{ Name: 'ns', Topics: [{ Name: 'file', Subscriptions: [{ Name: 'all' }] }] }] },
};

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'bus-admin-'));
  context.after(() => {
    rmSync(path, { recursive: true });
  });
  return path;
}

/** Runs a module's text where the stand-in's modules are found, and gives its first line of output. */
async function run(
  context: TestContext,
  text: string,
  env: Record<string, string> = {},
): Promise<{ readonly child: ChildProcess; readonly line: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
    cwd: dirname(import.meta.dirname),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  context.after(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(waitMs) })) as [Buffer];
  return { child, line: line.toString().trim() };
}

const standIn = (dataDir: string): string => `
  import { parseEmulatorConfig, startServiceBus } from './service-bus.ts';
  const config = parseEmulatorConfig(${JSON.stringify(config)});
  const bus = await startServiceBus({ port: 0, config, dataDir: ${JSON.stringify(dataDir)} });
  process.stdout.write(String(bus.port));
`;

test('what was made, changed and deleted at run time is there after a kill', async (context) => {
  const dataDir = folder(context);
  const first = await run(context, standIn(dataDir));
  const admin = plainAdmin(connectionString(Number(first.line)));
  await admin.createTopic('t', { userMetadata: 'é <x>' });
  await admin.createSubscription('t', 's', { lockDuration: 'PT7S', requiresSession: true });
  await admin.createQueue('q', { maxDeliveryCount: 3 });
  await admin.createQueue('deleted');
  const client = new ServiceBusClient(connectionString(Number(first.line)));
  const rules = client.createRuleManager('file', 'all');
  await rules.createRule('over-amqp', { subject: 'x' });
  await rules.deleteRule('$Default');
  await client.createSender('q').sendMessages({ body: 'kept' });
  await client.createSender('deleted').sendMessages({ body: 'lost' });
  await client.close();
  await admin.deleteQueue('deleted');
  await admin.createQueue('deleted');
  await admin.updateQueue({ ...(await admin.getQueue('q')), maxDeliveryCount: 4 });
  const wanted = { ...(await admin.getSubscription('t', 's')) };
  const gone = once(first.child, 'exit');
  first.child.kill('SIGKILL');
  await gone;

  const second = await run(context, standIn(dataDir));
  const again = plainAdmin(connectionString(Number(second.line)));
  assert.deepEqual({ ...(await again.getSubscription('t', 's')) }, wanted);
  assert.equal((await again.getTopic('t')).userMetadata, 'é <x>');
  assert.equal((await again.getQueue('q')).maxDeliveryCount, 4);
  assert.equal((await again.getQueueRuntimeProperties('q')).activeMessageCount, 1);
  assert.equal((await again.getQueueRuntimeProperties('deleted')).totalMessageCount, 0);
  const names = [];
  for await (const { name } of again.listRules('file', 'all')) names.push(name);
  assert.deepEqual(names, ['over-amqp']);
});

test('the unmodified client of the SDK speaks to it over TLS on the one port', async (context) => {
  const tls = await keptTlsPair(folder(context), Date.now());
  const bus = await startServiceBus({ port: 0, config: parseEmulatorConfig(config), tls });
  context.after(() => bus.stop());
  const { line } = await run(
    context,
    `import { ServiceBusAdministrationClient } from '@azure/service-bus';
     const admin = new ServiceBusAdministrationClient(${JSON.stringify(
       `Endpoint=sb://localhost:${String(bus.port)};SharedAccessKeyName=k;SharedAccessKey=v`,
     )});
     await admin.createQueue('over-tls', { maxDeliveryCount: 7 });
     const { name, maxDeliveryCount } = await admin.getQueue('over-tls');
     process.stdout.write(name + ' ' + maxDeliveryCount);`,
    { NODE_EXTRA_CA_CERTS: tls.certPath },
  );
  assert.equal(line, 'over-tls 7');
  assert.ok('over-tls' in bus.stats().queues);
});
