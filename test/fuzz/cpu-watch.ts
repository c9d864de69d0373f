import type { Worker } from 'node:worker_threads';

const lookMs = 100;
/** One that does not even say what it used is stuck where nothing can interrupt it. */
const silenceMs = 60_000;

/**
 * Tells once a worker has used more than `limitMs` of CPU time at one place. By the clock on the wall a machine that does much else would
 * make a hang of any case. `placeOf` answers what the worker is at; undefined while that may take as long as it takes. What it answers
 * ends the watch.
 */
export function watchCpu(
  worker: Worker,
  limitMs: number,
  placeOf: () => number | undefined,
  tell: (place: number) => void,
): () => void {
  let at: number | undefined;
  let since = 0;
  let isLooking = false;
  let askedAt = 0;
  const look = async (): Promise<void> => {
    const place = placeOf();
    const { user, system } = await worker.cpuUsage();
    const usedMs = (user + system) / 1000;
    if (place !== at) since = usedMs;
    at = place;
    if (place !== undefined && usedMs - since > limitMs) tell(place);
  };
  const watch = setInterval(() => {
    if (isLooking) {
      const place = placeOf();
      if (place !== undefined && performance.now() - askedAt > silenceMs) tell(place);
      return;
    }
    isLooking = true;
    askedAt = performance.now();
    // A worker that has not begun yet, or has ended, has no CPU time to tell of; it is asked again.
    look()
      .catch(() => undefined)
      .finally(() => (isLooking = false));
  }, lookMs);
  return () => {
    clearInterval(watch);
  };
}
