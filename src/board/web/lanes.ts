import type { LaneState, Picture } from '../picture.ts';
import { byId, element, mark, type Row, Rows, write } from './elements.ts';
import { countOf, spanOf } from './words.ts';

/** A row a lane: who serves it, how much waits in which class, and how long. */
export class Lanes {
  readonly #rows = new Rows<LaneState>(byId('lane-rows'), ({ lane }) => lane, row);

  show({ lanes }: Picture): void {
    this.#rows.show(lanes);
  }
}

const cell = (className: string): HTMLTableCellElement => {
  const made = element('td', className);
  made.setAttribute('role', 'cell');
  return made;
};

const row = ({ lane, end }: LaneState): Row<LaneState> => {
  const root = element('tr');
  root.setAttribute('role', 'row');
  const name = element('th', 'lane', end === 'topic' ? `topic ${lane}` : lane);
  name.scope = 'row';
  name.setAttribute('role', 'rowheader');
  const [served, waiting, oldest, classes] = [
    cell('served'),
    cell('number'),
    cell('number'),
    cell('classes'),
  ];
  root.append(name, served, waiting, oldest, classes);
  return {
    root,
    update: (state) => {
      write(served, servedOf(state));
      mark(served, 'served', state.isOwned ? 'yes' : state.end === 'topic' ? 'missing' : 'no');
      write(waiting, countOf(state.waiting));
      mark(root, 'waits', state.waiting > 0 ? 'yes' : 'no');
      write(oldest, state.waiting > 0 ? spanOf(state.oldestAgeMs) : '–');
      showClasses(classes, state);
    },
  };
};

/** A station's lane is served while the station is there; a topic's always should be. */
const servedOf = ({ isOwned, end }: LaneState): string => {
  if (isOwned) return 'yes';
  return end === 'topic' ? 'NO: no courier' : 'no';
};

const showClasses = (into: HTMLElement, { waitingByClass }: LaneState): void => {
  const held = waitingByClass.flatMap((count, at) =>
    count === 0 ? [] : [`${String(at)}: ${countOf(count)}`],
  );
  const text = held.join(' | ');
  if (into.dataset['held'] === text) return;
  into.dataset['held'] = text;
  into.replaceChildren(...held.map((one) => element('span', 'class', one)));
};
