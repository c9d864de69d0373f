/** What a trace of system calls says about one append-only file, in bytes. */
export type FileLength = {
  /** With every write that came back. */
  readonly written: number;
  /** What is on disk for certain: written before the start of a sync that completed. */
  readonly synced: number;
  /** Asked for by writes that never came back: the file may hold any part of it. */
  readonly unfinished: number;
  /** Syncs that completed. */
  readonly syncs: number;
};

type Call = {
  readonly path: string;
  readonly isSync: boolean;
  readonly bytes: number;
  readonly covers: number;
};
type Length = { written: number; synced: number; unfinished: number; syncs: number };

/** `25974 fdatasync(7</data/x.aof> <unfinished ...>`: thread, call, path; for a write also the bytes asked for. */
const started = /^(\d+) +(write|writev|fdatasync|fsync)\(\d+<([^>]*)>(?:.*, (\d+))?/;
/** The result ends the line, of a whole call or of one taken up again. `?`: the thread died in it. */
const resumed = /^(\d+) +<\.\.\. \w+ resumed>/;
const finished = /\) += (-?\d+|\?)(?: [A-Z<].*)?$/;

/**
 * Reads the output of `strace -f -y -s 0 -e trace=write,writev,fdatasync,fsync` and answers a length for each path that `isWanted`.
 * `before` holds the lengths at the start of the trace, all of it on disk. The order of lines is the order of calls: a thread waits
 * at the entry and at the exit of each call until strace has written it down. So a write counts for a sync when its end stands
 * before the sync's start, on whatever thread; a sync counts when its end stands there at all.
 */
export function syncedLengths(
  trace: string,
  isWanted: (path: string) => boolean,
  before: ReadonlyMap<string, number> = new Map(),
): ReadonlyMap<string, FileLength> {
  const lengths = new Map<string, Length>();
  const pending = new Map<string, Call>();
  const lengthOf = (path: string): Length => {
    const start = before.get(path) ?? 0;
    const known = lengths.get(path) ?? { written: start, synced: start, unfinished: 0, syncs: 0 };
    lengths.set(path, known);
    return known;
  };
  for (const line of trace.split('\n')) {
    const [, starter, name = '', path = '', bytes = '0'] = started.exec(line) ?? [];
    if (starter !== undefined && isWanted(path)) {
      const isSync = name.endsWith('sync');
      pending.set(starter, { path, isSync, bytes: Number(bytes), covers: lengthOf(path).written });
    }
    const thread = starter ?? resumed.exec(line)?.[1] ?? '';
    const call = pending.get(thread);
    const result = Number(finished.exec(line)?.[1]);
    if (call === undefined || Number.isNaN(result)) continue;
    pending.delete(thread);
    finish(lengthOf(call.path), call, result);
  }
  for (const call of pending.values()) if (!call.isSync) lengthOf(call.path).unfinished += call.bytes;
  return lengths;
}

function finish(length: Length, call: Call, result: number): void {
  if (result < 0) return;
  if (call.isSync) {
    length.synced = Math.max(length.synced, call.covers);
    length.syncs += 1;
  } else length.written += result;
}
