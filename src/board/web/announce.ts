import type { Picture, StationState } from '../picture.ts';
import { byId } from './elements.ts';

/** More would be read out for minutes. */
const NAMED_MAX = 5;

const words = {
  connected: 'is connected',
  late: 'is late',
  away: 'is away',
  never: 'was never seen',
} as const satisfies Record<StationState['word'], string>;

/** Says to those who listen what others see change: a station's word, and whether the page is live. */
export class Announcer {
  readonly #said = byId('said');
  readonly #shouted = byId('shouted');
  #words: ReadonlyMap<string, StationState['word']> | undefined;

  picture({ stations }: Picture): void {
    const before = this.#words;
    this.#words = new Map(stations.map(({ station, word }) => [station, word]));
    if (before === undefined) return;
    const changed = stations.filter(({ station, word }) => before.get(station) !== word);
    if (changed.length === 0) return;
    const named = changed.slice(0, NAMED_MAX).map(({ station, word }) => `${station} ${words[word]}`);
    const more = changed.length - named.length;
    this.#said.textContent = `${named.join(', ')}${more > 0 ? `, and ${String(more)} more changed` : ''}.`;
  }

  /** Spoken at once; only when it is something new. */
  alarm(text: string): void {
    if (this.#shouted.textContent !== text) this.#shouted.textContent = text;
  }
}
