import { FileWindow } from '../audit/file-window.ts';
import { headOf } from '../audit/page.ts';
import {
  blockLineBytesMax,
  listSegments,
  readBlockLine,
  segmentKinds,
  segmentPath,
} from '../audit/segment-format.ts';

/** Read at most at a time, and before the watch began. Records of some twenty thousand messages. */
const TAIL_BYTES_MAX = 8 * 1024 * 1024;

/** The end of a recorder's folder, read on and on: for pages that left the stream before we saw them. */
export class DiskTail {
  readonly #folder: string;
  #segment = 0;
  #offset = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Pages stored since the last call, in their order; of more than 8 MiB the newest only. Ends before a block that is still being
   * written. Nothing when the folder cannot be read: it may be another machine's.
   */
  async *pages(): AsyncGenerator<Buffer> {
    const segments = await listSegments(this.#folder).catch(() => []);
    let left = TAIL_BYTES_MAX;
    const parts: { segment: number; from: number }[] = [];
    for (const segment of segments.toReversed()) {
      if (segment < this.#segment || left <= 0) break;
      const size = await sizeOf(this.#folder, segment);
      const from = Math.max(segment === this.#segment ? this.#offset : 0, size - left);
      left -= Math.max(0, size - from);
      parts.unshift({ segment, from });
    }
    for (const part of parts) yield* this.#read(part);
  }

  async *#read({ segment, from }: { segment: number; from: number }): AsyncGenerator<Buffer> {
    const file = await FileWindow.open(segmentPath(this.#folder, segment, 'pages')).catch(() => undefined);
    if (file === undefined) return;
    try {
      let at = from;
      // In the middle of a block, or the recorder cut its tail after a crash: on from the next block.
      if ((await lineAt(file, at)) === undefined)
        at = Math.max(at, 1 + (await file.find(`\n${segmentKinds.pages.mark}`, at)));
      for (;;) {
        const line = await lineAt(file, at);
        if (line === undefined) break;
        const page = await file.read(at + line.bytes, line.length);
        if (page.length < line.length || headOf(page) !== line.hash) break;
        at += line.bytes + line.length;
        yield page;
      }
      this.#segment = segment;
      this.#offset = at;
    } finally {
      await file.close();
    }
  }
}

const lineAt = async (
  file: FileWindow,
  at: number,
): Promise<{ bytes: number; length: number; hash: string } | undefined> => {
  const text = await file.line(at, blockLineBytesMax);
  const line = text === null ? null : readBlockLine('pages', text);
  if (text === null || line === null) return undefined;
  return { bytes: text.length + 1, length: line.length, hash: line.hash };
};

const sizeOf = async (folder: string, segment: number): Promise<number> => {
  const file = await FileWindow.open(segmentPath(folder, segment, 'pages')).catch(() => undefined);
  await file?.close();
  return file?.size ?? 0;
};
