import type { HopSeen, Picture } from '../picture.ts';
import { byId, element, idButton, mark, type Row, Rows, Shape, write } from './elements.ts';
import { exactOf, timeOf } from './words.ts';

/** The last hops, newest first. They stand still while somebody points at them or has the focus in them. */
export class Hops {
  readonly #list = byId('hop-rows');
  readonly #held = byId('hops-held');
  readonly #none = byId('hops-none');
  readonly #rows: Rows<HopSeen>;
  #heldAt: string | undefined;

  constructor(onTrace: (id: string) => void) {
    this.#rows = new Rows<HopSeen>(this.#list, keyOf, (hop) => row(hop, onTrace));
  }

  show({ hops, at }: Picture): void {
    const isHeld = this.#list.matches(':hover') || this.#list.contains(document.activeElement);
    if (isHeld) {
      this.#heldAt ??= timeOf(at);
      write(this.#held, `held since ${this.#heldAt}, while you are in the list`);
      return;
    }
    this.#heldAt = undefined;
    write(this.#held, '');
    this.#rows.show(hops);
    this.#none.hidden = hops.length > 0;
  }
}

const keyOf = ({ messageId, what, at, where }: HopSeen): string =>
  `${messageId} ${what} ${String(at)} ${where}`;

const row = (hop: HopSeen, onTrace: (id: string) => void): Row<HopSeen> => {
  const { at, what, messageKey, where, code, afterMs, messageId } = hop;
  const root = element('li', 'hop');
  const shape = new Shape();
  shape.set(what);
  const word = element('strong', 'word', what);
  const head = element('span', 'what');
  head.append(shape.root, word);
  mark(head, 'what', what);
  const id = idButton(onTrace);
  id.set(messageId);
  const after = afterMs === undefined ? '' : `after ${exactOf(afterMs)}`;
  root.append(
    element('time', 'at', timeOf(at)),
    head,
    element('span', 'mke', messageKey),
    element('span', 'where', where),
    element('span', 'after', after),
    element('span', 'code', code ?? ''),
    id.root,
  );
  return { root, update: () => undefined };
};
