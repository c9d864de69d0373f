/** An element of `index.html` that must be there. */
export const byId = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page lacks #${id}`);
  return found;
};

export const element = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  text = '',
): HTMLElementTagNameMap[K] => {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  if (text !== '') made.textContent = text;
  return made;
};

/** Writes only what changed: a screen reader and a selection are left alone otherwise. */
export const write = (node: Element, text: string): void => {
  if (node.textContent !== text) node.textContent = text;
};

export const mark = (node: HTMLElement, name: string, value: string): void => {
  if (node.dataset[name] !== value) node.dataset[name] = value;
};

const SVG = 'http://www.w3.org/2000/svg';

/** One of the shapes in `index.html`. What it says always stands beside it as a word. */
export class Shape {
  readonly root = document.createElementNS(SVG, 'svg');
  readonly #use = document.createElementNS(SVG, 'use');

  constructor() {
    this.root.setAttribute('aria-hidden', 'true');
    this.root.append(this.#use);
  }

  set(name: string): void {
    const href = `#shape-${name}`;
    if (this.#use.getAttribute('href') !== href) this.#use.setAttribute('href', href);
  }
}

/** Writes the name of the key a button traces into it; ids are long, so their end is shown and the whole is its label. */
export const idButton = (
  onTrace: (id: string) => void,
): { root: HTMLButtonElement; set: (id: string) => void } => {
  const root = element('button', 'id');
  root.type = 'button';
  let shown: string | undefined;
  root.addEventListener('click', () => {
    onTrace(shown ?? '');
  });
  return {
    root,
    set: (id) => {
      if (shown === id) return;
      shown = id;
      root.hidden = id === '';
      write(root, id);
      root.setAttribute('aria-label', `Trace ${id}`);
    },
  };
};

export type Row<T> = { readonly root: HTMLElement; readonly update: (item: T) => void };

/** A list whose rows stay the same elements while their items stay: focus and open details survive a new picture. */
export class Rows<T> {
  readonly #container: HTMLElement;
  readonly #make: (item: T) => Row<T>;
  readonly #keyOf: (item: T) => string;
  #rows = new Map<string, Row<T>>();

  constructor(container: HTMLElement, keyOf: (item: T) => string, make: (item: T) => Row<T>) {
    this.#container = container;
    this.#make = make;
    this.#keyOf = keyOf;
  }

  show(items: readonly T[]): void {
    const rows = new Map<string, Row<T>>();
    for (const item of items) {
      let key = this.#keyOf(item);
      while (rows.has(key)) key += '+';
      const row = this.#rows.get(key) ?? this.#make(item);
      row.update(item);
      rows.set(key, row);
    }
    for (const [key, { root }] of this.#rows) if (!rows.has(key)) root.remove();
    let at: ChildNode | null = this.#container.firstChild;
    for (const { root } of rows.values()) {
      if (root === at) at = root.nextSibling;
      else this.#container.insertBefore(root, at);
    }
    this.#rows = rows;
  }
}
