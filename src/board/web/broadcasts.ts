import type { BroadcastSeen, Listener, ListenerState, Picture } from '../picture.ts';
import { byId, element, idButton, mark, type Row, Rows, Shape, write } from './elements.ts';
import { countOf, exactOf, timeOf } from './words.ts';

const states = ['delivered', 'unconfirmed', 'waiting', 'expired', 'dead'] as const satisfies ListenerState[];
const words = {
  delivered: 'has it',
  unconfirmed: 'sent, not confirmed',
  waiting: 'waits',
  expired: 'expired',
  dead: 'could not be delivered',
} as const satisfies Record<ListenerState, string>;

/** `isDoubtful`: parts of the record went by unseen since it was accepted. */
type Shown = BroadcastSeen & { readonly isNewest: boolean; readonly isDoubtful: boolean };
type ListenerShown = Listener & { readonly isDoubtful: boolean };

/** The last broadcasts with their audience: who has it, who waits for it, after how long. */
export class Broadcasts {
  readonly #none = byId('broadcasts-none');
  readonly #rows: Rows<Shown>;

  constructor(onTrace: (id: string) => void) {
    this.#rows = new Rows<Shown>(
      byId('broadcast-cards'),
      ({ messageId }) => messageId,
      (one) => card(one, onTrace),
    );
  }

  show({ broadcasts, record: { missedAt = 0 } }: Picture): void {
    const shown = broadcasts.map((one, at) => ({
      ...one,
      isNewest: at === 0,
      isDoubtful: one.acceptedAt <= missedAt,
    }));
    this.#rows.show(shown);
    this.#none.hidden = broadcasts.length > 0;
  }
}

const card = (first: Shown, onTrace: (id: string) => void): Row<Shown> => {
  const root = element('li', 'broadcast');
  const head = element('p', 'head');
  const { messageKey, originatingOri, acceptedAt, messageId } = first;
  const id = idButton(onTrace);
  id.set(messageId);
  head.append(
    element('time', 'at', timeOf(acceptedAt)),
    element('strong', 'mke', messageKey),
    element('span', 'from', `from ${originatingOri}`),
    id.root,
  );
  const details = element('details');
  const [summary, shape, sum, reach] = [
    element('summary'),
    new Shape(),
    element('span', 'sum'),
    element('span', 'reach'),
  ];
  const bars = states.map((state) => {
    const bar = element('span', 'part');
    mark(bar, 'state', state);
    return { state, bar };
  });
  reach.append(...bars.map(({ bar }) => bar));
  reach.setAttribute('aria-hidden', 'true');
  summary.append(shape.root, sum, reach);
  const [audience, more] = [element('ul', 'audience'), element('p', 'more')];
  details.append(summary, audience, more);
  root.append(head, details);
  const listeners = new Rows<ListenerShown>(audience, ({ kind, name }) => `${kind} ${name}`, listener);
  let isReaders = false;
  summary.addEventListener('click', () => {
    isReaders = true;
  });
  return {
    root,
    update: ({ tally, audience: shown, isNewest, isDoubtful }) => {
      const all = states.reduce((total, state) => total + tally[state], 0);
      const isDone = tally.delivered === all;
      const worst = states.findLast((state) => tally[state] > 0) ?? 'waiting';
      shape.set(worst);
      mark(summary, 'state', worst);
      write(sum, sumOf(tally, all, isDoubtful));
      for (const { state, bar } of bars)
        bar.style.width = `${String(all === 0 ? 0 : (tally[state] / all) * 100)}%`;
      listeners.show(shown.map((one) => ({ ...one, isDoubtful })));
      write(more, all > shown.length ? `and ${countOf(all - shown.length)} more` : '');
      // Whoever does not have it is shown without being asked for, until the reader has a wish of his own.
      if (!isReaders) details.open = isNewest || !isDone;
    },
  };
};

const wordOf = (state: ListenerState, isDoubtful: boolean): string =>
  state === 'waiting' && isDoubtful ? 'waits, or its end was not seen' : words[state];

const sumOf = (tally: BroadcastSeen['tally'], all: number, isDoubtful: boolean): string => {
  const rest = states.filter((state) => state !== 'delivered' && tally[state] > 0);
  const parts = rest.map((state) => `${countOf(tally[state])} ${wordOf(state, isDoubtful)}`);
  const verb = tally.delivered === 1 ? 'has' : 'have';
  return [`${countOf(tally.delivered)} of ${countOf(all)} ${verb} it`, ...parts].join(' · ');
};

const listener = ({ name, kind }: ListenerShown): Row<ListenerShown> => {
  const root = element('li', 'listener');
  const [shape, word] = [new Shape(), element('span', 'word')];
  root.append(shape.root, element('span', 'name', kind === 'station' ? name : `topic ${name}`), word);
  return {
    root,
    update: ({ state, afterMs, isDoubtful }) => {
      mark(root, 'state', state);
      shape.set(state);
      const says = wordOf(state, isDoubtful);
      write(word, afterMs === undefined ? says : `${says}, ${exactOf(afterMs)}`);
    },
  };
};
