import type { Picture, StationState } from '../picture.ts';
import { byId, element, mark, type Row, Rows, Shape, write } from './elements.ts';
import { agoOf, countOf, spanOf } from './words.ts';

const words = {
  connected: 'CONNECTED',
  late: 'LATE',
  away: 'AWAY',
  never: 'NEVER SEEN',
} as const satisfies Record<StationState['word'], string>;

/** Named above the tiles, those for whom something waits first; of hundreds those amiss may be far down. */
const AMISS_MAX = 12;

type Shown = StationState & { readonly at: number };

/** A tile a station, always in the same order: who looks for one knows where it is. */
export class Stations {
  readonly #sum = byId('stations-sum');
  readonly #amiss = byId('stations-amiss');
  readonly #rows = new Rows<Shown>(byId('station-tiles'), ({ station }) => station, tile);

  show({ stations, at }: Picture): void {
    this.#rows.show(stations.map((one) => ({ ...one, at })));
    const counts = new Map<string, number>();
    for (const { word } of stations) counts.set(word, (counts.get(word) ?? 0) + 1);
    const parts = Object.entries(words).flatMap(([word, text]) => {
      const count = counts.get(word) ?? 0;
      return count === 0 ? [] : [`${countOf(count)} ${text.toLowerCase()}`];
    });
    write(this.#sum, parts.join(', '));
    const amiss = stations.filter(isAmiss).toSorted((a, b) => Number(b.waiting > 0) - Number(a.waiting > 0));
    const named = amiss.slice(0, AMISS_MAX).map(({ station, word }) => `${station} ${words[word]}`);
    const more = amiss.length - named.length;
    write(this.#amiss, `Look at: ${named.join(', ')}${more > 0 ? `, and ${countOf(more)} more` : ''}`);
    this.#amiss.hidden = amiss.length === 0;
  }
}

/** Something is wrong with it, or waits for one that never came. */
const isAmiss = ({ word, waiting }: StationState): boolean =>
  word === 'late' || word === 'away' || (word === 'never' && waiting > 0);

const tile = ({ station, title, lines }: Shown): Row<Shown> => {
  const root = element('li', 'tile');
  const shape = new Shape();
  const [word, name] = [element('strong', 'word'), element('span', 'name', station)];
  const head = element('p', 'head');
  head.append(shape.root, word);
  const about = element(
    'p',
    'about',
    `${title}; ${lines.length === 1 ? 'line' : 'lines'} ${lines.join(', ')}`,
  );
  const [waits, traffic] = [element('p', 'waits'), element('p', 'traffic')];
  root.append(name, head, waits, traffic, about);
  return {
    root,
    update: ({ word: now, waiting, oldestAgeMs, lastFromAt, lastToAt, at }) => {
      mark(root, 'word', now);
      shape.set(now);
      write(word, words[now]);
      mark(root, 'waits', waiting > 0 ? 'yes' : 'no');
      write(
        waits,
        waiting === 0 ? 'nothing waits' : `${countOf(waiting)} waiting, oldest ${spanOf(oldestAgeMs)}`,
      );
      write(traffic, `from it ${last(lastFromAt, at)} · to it ${last(lastToAt, at)}`);
    },
  };
};

const last = (when: number | undefined, at: number): string => (when === undefined ? '–' : agoOf(at - when));
