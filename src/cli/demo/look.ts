/** How words stand out. Without colour all are the same. */
export type Tone = 'plain' | 'dim' | 'strong' | 'good' | 'warn' | 'bad' | 'key' | 'bar';
export type Span = readonly [text: string, tone?: Tone];
export type Row = readonly Span[];

export type Look = {
  /** Off: not one escape code but cursor and screen. */
  readonly isColoured: boolean;
  readonly glyphs: Glyphs;
};

export type Glyphs = {
  readonly connected: string;
  readonly late: string;
  readonly away: string;
  readonly never: string;
  readonly yes: string;
  readonly no: string;
  /** Heights from nothing to full. */
  readonly spark: string;
};

/** Shapes differ as well as colours. Every glyph is one cell wide outside of East Asian locales. */
export const unicode: Glyphs = {
  connected: '●',
  late: '▲',
  away: '○',
  never: '·',
  yes: '✓',
  no: '✗',
  spark: ' ▁▂▃▄▅▆▇█',
};
export const ascii: Glyphs = {
  connected: '*',
  late: '!',
  away: 'o',
  never: '.',
  yes: 'ok',
  no: 'X',
  spark: ' .:-=+*#%',
};

const sgr: Readonly<Record<Tone, string>> = {
  plain: '',
  dim: '2',
  strong: '1',
  good: '32',
  warn: '33',
  bad: '1;31',
  key: '7',
  bar: '36',
};

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * By the environment: NO_COLOR with any text takes colours away (no-color.org); a locale that is not UTF-8, or an East Asian one where
 * our shapes are two cells wide, gets ASCII.
 */
export const lookOf = (env: Environment): Look => {
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find((name) => (name ?? '') !== '') ?? '';
  const isUnicode = /utf-?8/i.test(locale) && !/^(ja|ko|zh)/.test(locale);
  return { isColoured: (env['NO_COLOR'] ?? '') === '', glyphs: isUnicode ? unicode : ascii };
};

const own = new Set(Object.values(unicode).join(''));

/**
 * Everything that reaches the terminal goes through here: printable ASCII and our own glyphs stay, anything else (control bytes, wide or
 * combining characters, halves of pairs) becomes a question mark, so a character is a cell whatever the data holds.
 */
export const clean = (text: string, glyphs: Glyphs): string =>
  text.replaceAll(/[^\x20-\x7e]/gu, (character) =>
    glyphs === unicode && own.has(character) ? character : '?',
  );

export const widthOf = (row: Row): number => row.reduce((sum, [text]) => sum + text.length, 0);

/** Items one after the other, on as many rows as they need. */
export const flow = (items: readonly Row[], columns: number): readonly Row[] => {
  const rows: Row[] = [];
  for (const item of items) {
    const last = rows.at(-1);
    if (last !== undefined && widthOf(last) + widthOf(item) <= columns)
      rows[rows.length - 1] = [...last, ...item];
    else rows.push(item);
  }
  return rows;
};

/** One line of exactly `columns` cells: cut, or filled with blanks. */
export const paintRow = (row: Row, columns: number, look: Look): string => {
  let left = columns;
  let line = '';
  for (const [text, tone = 'plain'] of row) {
    const shown = clean(text, look.glyphs).slice(0, left);
    left -= shown.length;
    const code = look.isColoured && shown !== '' ? sgr[tone] : '';
    line += code === '' ? shown : `\x1b[${code}m${shown}\x1b[0m`;
  }
  return line + ' '.repeat(left);
};

/** Text of exactly `width` cells. A cut is shown. */
export const cell = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, Math.max(0, width - 1))}~`.slice(0, width) : text.padEnd(width);

/** The newest values at the right; the highest of those shown is full height. */
export const sparkline = (values: readonly number[], width: number, { spark }: Glyphs): string => {
  const shown = values.slice(-width);
  const top = Math.max(1, ...shown);
  const steps = spark.length - 1;
  const bars = shown.map((value) =>
    spark.charAt(value <= 0 ? 0 : Math.max(1, Math.round((value / top) * steps))),
  );
  return bars.join('').padStart(width);
};

/** `840 ms`, `12.3 s`, `4 m 05 s`, `3 h 20 m`. */
export const duration = (ms: number): string => {
  if (ms < 1000) return `${String(Math.round(ms))} ms`;
  if (ms < 100_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000);
  const two = (count: number): string => String(count).padStart(2, '0');
  if (seconds < 3600) return `${String(Math.floor(seconds / 60))} m ${two(seconds % 60)} s`;
  return `${String(Math.floor(seconds / 3600))} h ${two(Math.floor(seconds / 60) % 60)} m`;
};

/** Time of day, UTC. */
export const clock = (atMs: number): string => new Date(atMs).toISOString().slice(11, 19);
