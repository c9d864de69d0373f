import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LineServer, type Session, type SessionEvents } from './listen.ts';

const servers: LineServer[] = [];
const peers: Socket[] = [];

afterEach(() => {
  for (const peer of peers.splice(0)) peer.destroy();
  for (const server of servers.splice(0)) {
    server.stopAccepting();
    server.closeAll();
  }
});

/** A line that keeps what it was told. */
class Line implements SessionEvents {
  readonly told: string[] = [];
  readonly sessions: Session[] = [];
  port = 0;
  readonly server: LineServer;

  constructor(sessionsMax: number) {
    this.server = new LineServer({ name: 'ca-dispatch', host: '127.0.0.1', port: 0, sessionsMax }, this);
    servers.push(this.server);
  }

  static async open(sessionsMax = 2): Promise<Line> {
    const line = new Line(sessionsMax);
    line.port = await line.server.start();
    return line;
  }

  opened(session: Session): void {
    this.sessions.push(session);
    this.told.push(`opened ${String(session.id)}`);
  }

  bytes({ id }: Session, chunk: Buffer): void {
    this.told.push(`bytes ${String(id)} ${chunk.toString('latin1')}`);
  }

  ended({ id }: Session): void {
    this.told.push(`ended ${String(id)}`);
  }

  closed({ id }: Session): void {
    this.told.push(`closed ${String(id)}`);
  }

  rejected(line: string): void {
    this.told.push(`rejected ${line}`);
  }

  drained({ id }: Session): void {
    this.told.push(`drained ${String(id)}`);
  }

  async until(event: string): Promise<void> {
    const deadline = performance.now() + 8000;
    while (!this.told.includes(event)) {
      assert.ok(performance.now() < deadline, `not told: ${event}; told: ${this.told.join(', ')}`);
      await sleep(5);
    }
  }

  session(at: number): Session {
    const session = this.sessions[at];
    assert.ok(session);
    return session;
  }

  /** A peer; it may still send after we ended. */
  async peer(): Promise<Socket> {
    const socket = connect({ port: this.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined);
    peers.push(socket);
    await once(socket, 'connect');
    return socket;
  }
}

const received = async (peer: Socket): Promise<string> => {
  let text = '';
  for await (const chunk of peer) text += (chunk as Buffer).toString('latin1');
  return text;
};

test('bytes go both ways, and a session is told opened before and closed after all else', async () => {
  const line = await Line.open();
  const peer = await line.peer();
  await line.until('opened 1');
  peer.write('hello');
  await line.until('bytes 1 hello');
  const session = line.session(0);
  assert.deepEqual(
    [session.line, session.id, session.isOpen, session.unsentBytes],
    ['ca-dispatch', 1, true, 0],
  );
  session.write(Buffer.from('one '));
  session.write(Buffer.from('two'));
  session.close(false);
  assert.equal(await received(peer), 'one two');
  peer.end();
  await line.until('closed 1');
  assert.equal(session.isOpen, false);
  assert.deepEqual([line.told.at(0), line.told.at(-1)], ['opened 1', 'closed 1']);
});

test('one connection more than the line allows is closed at once and its bytes are not read; a freed place is given again', async () => {
  const line = await Line.open(2);
  const [first] = [await line.peer(), await line.peer()];
  await line.until('opened 2');
  const third = await line.peer();
  third.write('nobody reads this');
  await line.until('rejected ca-dispatch');
  assert.equal(await received(third), '');
  first.resetAndDestroy();
  await line.until('closed 1');
  await line.peer();
  await line.until('opened 3');
  assert.equal(line.told.filter((event) => event.startsWith('bytes')).length, 0);
});

test('a peer that ended its side is told so and still reads its answers', async () => {
  const line = await Line.open();
  const peer = await line.peer();
  peer.end('last words');
  await line.until('ended 1');
  assert.ok(line.told.includes('bytes 1 last words'));
  assert.equal(line.session(0).isOpen, true, 'half of it is open');
  line.session(0).write(Buffer.from('answer'));
  line.session(0).close(false);
  assert.equal(await received(peer), 'answer');
  await line.until('closed 1');
});

test('a paused session is not read until it resumes', async () => {
  const line = await Line.open();
  const peer = await line.peer();
  await line.until('opened 1');
  line.session(0).pause();
  peer.write('later');
  await sleep(50);
  assert.deepEqual(line.told, ['opened 1']);
  line.session(0).resume();
  await line.until('bytes 1 later');
});

test('writes of one turn travel together when corked', async () => {
  const line = await Line.open();
  const peer = await line.peer();
  await line.until('opened 1');
  const chunks: string[] = [];
  peer.on('data', (chunk: Buffer) => chunks.push(chunk.toString('latin1')));
  const session = line.session(0);
  session.cork();
  for (const text of ['a', 'b', 'c']) session.write(Buffer.from(text));
  assert.equal(session.unsentBytes, 3);
  session.uncork();
  while (chunks.join('') !== 'abc') await sleep(5);
  assert.deepEqual(chunks, ['abc']);
});

test('a peer that does not read shows as unsent bytes, is told drained when it does, and loses its place when it never does', async () => {
  const line = await Line.open(1);
  const peer = await line.peer();
  peer.pause();
  await line.until('opened 1');
  const session = line.session(0);
  session.write(Buffer.alloc(16 * 1024 * 1024));
  await sleep(50);
  assert.ok(session.unsentBytes > 1024 * 1024);
  peer.resume();
  await line.until('drained 1');
  assert.equal(session.unsentBytes, 0);
  peer.pause();
  session.write(Buffer.alloc(16 * 1024 * 1024));
  session.close(false);
  await line.until('closed 1');
  await line.peer();
  await line.until('opened 2');
});

test('a session closed now is gone with what was unsent', async () => {
  const line = await Line.open();
  const peer = await line.peer();
  await line.until('opened 1');
  line.session(0).write(Buffer.from('lost, perhaps'));
  line.session(0).close(true);
  await line.until('closed 1');
  peer.destroy();
});

test('a peer that resets its connection closes only its own session', async () => {
  const line = await Line.open();
  const [first, second] = [await line.peer(), await line.peer()];
  await line.until('opened 2');
  first.resetAndDestroy();
  await line.until('closed 1');
  second.write('still here');
  await line.until('bytes 2 still here');
});

test('while draining no new connection is taken and open ones go on', async () => {
  const line = await Line.open();
  const peer = await line.peer();
  await line.until('opened 1');
  line.server.stopAccepting();
  const late = connect({ port: line.port, host: '127.0.0.1' });
  await assert.rejects(once(late, 'connect'), { code: 'ECONNREFUSED' });
  peer.write('open');
  await line.until('bytes 1 open');
  line.server.closeAll();
  await line.until('closed 1');
});

test('a port that is taken refuses to start and names line and port', async () => {
  const { port } = await Line.open();
  const second = new LineServer({ name: 'nv-sheriff', host: '127.0.0.1', port, sessionsMax: 1 }, new Line(1));
  await assert.rejects(second.start(), {
    code: 'CONFIG_INVALID',
    message: `CONFIG_INVALID: line nv-sheriff cannot listen on 127.0.0.1 port ${String(port)}`,
  });
});
