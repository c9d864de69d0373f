import type { Redis } from 'ioredis';
import { Fault } from '../message/codes.ts';
import type { HotConnection } from './hot-connection.ts';
import type { SlotKeys } from './keys.ts';
import { claimScript, confirmScript, releaseScript } from './lease-scripts.ts';
import type { LeaseTimes } from './lane-turns.ts';

export type StreamPage = { readonly id: string; readonly page: Buffer; readonly journal: Buffer };

/**
 * The audit stream of a slot as the recorder reads it: pages not yet on its disk. One recorder at a time holds the lease;
 * confirming by a stale one is FENCED, so no page is trimmed that only a lost disk held.
 */
export class PageStream {
  readonly #hot: HotConnection;
  readonly #reader: Redis;
  readonly #keys: SlotKeys;
  readonly #owner: string;
  readonly #lease: LeaseTimes;
  readonly #unconfirmed = new Map<string, number>();
  #token = 0;

  /** `reader` blocks in XREAD, so it must be a connection of its own. */
  constructor(hot: HotConnection, reader: Redis, keys: SlotKeys, owner: string, lease: LeaseTimes) {
    this.#hot = hot;
    this.#reader = reader;
    this.#keys = keys;
    this.#owner = owner;
    this.#lease = lease;
  }

  /** Answers 0 when claimed, else the milliseconds another recorder still holds the slot. */
  async claim(): Promise<number> {
    const reply = await this.#hot.run(
      claimScript,
      [this.#keys.auditMeta],
      [this.#owner, this.#lease.leaseMs, this.#lease.marginMs],
    );
    if (String(reply[0]) === 'HELD') return Number(reply[1]);
    this.#token = Number(reply[1]);
    // What was read under an earlier lease may have been confirmed by another since; its bytes must not be counted off twice.
    this.#unconfirmed.clear();
    return 0;
  }

  async release(): Promise<void> {
    await this.#hot.run(releaseScript, [this.#keys.auditMeta], [this.#token]);
  }

  async read(afterId: string, countMax: number, blockMs: number): Promise<readonly StreamPage[]> {
    const reply: unknown = await this.#reader.callBuffer(
      'XREAD',
      'COUNT',
      countMax,
      ...(blockMs > 0 ? ['BLOCK', blockMs] : []),
      'STREAMS',
      this.#keys.audit,
      afterId,
    );
    return streamEntries(reply).map(([id, fields]) => {
      const page = fields[1] ?? Buffer.alloc(0);
      const journal = fields[3] ?? Buffer.alloc(0);
      this.#unconfirmed.set(id, page.length + journal.length);
      return { id, page, journal };
    });
  }

  /** Everything up to `upToId` is on disk: trims it. Ids must be ones that `read` gave, confirmed in order. */
  async confirm(upToId: string): Promise<void> {
    let bytes = 0;
    const done: string[] = [];
    for (const [id, size] of this.#unconfirmed) {
      bytes += size;
      done.push(id);
      if (id === upToId) break;
    }
    await this.#confirm(upToId, bytes);
    for (const id of done) this.#unconfirmed.delete(id);
  }

  /** Says that the recorder lives, when there was nothing to confirm. */
  async heartbeat(): Promise<void> {
    await this.#confirm('', 0);
  }

  async #confirm(upToId: string, bytes: number): Promise<void> {
    const reply = await this.#hot.run(
      confirmScript,
      [this.#keys.audit, this.#keys.auditMeta],
      [this.#token, this.#lease.leaseMs, upToId, bytes],
    );
    if (String(reply[0]) === 'FENCED') throw new Fault('FENCED', 'another recorder holds the slot');
    if (String(reply[0]) !== 'OK')
      throw new Fault('SCRIPT_REFUSED', `confirm script said ${reply.map(String).join(' ')}`);
  }
}

/** XREAD answers a flat map under RESP3 and pairs under RESP2; for one stream the entries are the same list. */
export const streamEntries = (reply: unknown): readonly (readonly [string, readonly Buffer[]])[] => {
  if (!Array.isArray(reply)) return [];
  const pair: unknown = Array.isArray(reply[0]) ? reply[0] : reply;
  const entries = (pair as unknown[])[1];
  if (!Array.isArray(entries)) return [];
  return (entries as [Buffer, Buffer[]][]).map(([id, fields]) => [id.toString('latin1'), fields] as const);
};
