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

/** Throws DIRECTORY_INVALID where a station should name what it was sent by a count, and its dialect sends none. */
export const checkReceipts = (
  { lines }: Pick<Directory, 'lines'>,
  dialects: ReadonlyMap<string, Dialect>,
): void => {
  for (const [at, { dialect, confirm }] of [...lines.values()].entries()) {
    const form = dialects.get(dialect)?.output.form ?? [];
    if (confirm !== 'application' || form.some((line) => line.includes('{sentCount}'))) continue;
    throw new Fault(
      'DIRECTORY_INVALID',
      `lines.json /lines/${String(at)}/confirm cannot be application: what its dialect sends holds no count for a receipt to name`,
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

/** Throws DIRECTORY_INVALID where a line requires a log-on that its dialect has no messages for. */
export const checkLogOns = (
  { lines }: Pick<Directory, 'lines'>,
  dialects: ReadonlyMap<string, Dialect>,
): void => {
  for (const [at, { logOn, dialect }] of [...lines.values()].entries()) {
    if (logOn === undefined || dialects.get(dialect)?.session !== undefined) continue;
    throw new Fault(
      'DIRECTORY_INVALID',
      `lines.json /lines/${String(at)}/logOn is asked for, and its dialect has no session in dialect.json`,
    );
  }
};

/** Throws DIRECTORY_INVALID where a state has a code that a line's dialect reads as another, as NE is read as NB: none could reach it. */
export const checkStates = (
  { lines, states }: Pick<Directory, 'lines' | 'states'>,
  dialects: ReadonlyMap<string, Dialect>,
): void => {
  const spoken = Array.from(lines.values(), ({ dialect }) => dialects.get(dialect));
  for (const [at, code] of [...states.keys()].entries()) {
    if (!spoken.some((dialect) => dialect?.destinations.aliases.has(code))) continue;
    throw new Fault(
      'DIRECTORY_INVALID',
      `states.json /states/${String(at)}/code is another name of a destination: give the code its dialect reads it as`,
    );
  }
};
