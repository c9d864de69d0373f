import { existsSync } from 'node:fs';
import { folderSource } from '../audit/folder-source.ts';
import { type AuditSource, streamSource } from '../audit/source.ts';
import type { Config } from '../config/config.ts';
import { redisUrl } from '../config/redis-url.ts';
import { SlotReader } from '../queue/queue.ts';

/** The whole record of a slot: what Redis still holds and what is on disk, whichever of the two can be reached. */
export type OpenRecord = {
  /** The stream first: a page the recorder moves to disk meanwhile is then seen twice, never missed. */
  readonly sources: readonly AuditSource[];
  readonly stream: AuditSource | undefined;
  readonly slot: SlotReader | undefined;
  close(): void;
};

export const openRecord = async (config: Config): Promise<OpenRecord> => {
  const slot = await SlotReader.open(redisUrl(config), config.SLOT);
  const stream =
    slot === undefined ? undefined : streamSource('stream', (after, count) => slot.pages(after, count));
  const folder = existsSync(config.RECORD) ? [folderSource(config.RECORD, { isLive: true })] : [];
  return {
    sources: [...(stream === undefined ? [] : [stream]), ...folder],
    stream,
    slot,
    close: () => slot?.close(),
  };
};
