import type { LaneState, StationWord } from '../../board/picture.ts';
import { cell, duration, flow, type Look, type Row, type Span, type Tone } from './look.ts';
import type { View } from './view.ts';

const NAME = 24;
const NUMBER = 8;
const AGE = 9;
const OWNER = 8;
const FIXED = NAME + NUMBER + 1 + AGE + 1 + OWNER + NUMBER;
const BAR_MAX = 60;

const barWidth = (columns: number): number => Math.max(0, Math.min(BAR_MAX, columns - FIXED));

export const lanesHeader = ({ picture }: View, columns: number): Row => {
  const words = [
    `LANES ${String(picture?.lanes.length ?? 0)}`.padEnd(NAME),
    'WAITING'.padStart(NUMBER),
    ` ${cell('BY CLASS 0-6', barWidth(columns))}`,
    'OLDEST'.padStart(AGE),
    ` ${'OWNER'.padEnd(OWNER)}`,
    'DONE'.padStart(NUMBER),
  ];
  return [[words.join(''), 'strong']];
};

/** A lane whose oldest message is as old holds; a line without confirmation always keeps the last second's. */
const HOLDS_MS = 2000;

/** Topics, then stations: those that hold, those that were ever used, the rest. Within each as the picture has them, so that few jump. */
export const lanes = ({ picture }: View, columns: number): readonly Row[] => {
  const order = (lane: LaneState): number => {
    if (lane.end === 'topic') return 0;
    if (lane.oldestAgeMs >= HOLDS_MS) return 1;
    return lane.in > 0 ? 2 : 3;
  };
  return (picture?.lanes ?? []).toSorted((a, b) => order(a) - order(b)).map((lane) => laneRow(lane, columns));
};

const laneRow = (lane: LaneState, columns: number): Row => {
  const { end, waiting, oldestAgeMs, isOwned } = lane;
  const name = lane.lane.replace(/^station\./, '');
  const owner = end === 'topic' ? 'courier' : 'gateway';
  const isHolding = waiting > 0;
  return [
    [cell(`${end} ${name}`, NAME)],
    [String(waiting).padStart(NUMBER), isHolding ? 'strong' : 'dim'],
    [' '],
    ...depthBar(lane.waitingByClass, barWidth(columns)),
    [(isHolding ? duration(oldestAgeMs) : '-').padStart(AGE)],
    [` ${cell(isOwned ? owner : 'nobody', OWNER)}`, isOwned ? 'plain' : 'warn'],
    [String(lane.in - waiting).padStart(NUMBER)],
  ];
};

/** Cells of the bar at which it is full. */
const FULL_AT = 100_000;

/**
 * A bar of digits, the class's own for its share: urgent at the left. Its length grows with the logarithm, so that one message and ten
 * thousand are both seen; every class that waits has at least one cell.
 */
export const depthBar = (waitingByClass: readonly number[], width: number): readonly Span[] => {
  const total = waitingByClass.reduce((sum, count) => sum + count, 0);
  const length = Math.min(width, Math.ceil((width * Math.log(total + 1)) / Math.log(FULL_AT)));
  const spans: Span[] = [];
  let left = total === 0 ? 0 : length;
  let rest = total;
  for (const [priorityClass, count] of waitingByClass.entries()) {
    if (count === 0 || left === 0) continue;
    const cells = Math.min(left, Math.max(1, Math.round((left * count) / rest)));
    spans.push([String(priorityClass).repeat(cells), priorityClass <= 1 ? 'bad' : 'bar']);
    left -= cells;
    rest -= count;
  }
  const used = spans.reduce((sum, [text]) => sum + text.length, 0);
  return [...spans, [' '.repeat(width - used)]];
};

/** Those in trouble first. */
const words: readonly StationWord[] = ['late', 'away', 'connected', 'never'];
const tones: Readonly<Record<StationWord, Tone>> = {
  connected: 'good',
  late: 'warn',
  away: 'bad',
  never: 'dim',
};

/** Every station with the shape of its word, under that word. */
export const stations = ({ picture }: View, columns: number, { glyphs }: Look): readonly Row[] => {
  const all = picture?.stations ?? [];
  const items = words.flatMap((word): Row[] => {
    const named = all.filter((one) => one.word === word);
    const heading: Span = [`${word} ${String(named.length)}: `, tones[word]];
    return named.map(
      ({ station }, at): Row => [
        ...(at === 0 ? [heading] : []),
        [glyphs[word], tones[word]],
        [` ${station}  `],
      ],
    );
  });
  return flow([[[`STATIONS ${String(all.length)}  `, 'strong']], ...items], columns);
};
