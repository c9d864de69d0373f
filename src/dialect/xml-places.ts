import type { XmlPlace } from './xml-form.ts';

type Thing = Pick<Partial<XmlPlace>, 'field' | 'isText' | 'attachment'>;
type Growing = Omit<XmlPlace, 'children'> & { readonly children: Map<string, Growing> };

/** Paths put together to a tree. */
export class XmlPlaces {
  readonly root: XmlPlace & Growing = placeOf({});

  /** False when the path, its beginning, or what goes on from it is taken. */
  take(path: readonly string[], thing: Thing): boolean {
    let at: Growing = this.root;
    for (const element of path.slice(0, -1)) {
      const next = at.children.get(element) ?? placeOf({});
      if (isTaken(next)) return false;
      at.children.set(element, next);
      at = next;
    }
    const last = path.at(-1) ?? '';
    if (at.children.has(last)) return false;
    at.children.set(last, placeOf(thing));
    return true;
  }
}

function placeOf({ field, isText = false, attachment }: Thing): Growing {
  return { children: new Map(), field, isText, attachment };
}

function isTaken({ field, isText, attachment }: Growing): boolean {
  return field !== undefined || isText || attachment !== undefined;
}
