import { randomBytes } from 'node:crypto';
import { Chain } from '../audit/chain.ts';
import type { AuditRecord } from '../audit/records.ts';
import type { HeadSigner } from '../audit/signing.ts';
import type { Queue, WriterName } from '../queue/queue.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';
const RANDOM_LETTERS = 12;

/** A new writer id, 60 random bits: two lives of a process never share one. Letters and digits only, so ids are safe in names. */
const newWriterId = (role: string): string => {
  let id = role.slice(0, 1);
  for (const byte of randomBytes(RANDOM_LETTERS)) id += LETTERS[byte % 32] ?? '';
  return id;
};

/**
 * One life of a process as the audit sees it: its id, its chain, and when the chain's head is to be signed. The first page names the
 * last page of the life before, so that lives form one line as well.
 */
export class Writer {
  readonly name: WriterName;
  readonly chain: Chain;
  readonly opening: AuditRecord;
  readonly predecessor: string;
  readonly #signer: HeadSigner;
  readonly #headMs: number;
  #signedAtMs: number;
  #signedN = 0;

  private constructor(
    name: WriterName,
    signer: HeadSigner,
    headMs: number,
    opening: AuditRecord,
    predecessor: string,
  ) {
    this.name = name;
    this.chain = new Chain(name.writer);
    this.opening = opening;
    this.predecessor = predecessor;
    this.#signer = signer;
    this.#headMs = headMs;
    this.#signedAtMs = Date.now();
  }

  static async open(
    queue: Queue,
    role: string,
    place: string,
    version: string,
    signer: HeadSigner,
    headMs: number,
  ): Promise<Writer> {
    const name = { writer: newWriterId(role), instance: `${role}:${place}` };
    const before = await queue.predecessor(name.instance);
    const opening: AuditRecord = {
      e: 'open',
      role,
      instance: place,
      version,
      predecessor: before === undefined ? null : { w: before.writer, n: before.n, head: before.head },
    };
    return new Writer(name, signer, headMs, opening, before?.writer ?? '');
  }

  /** True when pages were committed since the last signature and the interval has passed. */
  isHeadDue(nowMs: number): boolean {
    return this.chain.n > this.#signedN && nowMs - this.#signedAtMs >= this.#headMs;
  }

  /** A signature over the last committed page, as a record for the next one; undefined before the first page. */
  head(nowMs: number): AuditRecord | undefined {
    const { n, head } = this.chain;
    return n === 0 ? undefined : this.#signer.sign(this.name.writer, n, head, nowMs);
  }

  /** A signature over page `n` is on its way to stay: the interval begins anew. What came after `n` is still to be signed. */
  signed(n: number, nowMs: number): void {
    this.#signedAtMs = nowMs;
    this.#signedN = n;
  }
}
