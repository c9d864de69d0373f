import { connect, type Socket } from 'node:net';
import { awayOri, type AwayStation, heldSpace, sendingOri } from './held-site.ts';
import type { FillReport, HeldSenderOrder } from './held-parts.ts';
import { deliveryKey, RunClock, writeControl } from './identity.ts';
import { writeKeys } from './key-files.ts';
import { Numbers } from './numbers.ts';
import { endWithParent, tell } from './parts.ts';

type OrderTo<D extends HeldSenderOrder['do']> = Extract<HeldSenderOrder, { do: D }>;

const ACK = 0x06;
const FRAME_BYTES = 400;
const TEXT = 'HELD FOR A STATION THAT IS AWAY: INVENTED TEXT FOR LOAD TESTS. ';

/** An administrative message, which does not expire by its key, from a line to a station. */
const frameOf = (line: number, to: AwayStation): { frame: Buffer; controlAt: number } => {
  const head = `\x02AM.${sendingOri(line)}.${awayOri(to)}.*0000000000.TXT\r\n`;
  const bytes = FRAME_BYTES - head.length - 1;
  const text = TEXT.repeat(Math.ceil(bytes / TEXT.length)).slice(0, bytes);
  return { frame: Buffer.from(`${head}${text}\x03`, 'latin1'), controlAt: head.indexOf('*') + 1 };
};

/** What is being sent now, by all lines together. */
type Fill = { readonly to: AwayStation; left: number; unanswered: number; readonly done: () => void };

let clock: RunClock;
let lines: readonly SendingLine[] = [];
const accepted = new Map<AwayStation, Numbers>();

class SendingLine {
  readonly #at: number;
  readonly #share: number;
  readonly #socket: Socket;
  /** Keys without an answer, oldest first. */
  #asked: number[] = [];
  #lastStampUs = 0;
  #fill: Fill | undefined;
  #frame = frameOf(0, 'deep');

  constructor(at: number, share: number, socket: Socket) {
    this.#at = at;
    this.#share = share;
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#answered(chunk);
    });
    socket.on('close', () => {
      throw new Error('the gateway closed a line');
    });
  }

  begin(fill: Fill): void {
    this.#fill = fill;
    this.#frame = frameOf(this.#at, fill.to);
    this.#refill(fill);
  }

  #refill(fill: Fill): void {
    const count = Math.min(this.#share - this.#asked.length, fill.left);
    if (count <= 0) return;
    const { frame, controlAt } = this.#frame;
    const out = Buffer.allocUnsafe(count * frame.length);
    for (let sent = 0; sent < count; sent += 1) {
      const stampUs = Math.max(Math.floor(clock.nowUs()), this.#lastStampUs + 1);
      this.#lastStampUs = stampUs;
      frame.copy(out, sent * frame.length);
      writeControl(out, sent * frame.length + controlAt, this.#at, stampUs);
      this.#asked.push(deliveryKey({ line: this.#at, stampUs }, 0, heldSpace));
    }
    fill.left -= count;
    fill.unanswered += count;
    this.#socket.write(out);
  }

  #answered(chunk: Buffer): void {
    const fill = this.#fill;
    if (fill === undefined) throw new Error('an answer to nothing');
    const keys = keysOf(fill.to);
    for (const byte of chunk) if (byte !== ACK) throw new Error('a message was refused');
    for (let at = 0; at < chunk.length; at += 1) keys.push(this.#asked[at] ?? 0);
    this.#asked = this.#asked.slice(chunk.length);
    fill.unanswered -= chunk.length;
    this.#refill(fill);
    if (fill.left === 0 && fill.unanswered === 0) fill.done();
  }
}

const keysOf = (to: AwayStation): Numbers => {
  const known = accepted.get(to) ?? new Numbers();
  accepted.set(to, known);
  return known;
};

const open = async ({ baseNs, ports, window }: OrderTo<'connect'>): Promise<void> => {
  clock = new RunClock(BigInt(baseNs));
  const share = Math.max(1, Math.floor(window / ports.length));
  const sockets = ports.map(
    (port) =>
      new Promise<Socket>((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port, noDelay: true });
        socket.once('error', reject);
        socket.once('connect', () => {
          resolve(socket);
        });
      }),
  );
  lines = (await Promise.all(sockets)).map((socket, at) => new SendingLine(at, share, socket));
  tell({ connected: true });
};

const send = async ({ to, count }: OrderTo<'fill'>): Promise<void> => {
  const startedAt = performance.now();
  await new Promise<void>((resolve) => {
    const fill: Fill = { to, left: count, unanswered: 0, done: resolve };
    for (const line of lines) line.begin(fill);
  });
  tell({ accepted: count, seconds: (performance.now() - startedAt) / 1000 } satisfies FillReport);
};

endWithParent();
process.on('message', (order: HeldSenderOrder) => {
  switch (order.do) {
    case 'connect':
      void open(order);
      return;
    case 'fill':
      void send(order);
      return;
    case 'write':
      writeKeys(order.file, keysOf(order.to).sorted());
      tell({ written: true });
  }
});
tell({ ready: true });
