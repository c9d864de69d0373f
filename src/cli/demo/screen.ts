import { type Look, paintRow, type Row } from './look.ts';
import { audience, booksRow, broadcastRow, events, farSideRow, hops, hopsHeader } from './passage.ts';
import { keyRows, rates, title } from './heading.ts';
import { lanes, lanesHeader, stations } from './places.ts';
import type { Size } from './terminal.ts';
import type { View } from './view.ts';

/** A part of the screen: all rows it could show, and how many it has at least, blank or not, so that nothing jumps. */
type Section = {
  readonly rows: readonly Row[];
  readonly least: number;
  /** Who gets rows first where there are too few, and again where there are more: 1 before 2. */
  readonly rank: number;
};

/**
 * The whole screen as lines of exactly `columns` cells, exactly `rows` of them. The same view, size and look give the same lines. Every
 * section shows at 80×24; more room goes to those that have more to say, less leaves out the last in rank.
 */
export const drawScreen = (view: View, { columns, rows }: Size, look: Look): readonly string[] => {
  const sections = sectionsOf(view, columns, look);
  const given = share(sections, rows);
  const lines = sections.flatMap((section, at) =>
    Array.from({ length: given[at] ?? 0 }, (_, row) => paintRow(section.rows[row] ?? [], columns, look)),
  );
  // The keys stay at the bottom.
  const keys = given.at(-1) ?? 0;
  const blanks = Array.from({ length: Math.max(0, rows - lines.length) }, () => ' '.repeat(columns));
  return [...lines.slice(0, lines.length - keys), ...blanks, ...lines.slice(lines.length - keys)];
};

const sectionsOf = (view: View, columns: number, look: Look): readonly Section[] => {
  const least = (rows: readonly Row[], count: number, rank: number): Section => ({
    rows,
    least: count,
    rank,
  });
  const header = (row: Row, rank: number): Section => least([row], 1, rank);
  const keys = keyRows(view, columns);
  return [
    header(title(view, columns, look), 1),
    header(rates(view, columns, look), 2),
    header(lanesHeader(view, columns), 4),
    least(lanes(view, columns), 6, 4),
    least(stations(view, columns, look), 3, 5),
    header(hopsHeader(columns), 7),
    least(hops(view, columns), 3, 7),
    header(broadcastRow(view), 6),
    least(audience(view, columns, look), 1, 6),
    header(booksRow(view, look), 3),
    header(farSideRow(view, look), 3),
    least(events(view, columns), 2, 1),
    least(keys, keys.length, 1),
  ];
};

/** Rows for each section: first what each needs, by rank, then what is left, a row each in turn. */
const share = (sections: readonly Section[], rows: number): readonly number[] => {
  const given = sections.map(() => 0);
  let left = rows;
  const inOrder = sections.map((section, at) => ({ ...section, at })).toSorted((a, b) => a.rank - b.rank);
  for (const { least, at } of inOrder) {
    given[at] = Math.min(least, left);
    left -= given[at];
  }
  for (let hasGiven = true; left > 0 && hasGiven; ) {
    hasGiven = false;
    for (const { rows: all, at } of inOrder) {
      const has = given[at] ?? 0;
      if (left === 0 || has >= all.length) continue;
      given[at] = has + 1;
      left -= 1;
      hasGiven = true;
    }
  }
  return given;
};
