import assert from 'node:assert/strict';
import { createServer, Agent, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { SecretClient } from '@azure/keyvault-secrets';
import { generate } from 'selfsigned';
import { KeyVaultKeySource, secretName, type KeyVaultOptions } from './key-vault.ts';

const clouds = [
  { suffix: 'vault.azure.net', login: 'https://login.microsoftonline.com' },
  { suffix: 'vault.usgovcloudapi.net', login: 'https://login.microsoftonline.us' },
];
const keyOf = (letter: string) => Buffer.alloc(32, letter);

/** A vault as its REST interface is documented: GET /secrets/NAME, a challenge for who brings no token, 404 for what is not there. */
const secrets = new Map<string, string>();
const asked: string[] = [];
let isRefusing = false;
let delayMs = 0;
let atOnce = 0;
let most = 0;
let server: Server;
let ca: string;
before(async () => {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'sample vault' }], {
    extensions: [
      {
        name: 'subjectAltName',
        altNames: clouds.map(({ suffix }) => ({ type: 2 as const, value: `sample.${suffix}` })),
      },
    ],
  });
  ca = cert;
  server = createServer({ cert, key }, (request, response) => {
    const host = (request.headers.host ?? '').replace(/:.*/, '');
    const cloud = clouds.find(({ suffix }) => host === `sample.${suffix}`);
    const answer = (status: number, body: object, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(body));
    };
    if (cloud === undefined) {
      answer(400, {});
      return;
    }
    if (request.headers.authorization !== `Bearer token-for-https://${cloud.suffix}/.default`) {
      const challenge = `Bearer authorization="${cloud.login}/sample-tenant", resource="https://${cloud.suffix}"`;
      answer(401, { error: { code: 'Unauthorized' } }, { 'www-authenticate': challenge });
      return;
    }
    const name = decodeURIComponent(/^\/secrets\/([^/?]+)/.exec(request.url ?? '')?.[1] ?? '');
    asked.push(name);
    most = Math.max(most, (atOnce += 1));
    // Also by a client that waits no longer.
    response.once('close', () => (atOnce -= 1));
    setTimeout(() => {
      const value = secrets.get(name);
      if (isRefusing) answer(503, { error: { code: 'ServiceUnavailable' } });
      else if (value === undefined) answer(404, { error: { code: 'SecretNotFound', message: 'not found' } });
      else answer(200, { value, id: `https://${host}/secrets/${name}/0123456789abcdef`, attributes: {} });
    }, delayMs);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
after(() => {
  server.closeAllConnections();
  server.close();
});

/** The real client; only the way to the vault's address is changed, after everything the client checks. */
function source(options: KeyVaultOptions = {}, suffix = 'vault.azure.net') {
  const scopes: (string | string[])[] = [];
  const agent = new Agent();
  agent.createConnection = ({ servername }): TLSSocket =>
    connect({
      ...{ host: '127.0.0.1', port: (server.address() as AddressInfo).port, ca },
      ...(typeof servername === 'string' ? { servername } : {}),
    });
  const client = new SecretClient(
    `https://sample.${suffix}`,
    {
      getToken: (scope) => {
        scopes.push(scope);
        return Promise.resolve({
          token: `token-for-${String(scope)}`,
          expiresOnTimestamp: Date.now() + 3_600_000,
        });
      },
    },
    {
      retryOptions: { maxRetries: 0 },
      additionalPolicies: [
        {
          position: 'perRetry',
          policy: {
            name: 'wayToTheVault',
            sendRequest: (request, next) => {
              request.agent = agent;
              return next(request);
            },
          },
        },
      ],
    },
  );
  return { keys: new KeyVaultKeySource(client, options), scopes };
}

test('reads keys in either cloud, answering the challenge of its vault', async () => {
  secrets.set('tenfour-bus-sample-pd-2', keyOf('p').toString('base64url'));
  for (const { suffix } of clouds) {
    const { keys, scopes } = source({}, suffix);
    assert.deepEqual(await keys.keyFor('sample-pd.2'), keyOf('p'));
    assert.equal(await keys.keyFor('sample-pd.3'), undefined);
    assert.deepEqual(scopes.flat(), [`https://${suffix}/.default`]);
  }
});

test('asks once for many who want a key, for as long as it is kept, and so for one that is not there', async () => {
  secrets.set('cars-cars-north-1', keyOf('n').toString('base64url'));
  const { keys } = source({ prefix: 'cars', keepMs: 300, absentMs: 300 });
  asked.length = 0;
  for (const kid of ['cars-north.1', 'cars-north.9']) {
    await Promise.all(Array.from({ length: 5 }, () => keys.keyFor(kid)));
    await keys.keyFor(kid);
  }
  assert.deepEqual(asked, ['cars-cars-north-1', 'cars-cars-north-9']);
  await sleep(350);
  secrets.set('cars-cars-north-9', keyOf('9').toString('base64url'));
  assert.deepEqual(await keys.keyFor('cars-north.9'), keyOf('9'));
  await keys.keyFor('cars-north.1');
  assert.equal(asked.length, 4);
});

test('rejects while the vault refuses or is silent, and answers when it is back', async () => {
  secrets.set('tenfour-bus-sample-so-1', keyOf('s').toString('base64url'));
  const { keys } = source({ timeoutMs: 200 });
  isRefusing = true;
  await assert.rejects(keys.keyFor('sample-so.1'), { statusCode: 503 });
  isRefusing = false;
  delayMs = 2_000;
  await assert.rejects(keys.keyFor('sample-so.1'), { name: 'AbortError' });
  delayMs = 0;
  assert.deepEqual(await keys.keyFor('sample-so.1'), keyOf('s'));
});

test('asks a bounded number of questions at once', async () => {
  const { keys } = source();
  delayMs = 20;
  most = 0;
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, epoch) => keys.keyFor(`sample-fd.${String(epoch + 1)}`)),
  );
  delayMs = 0;
  assert.equal(answers.filter((key) => key === undefined).length, 40);
  assert.ok(most > 1 && most <= 8, String(most));
});

test('says that a secret is no key without saying what it is', async () => {
  secrets.set('tenfour-bus-sample-pd-7', 'SECRET');
  await assert.rejects(
    source().keys.keyFor('sample-pd.7'),
    (error: Error) => error.message.startsWith('CONFIG_INVALID') && !error.message.includes('SECRET'),
  );
});

test('names every key so that a vault takes the name and tells it from others, and asks for nothing else', async () => {
  const owners = [
    'sample-pd',
    'Sample-pd',
    'sample_pd',
    'sample--pd',
    'a-1',
    'a',
    'x'.repeat(64),
    'A'.repeat(64),
  ];
  const names = owners.flatMap((owner) =>
    [1, 11, 999_999].map((epoch) => secretName(`${owner}.${String(epoch)}`)),
  );
  for (const name of names) assert.match(name ?? '', /^[0-9a-z-]{1,127}$/);
  assert.equal(new Set(names).size, names.length);
  assert.equal(secretName('sample-pd.3'), 'tenfour-bus-sample-pd-3');
  asked.length = 0;
  for (const kid of ['', 'sample-pd', '../admin.1', 'sample-pd.0', `${'x'.repeat(65)}.1`])
    assert.equal(await source().keys.keyFor(kid), undefined);
  assert.deepEqual(asked, []);
});
