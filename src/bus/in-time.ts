import { setTimeout as sleep } from 'node:timers/promises';

/** What `work` gives, or undefined when it takes longer than `ms`; what it gives or throws afterwards is dropped. */
export async function inTime<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
    work.catch(() => undefined);
  }
}
