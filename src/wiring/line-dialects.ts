import type { Dialect, Framing } from '../dialect/dialect.ts';
import type { Directory, Line } from '../directory/directory.ts';
import { Fault } from '../message/codes.ts';

/** Throws DIRECTORY_INVALID where a line names a framing that is not there. */
export const checkFramings = (
  { lines }: Pick<Directory, 'lines'>,
  framings: ReadonlyMap<string, Framing>,
): void => {
  for (const [at, { framing }] of [...lines.values()].entries()) {
    if (framing === undefined || framings.has(framing)) continue;
    throw new Fault(
      'DIRECTORY_INVALID',
      `lines.json /lines/${String(at)}/framing is not a file of protocols/framings`,
    );
  }
};

/** By line name, the dialect as it is spoken there: with the framing the line names, or its own. */
export const lineDialectsOf = (
  lines: readonly Line[],
  dialects: ReadonlyMap<string, Dialect>,
  framings: ReadonlyMap<string, Framing>,
): ReadonlyMap<string, Dialect> =>
  new Map(
    lines.flatMap((line): readonly [string, Dialect][] => {
      const dialect = dialects.get(line.dialect);
      const framing = line.framing === undefined ? dialect?.framing : framings.get(line.framing);
      return dialect === undefined || framing === undefined
        ? []
        : [[line.name, Object.freeze({ ...dialect, framing })]];
    }),
  );
