import { setTimeout as sleep } from 'node:timers/promises';
import type { PageSource } from '../audit/recorder.ts';

/**
 * The recorder is not on the way of an acknowledgement, but it shares the disk and Redis with it: a round costs two device flushes of
 * its own and one in Redis. So a round takes what gathered in this time instead of each page as it comes.
 */
const ROUND_MS = 20;

/**
 * A page source read in rounds. A heartbeat is left out while the last one, or the last confirmation, which says the same, is younger
 * than `aliveMs`; after any failure the next one is sent.
 */
export const paced = (source: PageSource, aliveMs: number): PageSource => {
  let readAt = -Infinity;
  let seenAt = -Infinity;
  const seenBy = async (call: Promise<void>): Promise<void> => {
    const sentAt = performance.now();
    seenAt = -Infinity;
    await call;
    seenAt = sentAt;
  };
  return {
    read: async (afterId, countMax, blockMs) => {
      const waitMs = ROUND_MS - (performance.now() - readAt);
      if (waitMs > 0) await sleep(waitMs);
      const pages = await source.read(afterId, countMax, blockMs);
      readAt = performance.now();
      return pages;
    },
    confirm: (upToId) => seenBy(source.confirm(upToId)),
    heartbeat: async () => {
      if (performance.now() - seenAt >= aliveMs) await seenBy(source.heartbeat());
    },
  };
};
