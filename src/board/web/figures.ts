import type { Picture } from '../picture.ts';
import { byId, element, mark, write } from './elements.ts';
import { agoOf, countOf, rateOf, spanOf } from './words.ts';

type Figure = { readonly value: string; readonly isBad?: boolean };

/** What a shift looks at first, in large letters. `isBad` adds a mark and a colour; the words say it as well. */
const figures: Readonly<Record<string, (picture: Picture) => Figure>> = {
  waiting: ({ books }) => ({ value: countOf(books.waiting) }),
  oldest: ({ lanes }) => {
    const oldest = Math.max(0, ...lanes.map(({ oldestAgeMs }) => oldestAgeMs));
    return { value: oldest === 0 ? '–' : spanOf(oldest) };
  },
  'messages / s': ({ rates }) => ({ value: rateOf(rates.messages) }),
  'copies out / s': ({ rates }) => ({ value: rateOf(rates.delivered) }),
  'refused / s': ({ rates }) => ({ value: rateOf(rates.refused) }),
  'dead letters': ({ record }) => ({ value: countOf(record.deadLetters), isBad: record.deadLetters > 0 }),
  books: ({ books }) =>
    books.imbalance === 0
      ? { value: 'balanced' }
      : { value: `OFF BY ${countOf(books.imbalance)}`, isBad: true },
  courier: ({ lanes }) => {
    const isBad = lanes.some(({ end, isOwned }) => end === 'topic' && !isOwned);
    return { value: isBad ? 'NONE' : 'working', isBad };
  },
  recorder: ({ record, at, warnings }) => {
    const isBad = warnings.includes('RECORDER_SILENT');
    if (record.recorderSeenAt === undefined) return { value: 'NEVER SEEN', isBad: true };
    return { value: isBad ? `SILENT, ${agoOf(at - record.recorderSeenAt)}` : 'writing', isBad };
  },
};

export class Figures {
  readonly #shown = Object.entries(figures).map(([name, of]) => {
    const group = element('div');
    const value = element('dd', '', '–');
    group.append(element('dt', '', name), value);
    byId('figures').append(group);
    return { group, value, of };
  });

  show(picture: Picture): void {
    for (const { group, value, of } of this.#shown) {
      const { value: text, isBad = false } = of(picture);
      write(value, text);
      mark(group, 'bad', isBad ? 'yes' : 'no');
    }
  }
}
