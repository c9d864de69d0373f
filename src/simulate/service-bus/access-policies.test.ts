import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AccessPolicy, parseAccessPolicies, TokenCheck } from './access-policies.ts';

const nowMs = Date.UTC(2026, 10, 22);
const inAnHourS = nowMs / 1_000 + 3_600;
const sender: AccessPolicy = { name: 'only send', key: 'a key / with + signs', rights: ['Send'] };
const owner: AccessPolicy = { name: 'root', key: 'another', rights: ['Manage'] };
const check = new TokenCheck([sender, owner]);

/** As the SDK's AMQP side signs: the resource encoded once. */
function tokenFor(resource: string, { name, key }: AccessPolicy, expiresAtS = inAnHourS): string {
  return signed(encodeURIComponent(resource), encodeURIComponent(name), key, expiresAtS);
}

function signed(sr: string, skn: string, key: string, se: number): string {
  const digest = createHmac('sha256', key).update(`${sr}\n${String(se)}`);
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(digest.digest('base64'))}&se=${String(se)}&skn=${skn}`;
}

function refusalOf(token: string, resource = 'sb://bus.example/orders', atMs = nowMs): string {
  const checked = check.check(token, resource, atMs);
  return checked.ok ? 'taken' : (checked.description.split(':')[0] ?? '');
}

test('a token signed for the entity, for one above it or for the namespace is taken with the rights of its policy', () => {
  const entity = 'sb://bus.example/Orders/Subscriptions/all';
  for (const scope of [entity, 'sb://bus.example/orders', 'sb://bus.example/', 'amqps://BUS.example:5671']) {
    const checked = check.check(tokenFor(scope, sender), entity, nowMs);
    assert.ok(checked.ok, scope);
    assert.deepEqual([...checked.rights], ['Send']);
    assert.equal(checked.untilMs, inAnHourS * 1_000);
  }
  const all = check.check(tokenFor(entity, owner), entity, nowMs);
  assert.deepEqual(all.ok && [...all.rights].sort(), ['Listen', 'Manage', 'Send']);
});

test('the form that the administration client signs is taken: the whole address in lower case, twice', () => {
  const url = 'https://bus.example:5671/Orders?api-version=2021-05';
  const sr = encodeURIComponent(url.toLowerCase()).toLowerCase();
  assert.ok(check.check(signed(sr, 'root', owner.key, inAnHourS), url, nowMs).ok);
});

test('a token for something beside, below or of another host is refused', () => {
  for (const scope of ['orders2', 'order', 'orders/subscriptions/all'])
    assert.equal(refusalOf(tokenFor(`sb://bus.example/${scope}`, owner)), 'InvalidAudience', scope);
  assert.equal(refusalOf(tokenFor('sb://other.example/orders', owner)), 'InvalidAudience');
});

test('a token is refused from the second it expires', () => {
  const token = tokenFor('sb://bus.example/', owner);
  assert.equal(refusalOf(token, undefined, inAnHourS * 1_000 - 1), 'taken');
  assert.equal(refusalOf(token, undefined, inAnHourS * 1_000), 'ExpiredToken');
});

test('a wrong key and an unknown policy are told alike', () => {
  const resource = 'sb://bus.example/';
  assert.equal(refusalOf(tokenFor(resource, { ...owner, key: 'wrong' })), 'InvalidSignature');
  assert.equal(refusalOf(tokenFor(resource, { ...owner, name: 'nobody' })), 'InvalidSignature');
});

test('a token with any one character changed, taken out or put in is refused, and none makes the check throw', () => {
  const resource = 'sb://bus.example/orders';
  const token = tokenFor(resource, owner);
  const printable = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
  fc.assert(
    fc.property(
      fc.nat(token.length - 1),
      fc.oneof(printable, fc.constant('')),
      fc.boolean(),
      (at, put, isIn) => {
        const changed = token.slice(0, at) + put + token.slice(isIn ? at : at + 1);
        // The hexadecimal digits of an encoding may change their case.
        fc.pre(upperHex(changed) !== upperHex(token));
        assert.notEqual(refusalOf(changed, resource), 'taken', changed);
      },
    ),
  );
});

const upperHex = (text: string): string => text.replace(/%[0-9a-f]{2}/gi, (code) => code.toUpperCase());

test('texts that are no tokens are refused as such', () => {
  const prefix = 'SharedAccessSignature ';
  for (const text of ['', 'sr=%&sig=%&se=1&skn=%', 'sr=a&sig=b&se=soon&skn=c', 'sr=a', 'x'.repeat(20_000)])
    assert.equal(refusalOf(prefix + text), 'MalformedToken');
});

test('a token of Entra ID is refused with policies, unless told to take it; then its end holds', () => {
  const jwt = (payload: object): string =>
    `Bearer head.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.signature`;
  assert.equal(refusalOf(jwt({})), 'InvalidToken');
  const lenient = new TokenCheck([owner], true);
  const taken = lenient.check(jwt({ exp: inAnHourS }), 'sb://bus.example/', nowMs);
  assert.deepEqual(taken.ok && [taken.untilMs, taken.rights.has('Manage')], [inAnHourS * 1_000, true]);
  assert.equal(lenient.check(jwt({ exp: inAnHourS }), 'sb://bus.example/', inAnHourS * 1_000).ok, false);
  assert.ok(lenient.check('anything', 'sb://bus.example/', nowMs).ok);
});

test('without policies anything is taken, with all rights and without end', () => {
  const checked = new TokenCheck(undefined).check('', '', nowMs);
  assert.deepEqual(checked.ok && [checked.untilMs, checked.rights.size], [Infinity, 3]);
});

test('a file of policies that is wrong is refused by name of the fault, never with a key', () => {
  const wrong: [unknown, RegExp][] = [
    [[], /access policies/],
    [[{ ...owner, rights: ['All'] }], /rights/],
    [[owner, owner], /a name is there twice/],
    [[{ ...owner, secret: 'unspoken' }], /secret/],
    [[{ ...owner, key: `${owner.key};` }], /must not contain ;/],
  ];
  for (const [json, says] of wrong) {
    assert.throws(
      () => parseAccessPolicies(json),
      (error: Error & { code?: string }) =>
        error.code === 'CONFIG_INVALID' && says.test(error.message) && !error.message.includes(owner.key),
    );
  }
  assert.deepEqual(parseAccessPolicies([sender, owner]), [sender, owner]);
});
