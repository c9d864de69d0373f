import uPlot from 'uplot';
import type { Picture } from '../picture.ts';
import { byId, element, write } from './elements.ts';
import { countOf, rateOf, timeOf } from './words.ts';

const SPAN_S = 600;
/** One picture a second for ten minutes, and a little more when they come closer together. */
const POINTS_MAX = 900;

type Line = {
  readonly name: string;
  /** A custom property of the style sheet. */
  readonly colour: string;
  /** Told apart without colour too. */
  readonly dash?: readonly number[];
  readonly of: (picture: Picture) => number;
};

const flow: readonly Line[] = [
  { name: 'messages in', colour: '--line-a', of: ({ rates }) => rates.messages },
  { name: 'copies in', colour: '--line-b', dash: [7, 4], of: ({ rates }) => rates.accepted },
  { name: 'copies out', colour: '--line-c', dash: [2, 3], of: ({ rates }) => rates.delivered },
];
const refusals: readonly Line[] = [{ name: 'refused', colour: '--line-d', of: ({ rates }) => rates.refused }];

const colourOf = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The last ten minutes of some rates. What was not seen is a gap, not a zero. */
class Chart {
  readonly #plot: uPlot;
  readonly #at: number[] = [];
  readonly #values: (number | null)[][];
  readonly #lines: readonly Line[];
  readonly #shown: readonly HTMLElement[];
  readonly #into: HTMLElement;

  constructor(into: HTMLElement, key: HTMLElement, lines: readonly Line[]) {
    this.#lines = lines;
    this.#into = into;
    this.#values = lines.map(() => []);
    this.#shown = lines.map((line) => keyRow(key, line));
    const size = (): { width: number; height: number } => ({
      width: Math.max(100, into.clientWidth),
      height: into.clientHeight,
    });
    this.#plot = new uPlot(options(lines, size()), [[], ...this.#values] as uPlot.AlignedData, into);
    new ResizeObserver(() => {
      this.#plot.setSize(size());
    }).observe(into);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#plot.redraw(false, true);
    });
  }

  add(picture: Picture): void {
    const isSeen = !picture.warnings.includes('REDIS_DOWN');
    this.#at.push(Date.now() / 1000);
    for (const [at, { of }] of this.#lines.entries()) {
      this.#values[at]?.push(isSeen ? of(picture) : null);
      const shown = this.#shown[at];
      if (shown !== undefined) write(shown, isSeen ? rateOf(of(picture)) : '–');
    }
    if (this.#at.length > POINTS_MAX) for (const list of [this.#at, ...this.#values]) list.shift();
    this.#plot.setData([this.#at, ...this.#values] as uPlot.AlignedData);
    const says = this.#lines.map((line) => `${line.name} ${isSeen ? rateOf(line.of(picture)) : 'not known'}`);
    this.#into.setAttribute(
      'aria-label',
      `Chart of the last ten minutes. Now, a second: ${says.join(', ')}.`,
    );
  }

  /** Nothing came for a while: the line ends and begins anew. */
  gap(): void {
    if (this.#values[0]?.at(-1) === null || this.#at.length === 0) return;
    this.#at.push(Date.now() / 1000);
    for (const list of this.#values) list.push(null);
  }
}

const options = (lines: readonly Line[], size: { width: number; height: number }): uPlot.Options => {
  const faint = (): string => colourOf('--rule');
  const axis = {
    stroke: () => colourOf('--muted'),
    grid: { stroke: faint, width: 1 },
    ticks: { stroke: faint, width: 1 },
  };
  return {
    ...size,
    cursor: { show: false },
    legend: { show: false },
    padding: [8, 8, 0, 0],
    scales: {
      x: { range: () => [Date.now() / 1000 - SPAN_S, Date.now() / 1000] },
      y: { range: (_plot, _least, most) => [0, Math.max(5, most * 1.15)] },
    },
    axes: [
      { ...axis, size: 26, values: (_plot, splits) => splits.map((at) => timeOf(at * 1000).slice(0, 5)) },
      {
        ...axis,
        size: 46,
        values: (_plot, splits) => splits.map((value) => (value % 1 === 0 ? countOf(value) : '')),
      },
    ],
    series: [
      {},
      ...lines.map(({ colour, dash }) => ({
        stroke: () => colourOf(colour),
        width: 2,
        points: { show: false },
        spanGaps: false,
        ...(dash === undefined ? {} : { dash: [...dash] }),
      })),
    ],
  };
};

const SVG = 'http://www.w3.org/2000/svg';

/** A piece of the line as it is drawn, its name, its value now. */
const keyRow = (key: HTMLElement, { name, colour, dash }: Line): HTMLElement => {
  const row = element('li');
  const sample = document.createElementNS(SVG, 'svg');
  sample.setAttribute('class', 'sample');
  sample.setAttribute('aria-hidden', 'true');
  const line = document.createElementNS(SVG, 'line');
  for (const [of, value] of Object.entries({ x1: '0', y1: '5', x2: '26', y2: '5' }))
    line.setAttribute(of, value);
  line.style.stroke = `var(${colour})`;
  if (dash !== undefined) line.setAttribute('stroke-dasharray', dash.join(' '));
  sample.append(line);
  const value = element('strong', '', '–');
  row.append(sample, element('span', '', name), value);
  key.append(row);
  return value;
};

/** Rates and refusals of the last ten minutes, kept in this browser; and refusals by code since the board began. */
export class Charts {
  readonly #charts = [
    new Chart(byId('flow-chart'), byId('flow-key'), flow),
    new Chart(byId('refusal-chart'), byId('refusal-key'), refusals),
  ];
  readonly #codes = byId('refusal-codes');

  show(picture: Picture): void {
    for (const chart of this.#charts) chart.add(picture);
    const counts = Object.entries(picture.rates.refusedByCode).toSorted(([, a], [, b]) => b - a);
    const text = counts.map(([code, count]) => `${code} ${countOf(count)}`);
    if (this.#codes.dataset['text'] === text.join()) return;
    this.#codes.dataset['text'] = text.join();
    this.#codes.replaceChildren(...text.map((one) => element('li', '', one)));
  }

  gap(): void {
    for (const chart of this.#charts) chart.gap();
  }
}
