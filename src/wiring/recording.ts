import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Recorder } from '../audit/recorder.ts';
import type { Config } from '../config/config.ts';
import { PageStream, type Queue } from '../queue/queue.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { paced } from './paced-pages.ts';

const CLAIM_POLL_MS_MAX = 1000;

/** The recorder at work on one slot: it holds the slot's lease, writes segments, and trims what is on disk. */
export const startRecording = async (parts: {
  config: Config;
  queue: Queue;
  log: Log;
  metrics: Metrics;
}): Promise<{ stop: () => Promise<void>; reasons: readonly string[] }> => {
  const { config, queue, log, metrics } = parts;
  const lease = { leaseMs: config.LEASE_MS, marginMs: config.LEASE_MARGIN_MS };
  const stream = new PageStream(queue.hot, queue.blocking(), queue.keys, `recorder:${randomUUID()}`, lease);
  let isStopping = false;
  const isOver = (): boolean => isStopping;
  const waiting = (heldForMs: number): void => {
    log.event('recorder.waiting', { heldForMs });
  };
  let claiming: Promise<void> | undefined;
  /** One wait at a time, however often the recorder meets the fence meanwhile. */
  const claimAgain = (): void => {
    claiming ??= claim(stream, isOver, waiting)
      .catch(() => undefined)
      .finally(() => {
        claiming = undefined;
      });
  };
  await claim(stream, isOver, waiting);
  let stalledBy = '';
  const recorder = new Recorder({
    // A small part of what lease and silence allow, so that leaving out a heartbeat never comes near either.
    source: paced(stream, Math.min(config.LEASE_MS, config.RECORDER_SILENCE_MS_MAX) / 8),
    folder: config.RECORD,
    segmentBytesMax: config.SEGMENT_BYTES_MAX,
    // A blocked read must end well before the lease does: each round starts with a heartbeat that renews it.
    blockMs: Math.min(1000, Math.floor(config.LEASE_MS / 4)),
    onPage: (page) => {
      stalledBy = '';
      metrics.recordedPages.inc();
      metrics.recordedBytes.inc(page.bytes);
    },
    onFinding: ({ what, writer, n }) => {
      metrics.recorderFindings.inc();
      log.event('recorder.finding', { code: what, writer, page: n });
    },
    onFault: ({ code }) => {
      if (stalledBy !== code) log.event('recorder.stalled', { code });
      stalledBy = code;
      // Another recorder may have taken over while we could not reach Redis; then we wait for our turn again.
      if (code === 'FENCED') claimAgain();
    },
  });
  await recorder.start();
  return {
    stop: async () => {
      isStopping = true;
      await recorder.stop();
      await stream.release();
    },
    get reasons() {
      return [...(stalledBy === '' ? [] : [stalledBy]), ...(queue.hot.isDown ? ['REDIS_DOWN'] : [])];
    },
  };
};

/** `onWaiting` is told once: who starts a second recorder by mistake must not look at a program that says nothing. */
const claim = async (
  stream: PageStream,
  isStopping: () => boolean,
  onWaiting: (heldForMs: number) => void,
): Promise<void> => {
  for (let tries = 0; !isStopping(); tries += 1) {
    const heldForMs = await stream.claim();
    if (heldForMs === 0) return;
    if (tries === 0) onWaiting(heldForMs);
    await sleep(Math.min(heldForMs, CLAIM_POLL_MS_MAX));
  }
};
