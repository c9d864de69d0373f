import { connect, type Socket } from 'node:net';
import { acceptCall } from '../src/queue/accept-call.ts';
import { acceptScript } from '../src/queue/accept-script.ts';
import { slotKeys } from '../src/queue/keys.ts';
import type { ObservedBatch } from './observed-batches.ts';

const SLOT = 'bare';
const NO_HEAD = '0'.repeat(64);
const writer = { writer: 'bare', instance: 'bare' };
/** Far above what a loop of seconds writes: nothing here is to be refused. */
const NO_LIMIT = 1_000_000_000_000;
const noLimits = {
  batchMessagesMax: NO_LIMIT,
  batchBytesMax: NO_LIMIT,
  laneMessagesMax: NO_LIMIT,
  laneBytesMax: NO_LIMIT,
  laneHoldMs: 86_400_000,
  auditPagesMax: NO_LIMIT,
  auditBytesMax: NO_LIMIT,
  recorderSilenceMsMax: NO_LIMIT,
  // Calls are repeated, and with them their control fields: the shortest window there is, so that none is known.
  resendWindowMs: 1,
  resendsPerStationMax: NO_LIMIT,
};

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
    let [n, prev, messages] = [0, NO_HEAD, 0];
    const startedAt = performance.now();
    const endAt = startedAt + seconds * 1000;
    while (performance.now() < endAt) {
      const batch = batches[n % batches.length];
      if (batch === undefined) break;
      n += 1;
      const { head, page: bytes, journal, lanes, resendables } = batch;
      const page = { n, prev, head, bytes, journal };
      const call = acceptCall({ page, lanes, bodies: [], resendables }, keys, writer, noLimits, 0);
      const reply = await client.send(call.bytes);
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

  call(parts: readonly string[]): Promise<string> {
    const words = parts.map((part) => `$${String(Buffer.byteLength(part))}\r\n${part}\r\n`);
    return this.send(Buffer.from(`*${String(parts.length)}\r\n${words.join('')}`));
  }

  send(bytes: Buffer): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(bytes);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
