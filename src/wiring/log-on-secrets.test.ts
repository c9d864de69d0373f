import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadDialect } from '../dialect/dialect.ts';
import { loadDirectory } from '../directory/directory.ts';
import type { Session } from '../listen/listen.ts';
import { Conversation, LineCounts } from './conversation.ts';
import { readFrame } from './read-frame.ts';
import { StationLink } from './station-link.ts';

const protocols = join(import.meta.dirname, '../../protocols');
const directory = loadDirectory(join(protocols, 'sample-directory'));
const dialects = new Map(['clets', 'ofml'].map((name) => [name, loadDialect(join(protocols, name))]));

const session: Session = {
  ...{ line: '', id: 1, isOpen: true, unsentBytes: 0 },
  ...{
    write: () => {},
    cork: () => {},
    uncork: () => {},
    pause: () => {},
    resume: () => {},
    close: () => {},
  },
};

function conversationOn(name: string): Conversation {
  const line = directory.lines.get(name);
  const dialect = dialects.get(line?.dialect ?? '');
  assert.ok(line && dialect);
  return new Conversation(session, line, dialect, new LineCounts());
}

const read = (name: string, text: string, user = '') => {
  const from = conversationOn(name);
  if (user !== '') from.loggedOn({ kind: 'on', user, password: Buffer.alloc(0) });
  return readFrame({ kind: 'frame', bytes: Buffer.from(text) }, from, directory, 0);
};

const document = (password: string) =>
  `<OFML version="2.0"><HDR><KEY>LON</KEY><ORI>CA0993700</ORI><DST>CAGWY0000</DST></HDR>${password}</OFML>`;

test('of a log-on nothing goes on but who sent it and when, wherever in it the password stands', () => {
  for (const [line, text, secret] of [
    ['clets-ranger', 'LON.CA0991000.CAGWY0000.*R1.TXT\r\nUSR/RANGER1.PWD/Sample-\r\nPass', 'Sample-Pass'],
    ['ofml-rail-log-on', document('<LOG><USR>RANGER1</USR><PWD>Sample-Pass</PWD></LOG>'), 'Sample-Pass'],
    ['ofml-rail-log-on', document('<LOG><USR>RANGER1</USR><PWD>Sample&#45;Pass</PWD></LOG>'), 'Sample-Pass'],
    [
      'ofml-rail-log-on',
      document('<LOG><USR>RANGER1</USR><PWD><![CDATA[Sample-]]>Pass</PWD><OLD>Sample-Pass</OLD></LOG>'),
      'Sample-Pass',
    ],
  ] as const) {
    const { refusals, bytes, message, session: step } = read(line, text);
    assert.deepEqual(refusals, [], text);
    assert.equal(bytes.toString(), '*'.repeat(text.length), text);
    assert.deepEqual([message?.bytes, message?.fields, message?.messageKey], [bytes, [], 'LON'], text);
    assert.deepEqual(step, { kind: 'on', user: 'RANGER1', password: Buffer.from(secret) }, text);
  }
});

test('a refused message that holds a password is kept by its length alone, one that holds none as it is', () => {
  const withPassword = 'RQ.CA0991000.NV.TXTUSR/RANGER1.PWD/Sample-Pass';
  assert.equal(
    read('clets-ranger', withPassword, 'RANGER1').bytes.toString(),
    '*'.repeat(withPassword.length),
  );
  const without = 'RQ.CA0991000.NV.TXTLIC/ZZZ-9999';
  const item = read('clets-ranger', without, 'RANGER1');
  assert.notDeepEqual(item.refusals, []);
  assert.equal(item.bytes.toString(), without);
});

test('on a line without log-on a log-on that cannot be read is kept by its length alone, however late in a document it says so', () => {
  const text = `<!--${' '.repeat(400)}-->${document('<LOG><PWD>Sample-Pass')}`;
  const { refusals, bytes } = read('ofml-rail', text);
  assert.notDeepEqual(refusals, []);
  assert.equal(bytes.toString(), '*'.repeat(text.length));
});

test('a way out that has ended is closed though its session lives on', async () => {
  const link = new StationLink(conversationOn('clets-ranger'));
  assert.equal(link.isOpen, true);
  link.ended();
  assert.equal(link.isOpen, false);
  assert.equal(await link.verdict(1), 'gone');
});

test('a log-off by nobody, however often, leaves the time to log on running', () => {
  const conversation = conversationOn('clets-ranger');
  const timeoutMs = conversation.line.logOn?.timeoutMs ?? 0;
  const start = performance.now();
  conversation.loggedOff(start + timeoutMs);
  assert.equal(conversation.overdue(start + timeoutMs + 1000), 'AUTHORIZE_LOG_ON_MISSING');
  conversation.loggedOn({ kind: 'on', user: 'RANGER1', password: Buffer.alloc(0) });
  assert.equal(conversation.overdue(start + timeoutMs + 1000), undefined);
  conversation.loggedOff(start + timeoutMs);
  assert.equal(conversation.overdue(start + timeoutMs + 1000), undefined);
  // One that is being looked at is told what became of it.
  conversation.isHeld = true;
  assert.equal(conversation.overdue(start + 3 * timeoutMs), undefined);
});
