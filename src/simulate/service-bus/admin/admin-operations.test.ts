import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { ServiceBusAdministrationClient } from '@azure/service-bus';
import { parseEmulatorConfig, type ServiceBus, startServiceBus } from '../service-bus.ts';
import { overPlainHttp } from './plain-http.ts';

const plainAdmin = (connection: string) =>
  overPlainHttp(new ServiceBusAdministrationClient(connection, { retryOptions: { maxRetries: 0 } }));

const config = parseEmulatorConfig({
  UserConfig: { Namespaces: [{ Name: 'ns', Queues: [{ Name: 'of-the-file' }] }] },
});
const manager = { name: 'manager', key: 'a key of the manager', rights: ['Manage'] as const };
const sender = { name: 'sender', key: 'a key of the sender', rights: ['Send', 'Listen'] as const };
const connectionOf = (port: number, name: string, key: string): string =>
  `Endpoint=sb://127.0.0.1:${String(port)};SharedAccessKeyName=${name};SharedAccessKey=${key};UseDevelopmentEmulator=true`;

let bus: ServiceBus;
let admin: ServiceBusAdministrationClient;
before(async () => {
  bus = await startServiceBus({ port: 0, config, policies: [manager, sender] });
  admin = plainAdmin(connectionOf(bus.port, manager.name, manager.key));
});
after(() => bus.stop());

const never = 'P10675199DT2H48M5.4775807S';
const refusedWith = (statusCode: number, code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Error && 'statusCode' in error && 'code' in error, String(error));
  assert.deepEqual([error.statusCode, error.code], [statusCode, code]);
  assert.match(error.message, message);
  return true;
};

test('a topic is made, read, changed, listed and deleted', async () => {
  const made = await admin.createTopic('orders', {
    defaultMessageTimeToLive: 'PT1H30M0.5S',
    requiresDuplicateDetection: true,
    duplicateDetectionHistoryTimeWindow: 'P1DT2H',
    maxSizeInMegabytes: 2048,
    userMetadata: 'says <this> & "that"',
  });
  assert.equal(made.name, 'orders');
  const read = await admin.getTopic('ORDERS');
  assert.deepEqual({ ...read }, { ...made });
  const { defaultMessageTimeToLive, duplicateDetectionHistoryTimeWindow, ...rest } = read;
  assert.deepEqual(
    [defaultMessageTimeToLive, duplicateDetectionHistoryTimeWindow],
    ['PT1H30M0.5S', 'P1DT2H'],
  );
  assert.deepEqual(
    [rest.maxSizeInMegabytes, rest.requiresDuplicateDetection, rest.userMetadata, rest.status],
    [2048, true, 'says <this> & "that"', 'Active'],
  );
  const changed = await admin.updateTopic({ ...read, userMetadata: '', autoDeleteOnIdle: 'PT5M' });
  assert.deepEqual([changed.userMetadata, changed.autoDeleteOnIdle], [undefined, 'PT5M']);
  assert.equal((await admin.getTopic('orders')).autoDeleteOnIdle, 'PT5M');
  const runtime = await admin.getTopicRuntimeProperties('orders');
  assert.deepEqual(
    [runtime.subscriptionCount, runtime.scheduledMessageCount, runtime.sizeInBytes],
    [0, 0, 0],
  );
  assert.ok(Number(runtime.modifiedAt) >= Number(runtime.createdAt));
  assert.deepEqual(await namesOf(admin.listTopics()), ['orders']);
  assert.deepEqual(await namesOf(admin.listTopicsRuntimeProperties()), ['orders']);
  assert.equal(await admin.topicExists('orders'), true);
  await admin.deleteTopic('Orders');
  assert.equal(await admin.topicExists('orders'), false);
});

test('a queue is made, read, changed, listed and deleted', async () => {
  const made = await admin.createQueue('dir/jobs', { requiresSession: true, lockDuration: 'PT10S' });
  assert.deepEqual(
    [
      made.name,
      made.lockDuration,
      made.maxDeliveryCount,
      made.requiresSession,
      made.defaultMessageTimeToLive,
    ],
    ['dir/jobs', 'PT10S', 10, true, never],
  );
  const changed = await admin.updateQueue({ ...made, maxDeliveryCount: 3, lockDuration: 'PT20S' });
  assert.deepEqual([changed.maxDeliveryCount, changed.lockDuration], [3, 'PT20S']);
  assert.deepEqual({ ...(await admin.getQueue('dir/jobs')) }, { ...changed });
  assert.equal((await admin.getQueueRuntimeProperties('dir/jobs')).totalMessageCount, 0);
  assert.deepEqual(await namesOf(admin.listQueues()), ['of-the-file', 'dir/jobs']);
  assert.deepEqual(await namesOf(admin.listQueuesRuntimeProperties()), ['of-the-file', 'dir/jobs']);
  await admin.deleteQueue('dir/jobs');
  assert.deepEqual(
    [await admin.queueExists('dir/jobs'), await admin.queueExists('of-the-file')],
    [false, true],
  );
});

test('a subscription is made with the rule that takes everything, or with the one it asks for', async () => {
  await admin.createTopic('news');
  const made = await admin.createSubscription('news', 'plain', { maxDeliveryCount: 2000 });
  assert.deepEqual([made.topicName, made.subscriptionName, made.maxDeliveryCount], ['news', 'plain', 2000]);
  assert.equal(made.deadLetteringOnFilterEvaluationExceptions, true);
  const [only] = await rulesOf('plain');
  assert.deepEqual(
    [only?.name, only?.filter],
    ['$Default', { sqlExpression: '1=1', sqlParameters: undefined }],
  );
  await admin.createSubscription('news', 'picky', {
    defaultRuleOptions: {
      name: 'first',
      filter: { subject: 'a', applicationProperties: { n: 1, t: true, s: ' x ' } },
    },
  });
  const [first] = await rulesOf('picky');
  assert.ok(first !== undefined && 'subject' in first.filter);
  assert.deepEqual(
    [first.name, first.filter.subject, first.filter.applicationProperties],
    ['first', 'a', { n: 1, t: true, s: ' x ' }],
  );
  const changed = await admin.updateSubscription({ ...made, lockDuration: 'PT2M' });
  assert.equal(changed.lockDuration, 'PT2M');
  const listed = [];
  for await (const { subscriptionName } of admin.listSubscriptions('news')) listed.push(subscriptionName);
  assert.deepEqual(listed, ['plain', 'picky']);
  assert.equal((await admin.getSubscriptionRuntimeProperties('news', 'plain')).totalMessageCount, 0);
  for await (const runtime of admin.listSubscriptionsRuntimeProperties('news'))
    assert.equal(runtime.activeMessageCount, 0);
  assert.equal((await admin.getTopicRuntimeProperties('news')).subscriptionCount, 2);
  await admin.deleteSubscription('news', 'picky');
  assert.equal(await admin.subscriptionExists('news', 'picky'), false);
  await admin.deleteTopic('news');
  assert.equal(await admin.subscriptionExists('news', 'plain'), false);
});

test('a rule is made, read, changed, listed and deleted', async () => {
  await admin.createTopic('ruled');
  await admin.createSubscription('ruled', 's');
  const sql = { sqlExpression: "n > 1 AND s <> '<&>'" };
  await admin.createRule('ruled', 's', 'by-sql', sql, { sqlExpression: "SET tag = 'x'" });
  const bySql = await admin.getRule('ruled', 's', 'BY-SQL');
  assert.deepEqual(
    [bySql.name, bySql.filter, bySql.action.sqlExpression],
    ['by-sql', { ...sql, sqlParameters: undefined }, "SET tag = 'x'"],
  );
  await admin.updateRule('ruled', 's', { ...bySql, filter: { correlationId: 'c' }, action: {} });
  const changed = await admin.getRule('ruled', 's', 'by-sql');
  assert.ok('correlationId' in changed.filter);
  assert.deepEqual([changed.filter.correlationId, changed.action.sqlExpression], ['c', undefined]);
  assert.deepEqual(await namesOf(admin.listRules('ruled', 's')), ['$Default', 'by-sql']);
  await admin.deleteRule('ruled', 's', '$Default');
  assert.deepEqual(
    [await admin.ruleExists('ruled', 's', '$Default'), await admin.ruleExists('ruled', 's', 'by-sql')],
    [false, true],
  );
  await admin.deleteTopic('ruled');
});

test('lists of more than a page are read to their end, also from the middle', async () => {
  const wanted = Array.from({ length: 230 }, (_, at) => `many-${String(at)}`);
  for (let at = 0; at < wanted.length; at += 20)
    await Promise.all(wanted.slice(at, at + 20).map((name) => admin.createTopic(name)));
  assert.deepEqual((await namesOf(admin.listTopics())).sort(), [...wanted].sort());
  const sizes = [];
  let token: string | undefined;
  for await (const page of admin.listTopics().byPage({ maxPageSize: 90 })) {
    sizes.push(page.length);
    token ??= page.continuationToken;
  }
  assert.deepEqual(sizes, [90, 90, 50]);
  assert.equal(token, '90');
  for await (const page of admin.listTopics().byPage({ continuationToken: token, maxPageSize: 90 }))
    sizes.push(page.length);
  assert.deepEqual(sizes, [90, 90, 50, 90, 50]);
  for (let at = 0; at < wanted.length; at += 20)
    await Promise.all(wanted.slice(at, at + 20).map((name) => admin.deleteTopic(name)));
  assert.deepEqual(await namesOf(admin.listTopics()), []);
});

test('the namespace says of which kind it is', async () => {
  const { name, messagingSku } = await admin.getNamespaceProperties();
  assert.deepEqual([name, messagingSku], ['127.0.0.1', 'Standard']);
});

test('what is there already, is not there or has no place is refused with the service’s codes', async () => {
  await admin.createTopic('there');
  await admin.createSubscription('there', 's');
  const exists = refusedWith(409, 'MessageEntityAlreadyExistsError', /already exists/);
  await assert.rejects(admin.createTopic('THERE'), exists);
  await assert.rejects(admin.createQueue('there'), exists);
  await assert.rejects(admin.createSubscription('there', 'S'), exists);
  await assert.rejects(admin.createRule('there', 's', '$default', { sqlExpression: '1=1' }), exists);
  const missing = refusedWith(404, 'MessageEntityNotFoundError', /could not be found/);
  await assert.rejects(admin.getTopic('nowhere'), missing);
  await assert.rejects(
    admin.getTopic('of-the-file').then(() => admin.getRule('there', 's', 'no')),
    missing,
  );
  await assert.rejects(admin.createSubscription('nowhere', 's'), missing);
  await assert.rejects(admin.createSubscription('of-the-file', 's'), missing);
  await assert.rejects(admin.createRule('there', 'no', 'r', { sqlExpression: '1=1' }), missing);
  await assert.rejects(admin.deleteQueue('nowhere'), missing);
  await assert.rejects(admin.deleteSubscription('there', 'no'), missing);
  await assert.rejects(admin.deleteRule('there', 's', 'no'), missing);
  const topic = await admin.getTopic('there');
  await assert.rejects(admin.updateTopic({ ...topic, name: 'nowhere' }), missing);
  const subscription = await admin.getSubscription('there', 's');
  await assert.rejects(admin.updateSubscription({ ...subscription, subscriptionName: 'no' }), missing);
  await assert.rejects(
    admin.updateRule('there', 's', { ...(await admin.getRule('there', 's', '$Default')), name: 'no' }),
    missing,
  );
  await admin.deleteTopic('there');
});

test('what cannot be, cannot change or is not played is refused and named', async () => {
  const wrong = (message: RegExp) => refusedWith(400, 'ServiceError', message);
  const queue = await admin.getQueue('of-the-file');
  for (const [options, message] of [
    [{ forwardTo: 'of-the-file' }, /ForwardTo .*not played/],
    [{ forwardDeadLetteredMessagesTo: 'of-the-file' }, /ForwardDeadLetteredMessagesTo .*not played/],
    [{ enablePartitioning: true }, /EnablePartitioning is not played/],
    [{ enableExpress: true }, /EnableExpress is not played/],
    [
      {
        authorizationRules: [{ claimType: 'SharedAccessKey', keyName: 'k', accessRights: ['Send' as const] }],
      },
      /AuthorizationRules .*not played/,
    ],
    [{ lockDuration: 'PT6M' }, /LockDuration: must be .* PT1S to PT5M/],
    [{ lockDuration: 'soon' }, /LockDuration/],
    [{ maxDeliveryCount: 0 }, /MaxDeliveryCount/],
    [{ maxDeliveryCount: 2001 }, /MaxDeliveryCount/],
    [{ defaultMessageTimeToLive: 'PT0S' }, /DefaultMessageTimeToLive/],
    [{ duplicateDetectionHistoryTimeWindow: 'P8D' }, /DuplicateDetectionHistoryTimeWindow/],
    [{ autoDeleteOnIdle: 'PT4M59S' }, /AutoDeleteOnIdle/],
    [{ maxSizeInMegabytes: 81_921 }, /MaxSizeInMegabytes/],
    [{ userMetadata: 'x'.repeat(1_025) }, /UserMetadata/],
    [{ status: 'Restoring' as never }, /Status/],
  ] as const) {
    await assert.rejects(admin.createQueue('wrong', options as never), wrong(message));
    await assert.rejects(admin.updateQueue({ ...queue, ...(options as object) }), wrong(message));
  }
  await assert.rejects(admin.updateQueue({ ...queue, requiresSession: true }), wrong(/RequiresSession/));
  await assert.rejects(
    admin.updateQueue({ ...queue, requiresDuplicateDetection: true }),
    wrong(/RequiresDuplicateDetection/),
  );
  assert.deepEqual({ ...(await admin.getQueue('of-the-file')) }, { ...queue });
  for (const name of ['-x', 'x-', 'a//b', 'x y', 'x/subscriptions/y', 'é', 'x'.repeat(261)])
    await assert.rejects(admin.createTopic(name), (error) => error instanceof Error, name);
  await admin.createTopic('held');
  await assert.rejects(admin.createSubscription('held', 'x'.repeat(51)), wrong(/1 to 50/));
  await admin.createSubscription('held', 's');
  await assert.rejects(admin.createRule('held', 's', 'r', { sqlExpression: 'a >' }), wrong(/character 4/));
  await assert.rejects(
    admin.createRule('held', 's', 'r', { sqlExpression: 'a = @p', sqlParameters: { '@p': 1 } }),
    wrong(/Parameters/),
  );
  await assert.rejects(admin.createRule('held', 's', 'r', {}), wrong(/needs a condition/));
  await assert.rejects(admin.createRule('held', 's', 'a@b', { subject: 'x' }), wrong(/rule's name/));
  await assert.rejects(
    admin.createRule('held', 's', 'r', { applicationProperties: { at: new Date() } }),
    wrong(/string, an int/),
  );
  // What the log cannot keep would be a fault at the next start.
  for (const n of [Infinity, -Infinity, NaN])
    await assert.rejects(
      admin.createRule('held', 's', 'r', { applicationProperties: { n } }),
      wrong(/string, an int/),
    );
  await admin.deleteTopic('held');
});

test('a topic holds no more subscriptions and rules than the service allows', async (context) => {
  const sql = { FilterType: 'Sql', SqlFilter: { SqlExpression: 'a = 1' } };
  const rules = Array.from({ length: 2_000 }, (_, at) => ({ Name: `r${String(at)}`, Properties: sql }));
  const subscriptions = Array.from({ length: 2_000 }, (_, at) => ({
    Name: `s${String(at)}`,
    Rules: at === 0 ? rules : [],
  }));
  const crowded = await startServiceBus({
    port: 0,
    config: parseEmulatorConfig({
      UserConfig: { Namespaces: [{ Name: 'ns', Topics: [{ Name: 'full', Subscriptions: subscriptions }] }] },
    }),
  });
  context.after(() => crowded.stop());
  const full = plainAdmin(connectionOf(crowded.port, 'any', 'key'));
  await assert.rejects(
    full.createSubscription('full', 'one-more'),
    refusedWith(403, 'QuotaExceededError', /maximum number of subscriptions .* 2000/),
  );
  await assert.rejects(
    full.createRule('full', 's1', 'one-more', { sqlExpression: 'a = 1' }),
    refusedWith(403, 'QuotaExceededError', /maximum number of SQL rules .* 2000/),
  );
  await full.createRule('full', 's1', 'another kind', { subject: 'x' });
  await full.updateRule('full', 's0', { ...(await full.getRule('full', 's0', 'r7')) });
  await full.deleteRule('full', 's0', 'r7');
  await full.createRule('full', 's1', 'one-more', { sqlExpression: 'a = 1' });
  await full.deleteSubscription('full', 's9');
  await full.createSubscription('full', 'one-more');
});

test('only a token with the Manage right is taken', async () => {
  const refused = (message: RegExp) => refusedWith(401, 'UnauthorizedRequestError', message);
  const weak = plainAdmin(connectionOf(bus.port, sender.name, sender.key));
  await assert.rejects(weak.getQueue('of-the-file'), refused(/'Manage' right/));
  const forged = plainAdmin(connectionOf(bus.port, manager.name, 'another key'));
  await assert.rejects(forged.createTopic('forged'), refused(/InvalidSignature/));
  const { status, text } = await raw('GET', '/of-the-file', '', {});
  assert.equal(status, 401);
  assert.match(text, /<Code>401<\/Code>/);
  assert.equal(await admin.topicExists('forged'), false);
});

test('a version of an entity is not asked for by its tag', async () => {
  const authorization = await tokenFor('/of-the-file');
  for (const method of ['PUT', 'DELETE']) {
    const { status } = await raw(method, '/of-the-file', '', { authorization, 'if-match': '"7"' });
    assert.equal(status, 412);
  }
  assert.equal(await admin.queueExists('of-the-file'), true);
});

test('bodies that are too long, too deep, damaged or declare entities are refused', async () => {
  const authorization = await tokenFor('/damaged');
  const put = (body: string) => raw('PUT', '/damaged', body, { authorization });
  const entry = (inner: string) => `<entry><content>${inner}</content></entry>`;
  assert.equal((await put(entry('<TopicDescription/>'.padEnd(1_100_000)))).status, 413);
  // One that goes on and on is cut.
  const unasked = { authorization: 'none', 'content-length': '1000000000000', expect: '100-continue' };
  const flood = connect(bus.port, '127.0.0.1');
  const heads = Object.entries({ host: 'x', ...unasked }).map(([name, value]) => `${name}: ${value}\r\n`);
  flood.resume();
  flood.write(`PUT /damaged HTTP/1.1\r\n${heads.join('')}\r\n`);
  const more = setInterval(() => flood.write(Buffer.alloc(1_000_000)), 1);
  const giveUp = setTimeout(() => flood.destroy(new Error('given up')), 20_000);
  const reason = await new Promise((resolve) => {
    let last: unknown;
    flood
      .on('error', (error) => (last = error.message))
      .on('close', () => {
        resolve(last);
      });
  });
  clearInterval(more);
  clearTimeout(giveUp);
  assert.notEqual(reason, 'given up');
  for (const body of [
    '',
    'rubbish',
    '<entry><content>',
    entry(''),
    entry('<OtherDescription/>'),
    '<!DOCTYPE entry [<!ENTITY a "b">]>' + entry('<TopicDescription/>'),
    entry(`<TopicDescription>${'<a>'.repeat(40)}${'</a>'.repeat(40)}</TopicDescription>`),
    entry('<__proto__><a>1</a></__proto__>'),
  ])
    assert.equal((await put(body)).status, 400, body.slice(0, 60));
  assert.equal((await raw('POST', '/damaged', '', { authorization })).status, 405);
  assert.equal((await raw('GET', '/%zz', '', { authorization })).status, 400);
  assert.equal(await admin.topicExists('damaged'), false);
  assert.equal((await put(entry('<TopicDescription/>'))).status, 201);
  await admin.deleteTopic('damaged');
});

test('no more requests are answered at once than a limit', async () => {
  const authorization = await tokenFor('/slow');
  const waiting = [];
  for (let at = 0; at < 64; at++) {
    const socket = connect(bus.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(
      `PUT /slow HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n`,
    );
    // Told to go on: the door has the request, and waits for its body.
    await once(socket, 'data');
    waiting.push(socket);
  }
  assert.equal((await raw('GET', '/of-the-file', '', { authorization })).status, 503);
  for (const socket of waiting) socket.destroy();
  while ((await raw('GET', '/slow', '', { authorization })).status === 503);
  assert.equal(await admin.queueExists('of-the-file'), true);
});

async function namesOf(listed: AsyncIterable<{ readonly name: string }>): Promise<string[]> {
  const names = [];
  for await (const { name } of listed) names.push(name);
  return names;
}

async function rulesOf(subscription: string) {
  const rules = [];
  for await (const rule of admin.listRules('news', subscription)) rules.push(rule);
  return rules;
}

/** A token as the SDK makes it, taken from a request of its own. */
async function tokenFor(path: string): Promise<string> {
  const spy = plainAdmin(connectionOf(bus.port, manager.name, manager.key));
  let token = '';
  spy.pipeline.addPolicy({
    name: 'spy',
    sendRequest: (request, next) => {
      token = request.headers.get('authorization') ?? '';
      return next(request);
    },
  });
  await spy.topicExists(path.slice(1));
  return token;
}

async function raw(method: string, path: string, body: string, headers: Record<string, string>) {
  const url = `http://127.0.0.1:${String(bus.port)}${path}`;
  const response = await fetch(url, { method, headers, ...(method === 'GET' ? {} : { body }) });
  return { status: response.status, text: await response.text() };
}
