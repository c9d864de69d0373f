import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findRedisBinary } from '../../src/simulate/redis/find-redis.ts';
import { type FileLength, syncedLengths } from './synced-length.ts';

const traceEndMsMax = 10_000;

export type Cut = { readonly keptBytes: number; readonly lostBytes: number; readonly syncs: number };

/**
 * A disk that forgets, at a power cut, what Redis wrote and never synced. SIGKILL alone forgets nothing: the kernel keeps what was
 * written. So Redis runs under strace, and the append-only file is cut back to what a completed sync covers before Redis starts again.
 *
 * Worst case on purpose: a real disk may have kept more. Cut back are the files that Redis appends to (`*.incr.aof`). The base file and
 * the manifest are written and synced once, when an empty server starts; a rewrite, which would make new ones, does not happen in a test.
 */
export class ForgetfulDisk {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tenfour-trace-'));
  readonly #path = process.env['PATH'] ?? '';
  /** What each file held at the last cut: all of it on disk. */
  #lengths: ReadonlyMap<string, number> = new Map();

  /**
   * From now to `remove`, a Redis that this process starts is traced: a script of its name stands first on PATH. `-D` keeps strace out
   * of the way, so that the process started becomes Redis itself and its pid is Redis's; each life has a trace of its own.
   */
  constructor() {
    const bin = join(this.#folder, 'bin');
    mkdirSync(bin);
    const strace = 'strace -D -f --seccomp-bpf -y -s 0 -e trace=write,writev,fdatasync,fsync';
    const script = `#!/bin/sh\nexec ${strace} -o "${this.#folder}/$$" "${findRedisBinary()}" "$@"\n`;
    writeFileSync(join(bin, 'redis-server'), script);
    chmodSync(join(bin, 'redis-server'), 0o755);
    process.env['PATH'] = `${bin}${delimiter}${this.#path}`;
  }

  /** After Redis (this pid) was killed and before it starts again. Throws when the trace does not account for every byte. */
  async cutBack(pid: number): Promise<Cut> {
    const trace = await this.#wholeTrace(pid);
    const lengths = syncedLengths(trace, (path) => path.endsWith('.incr.aof'), this.#lengths);
    const cut = { keptBytes: 0, lostBytes: 0, syncs: 0 };
    for (const [path, length] of lengths) {
      const { size } = statSync(path);
      assertAccountsFor(size, length);
      truncateSync(path, length.synced);
      cut.keptBytes += length.synced;
      cut.lostBytes += size - length.synced;
      cut.syncs += length.syncs;
    }
    // A trace without them is of the wrong process or the wrong files, and what it says would prove nothing.
    if (cut.syncs === 0) throw new Error('the trace shows no sync of an append-only file');
    this.#lengths = new Map([...lengths].map(([path, { synced }]) => [path, synced]));
    return cut;
  }

  remove(): void {
    process.env['PATH'] = this.#path;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** strace holds lines back until the last thread is gone; the first thread's end is the last line. */
  async #wholeTrace(pid: number): Promise<string> {
    const end = new RegExp(`^${String(pid)} +\\+\\+\\+ killed by SIGKILL`, 'm');
    const deadline = performance.now() + traceEndMsMax;
    for (;;) {
      const trace = readFileSync(join(this.#folder, String(pid)), 'latin1');
      if (end.test(trace)) return trace;
      if (performance.now() > deadline) throw new Error('the trace of Redis does not end with its death');
      await sleep(10);
    }
  }
}

function assertAccountsFor(size: number, { written, unfinished }: FileLength): void {
  if (size >= written && size <= written + unfinished) return;
  const told = `${String(written)} and at most ${String(unfinished)} more`;
  throw new Error(`the append-only file has ${String(size)} bytes, the trace tells of ${told}`);
}
