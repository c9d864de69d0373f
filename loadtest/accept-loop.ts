import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { acceptScript } from '../src/queue/accept-script.ts';
import { slotKeys } from '../src/queue/keys.ts';
import type { ObservedBatch } from './observed-batches.ts';

const SLOT = 'bare';
const WRITER = 'bare';
const NO_HEAD = '0'.repeat(64);
/** Far above what a loop of seconds writes: nothing here is to be refused. */
const NO_LIMIT = '1000000000000';

/**
 * The bare accept script in a closed loop, one call in flight, by the least client there can be: what Redis alone takes of the same
 * bytes. The batches are those the gateway made in this run, page, journal and entries as they were, on a slot of their own.
 */
export const acceptLoop = async (
  port: number,
  batches: readonly ObservedBatch[],
  seconds: number,
): Promise<number> => {
  if (batches.length === 0) return 0;
  const client = await BareClient.open(port);
  try {
    const keys = slotKeys(SLOT);
    await client.call(['SCRIPT', 'LOAD', acceptScript]);
    // The recorder of this slot is alive for as long as anyone asks.
    await client.call(['HSET', keys.auditMeta, 'seen', String(Date.now() + 3_600_000)]);
    const sha = createHash('sha1').update(acceptScript).digest('hex');
    let [n, prev, messages] = [0, NO_HEAD, 0];
    const startedAt = performance.now();
    const endAt = startedAt + seconds * 1000;
    while (performance.now() < endAt) {
      const batch = batches[n % batches.length];
      if (batch === undefined) break;
      n += 1;
      const lanes = batch.lanes.flatMap(({ lane }) => [keys.lane(lane), keys.laneMeta(lane)]);
      const fixed = [
        keys.writer(WRITER),
        keys.audit,
        keys.auditMeta,
        keys.ready,
        keys.bell,
        keys.instance(WRITER),
      ];
      const parts = ['EVALSHA', sha, String(fixed.length + lanes.length), ...fixed, ...lanes];
      const args: (string | Buffer)[] = [String(n), prev, batch.head, batch.page, batch.journal];
      args.push(NO_LIMIT, NO_LIMIT, NO_LIMIT, n === 1 ? WRITER : '');
      for (const { lane, entries } of batch.lanes) {
        args.push(lane, NO_LIMIT, NO_LIMIT, String(entries.length), ...entries);
      }
      const reply = await client.call([...parts, ...args]);
      if (!reply.startsWith('*2\r\n$2\r\nOK')) throw new Error('the bare accept call was refused');
      prev = batch.head;
      messages += batch.accepted;
    }
    return messages / ((performance.now() - startedAt) / 1000);
  } finally {
    client.close();
  }
};

/** Writes one command, takes the next bytes as its reply: enough for replies that fit one packet. */
class BareClient {
  readonly #socket: Socket;
  #settle: { resolve: (reply: string) => void; reject: (error: Error) => void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#settle?.resolve(chunk.toString('latin1'));
    });
    socket.on('close', () => {
      this.#settle?.reject(new Error('Redis closed the connection'));
    });
    socket.on('error', () => undefined);
  }

  static open(port: number): Promise<BareClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        resolve(new BareClient(socket));
      });
    });
  }

  call(parts: readonly (string | Buffer)[]): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      const pieces: Buffer[] = [Buffer.from(`*${String(parts.length)}\r\n`)];
      for (const part of parts) {
        const bytes = typeof part === 'string' ? Buffer.from(part) : part;
        pieces.push(Buffer.from(`$${String(bytes.length)}\r\n`), bytes, LINE_END);
      }
      this.#socket.write(Buffer.concat(pieces));
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

const LINE_END = Buffer.from('\r\n');
