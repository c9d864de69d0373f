import { type Masks, shownText } from './masks.ts';

const ROW = 16;

/** Bytes in rows of sixteen: offset, hex, text. Of a long one the first `rowsMax` rows, and how much is left out. */
export function hexDump(bytes: Buffer, masks: Masks, rowsMax: number): readonly string[] {
  const rows: string[] = [];
  for (let from = 0; from < bytes.length && rows.length < rowsMax; from += ROW) {
    const to = Math.min(from + ROW, bytes.length);
    const hex = Array.from(bytes.subarray(from, to), (byte, at) =>
      masks[from + at] === 1 ? '**' : byte.toString(16).padStart(2, '0'),
    );
    rows.push(
      `${offsetText(from)}  ${hex.join(' ').padEnd(ROW * 3 - 1)}  ${shownText(bytes, { from, to }, masks)}`,
    );
  }
  const left = bytes.length - rowsMax * ROW;
  return left > 0 ? [...rows, `... ${String(left)} bytes more`] : rows;
}

export function offsetText(at: number): string {
  return String(at).padStart(6);
}
