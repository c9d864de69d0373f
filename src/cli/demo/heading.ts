import { cell, clock, duration, flow, type Look, type Row, sparkline, widthOf } from './look.ts';
import { isOff, parts, type View } from './view.ts';

/** What it is, since when, whether all is well, and where the status page is. */
export const title = (view: View, columns: number, { glyphs }: Look): Row => {
  const up = duration(Math.floor((view.atMs - view.startedAtMs) / 1000) * 1000);
  const wrong = troubles(view).join(', ');
  const words: Row = [
    ['tenfour demo', 'strong'],
    [`  ${clock(view.atMs)}Z  up ${up}  `],
    wrong === '' ? [`${glyphs.connected} all well  `, 'good'] : [`${glyphs.no} ${wrong}  `, 'bad'],
  ];
  const { boardUrl } = view;
  const left = columns - widthOf(words);
  return boardUrl !== undefined && boardUrl.length <= left
    ? [...words, [boardUrl.padStart(left), 'dim']]
    : words;
};

const troubles = ({ picture, parts: states, station, isQuitting }: View): readonly string[] => [
  ...(isQuitting ? ['QUITTING'] : []),
  ...parts.flatMap((part) => (isOff(states[part]) ? [`${part} ${states[part]}`] : [])),
  ...(station.isPlugged ? [] : [`${station.name} OUT`]),
  ...(picture?.warnings ?? ['no picture yet']),
];

/** A picture is of half a second: the rate shown is of two. */
const MEAN_OF = 4;

/** Three rates side by side, each with its course. */
export const rates = ({ history }: View, columns: number, look: Look): Row => {
  const width = Math.floor(columns / 3);
  return (['accepted', 'delivered', 'refused'] as const).flatMap((name): Row => {
    const last = history[name].slice(-MEAN_OF);
    const rate = last.reduce((sum, one) => sum + one, 0) / Math.max(1, last.length);
    const shown = rate > 0 && rate < 10 ? rate.toFixed(1) : String(Math.round(rate));
    const label = `${name.toUpperCase()} ${shown.padStart(4)}/s `;
    const bars = sparkline(history[name], Math.max(0, width - label.length - 2), look.glyphs);
    return [[label], [cell(bars, Math.max(0, width - label.length)), name === 'refused' ? 'warn' : 'bar']];
  });
};

/** Blanks behind a key's words; at the end of a row they may be cut. */
const GAP = 2;

/** The tour by keys. The letters of what is down are said as words, too. */
export const keyRows = ({ parts: states, station, isTouring }: View, columns: number): readonly Row[] => {
  const key = (letter: string, text: string, isBad = false): Row => [
    [letter, 'key'],
    [` ${text}  `, isBad ? 'bad' : 'plain'],
  ];
  const letters = { courier: 'c', gateway: 'g', bus: 'b', recorder: 'r' } as const;
  return [
    ...flow(
      [
        ...parts.map((part) => key(letters[part], `${part} ${states[part]}`, isOff(states[part]))),
        key('u', `${station.name} ${station.isPlugged ? 'plugged in' : 'OUT'}`, !station.isPlugged),
      ],
      columns + GAP,
    ),
    ...flow(
      [
        key('f', 'flood'),
        key('o', 'officer safety'),
        key('t', isTouring ? 'end the tour' : 'guided tour'),
        key('w', 'settle the books'),
        key('q', 'quit'),
      ],
      columns + GAP,
    ),
  ];
};
