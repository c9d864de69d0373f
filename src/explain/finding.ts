import type { PlacedFault } from '../dialect/checked-file.ts';

/** Something wrong with a dialect, for who wrote it: the file below its folder, a JSON pointer or row, and our words. Never a value. */
export type Finding = { readonly file: string; readonly pointer: string; readonly says: string };

export function findingOf({ file, pointer, says, cause }: PlacedFault): Finding {
  return { file, pointer, says: `${says}${rowOf(cause)}` };
}

/** Where a reader of JSON stopped. Of its words no others are ours to repeat: they quote what stands there. */
function rowOf(cause: unknown): string {
  if (!(cause instanceof SyntaxError)) return '';
  const [, row, column] = /\(line (\d+) column (\d+)\)$/.exec(cause.message) ?? [];
  return row === undefined ? '' : `: look at line ${row}, character ${column ?? ''}, and before it`;
}

/** One line for each: `file pointer says`. */
export function findingText({ file, pointer, says }: Finding): string {
  return `${file} ${pointer === '' ? '/' : pointer} ${says}`;
}
