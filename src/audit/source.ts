import type { FindingCode, Where } from './findings.ts';

/** A page as a source holds it. `journal` absent: this source has none for it. */
export type PageItem = {
  readonly page: Buffer;
  readonly where: Where;
  readonly journal?: Buffer | undefined;
  readonly journalWhere?: Where | undefined;
  /** What was noted when the page was stored; a stream has no such note. */
  readonly stated?: { readonly w: string; readonly n: number; readonly head: string } | undefined;
};
/** Something the source itself found amiss. */
export type DamageItem = {
  readonly damage: FindingCode;
  readonly where: Where;
  readonly writer?: string;
  readonly page?: number;
};
export type AuditItem = PageItem | DamageItem;
export type HeadLine = { readonly text: string; readonly where: Where };

/** Pages in the order they were stored. It can be iterated again: `trace` walks it twice. */
export type AuditSource = AsyncIterable<AuditItem> & { readonly heads?: () => AsyncIterable<HeadLine> };

/** The entries of a stream from its oldest on, until a read comes back empty. `name` stands for it in findings. */
export function streamSource(
  name: string,
  read: (
    afterId: string,
    countMax: number,
  ) => Promise<readonly { readonly id: string; readonly page: Buffer; readonly journal: Buffer }[]>,
  countMax = 64,
): AuditSource {
  return {
    async *[Symbol.asyncIterator]() {
      for (let after = '0-0'; ; ) {
        const entries = await read(after, countMax);
        for (const { id, page, journal } of entries)
          yield { page, journal, where: { file: `${name}/${id}`, offset: 0 } };
        const last = entries.at(-1);
        if (last === undefined || last.id === after) return;
        after = last.id;
      }
    },
  };
}
