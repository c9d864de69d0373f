import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Session, type SessionOwner, Sessions } from './sessions.ts';
import type { Held } from './stored-message.ts';

const owner = (name: string): SessionOwner => ({ name, onSessionLost: () => undefined });
const nothing = Buffer.alloc(0);
const held = (sequence: number): Held => ({
  message: {
    sequence,
    enqueuedAtMs: 0,
    expiresAtMs: 0,
    messageId: '',
    annotations: nothing,
    annotationCount: 0,
    bare: nothing,
    deadLetterSource: '',
  },
  deliveryCount: 0,
});

function add(sessions: Sessions, id: string, sequence: number): Session {
  const session = sessions.open(id);
  session.add(held(sequence), Infinity);
  sessions.tidy(session);
  return session;
}

function next(sessions: Sessions): string | undefined {
  let taken: string | undefined;
  sessions.acceptNext({ owner: owner('link'), take: ({ id }) => void (taken = id) });
  return taken;
}

test('free sessions are given out in turn, a released one after those that waited longer', () => {
  const sessions = new Sessions(1_000);
  for (const [at, id] of ['a', 'b', 'c'].entries()) add(sessions, id, at + 1);
  assert.equal(next(sessions), 'a');
  const a = sessions.find('a');
  assert.ok(a !== undefined);
  sessions.release(a);
  assert.deepEqual([next(sessions), next(sessions), next(sessions)], ['b', 'c', 'a']);
});

test('who waits first is served first, and only so many may wait', () => {
  const sessions = new Sessions(1_000);
  const served: string[] = [];
  const accepters = Array.from({ length: 1_000 }, (_, at) => ({
    owner: owner(String(at)),
    take: ({ id }: Session) => void served.push(`${String(at)}:${id}`),
  }));
  for (const accepter of accepters) assert.equal(sessions.acceptNext(accepter), true);
  assert.equal(sessions.acceptNext({ owner: owner('late'), take: () => undefined }), false);
  const [first] = accepters;
  assert.ok(first !== undefined);
  sessions.stopWaiting(first);
  add(sessions, 'x', 1);
  add(sessions, 'y', 2);
  assert.deepEqual(served, ['1:x', '2:y']);
});

test('a session is forgotten when nothing is left of it, and kept for its state', () => {
  const sessions = new Sessions(1_000);
  for (const id of ['gone', 'kept']) {
    const session = sessions.accept(id, owner('link'));
    assert.ok(session !== undefined);
    if (id === 'kept') session.state = Buffer.from('state');
    sessions.release(session);
  }
  assert.deepEqual([sessions.find('gone'), sessions.find('kept')?.id], [undefined, 'kept']);
  assert.equal(sessions.size, 1);
});

test('a session is held by one link, and only its link speaks for it', () => {
  const sessions = new Sessions(1_000);
  const session = sessions.accept('a', owner('mine'));
  assert.equal(sessions.accept('a', owner('other')), undefined);
  assert.equal(sessions.findOwned('a', 'mine'), session);
  assert.equal(sessions.findOwned('a', 'other'), undefined);
  assert.deepEqual(sessions.lost(Date.now()), []);
  assert.deepEqual(sessions.lost(Date.now() + 1_100), [session]);
});
