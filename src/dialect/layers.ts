import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import type { Fault } from '../message/codes.ts';
import { CheckedFolder, pointerOf } from './checked-file.ts';
import { dialectDifferenceFile, fieldsDifferenceFile } from './difference-kinds.ts';
import { dialectFile, type FieldEntry, fieldsFile, type KeyEntry } from './file-kinds.ts';
import { readKeyFiles } from './key-files.ts';
import { idleRemoval, merged, speaksOf } from './merged.ts';

/** Dialects that may stand one on the other. More are not a family but a knot. */
const layersMax = 5;

/** What a difference says besides is left out. */
const wholeFile = dialectFile.strip();
const peek = z.looseObject({ extends: z.string().optional() });
type Difference = z.output<typeof dialectDifferenceFile>;
type Head = z.output<typeof dialectFile>;

/** The dialect whose file says something, and how sure its dialect.json is of itself. */
export type Origin = {
  readonly dialect: string;
  readonly confidence: Head['confidence'];
  readonly source: string;
};

/** A place in a file, and what is wrong there. */
export type Wrong = readonly [file: string, pointer: string, text: string];

type Layer = {
  readonly name: string;
  readonly files: CheckedFolder;
  /** dialect.json as it was written: whole in the last layer, a difference in the others. */
  readonly head: Head | Difference;
  readonly fields: Readonly<Record<string, FieldEntry | null>>;
  readonly keys: ReadonlyMap<string, KeyEntry>;
};

/**
 * A dialect's folder and those it stands on, the nearest first. What a folder says replaces what stands below: members of dialect.json,
 * entries of fields.json, and every other file as a whole.
 */
export class Layers {
  readonly #layers: readonly Layer[];

  constructor(layers: readonly Layer[]) {
    this.#layers = layers;
  }

  /** Reads the folder and, one after the other, the folders beside it that `extends` names. Throws DIALECT_INVALID. */
  static read(folder: string): Layers {
    const layers: Layer[] = [];
    let at = resolve(folder);
    for (;;) {
      const layer = readLayer(at, layers.length === 0);
      layers.push(layer);
      const next = baseOf(layer);
      if (next === undefined) return new Layers(layers);
      const wrong = (text: string) => layer.files.fault('dialect.json', '/extends', text);
      if (layers.some(({ name }) => name === next)) throw wrong('goes round in a circle');
      if (layers.length === layersMax) throw wrong(`is more than ${String(layersMax)} dialects deep`);
      at = join(dirname(at), next);
      if (!new CheckedFolder(at, 'DIALECT_INVALID').has('dialect.json')) {
        throw wrong('is not a dialect beside this one');
      }
    }
  }

  /** Each dialect of the pile, the lowest first, ending with this one. */
  upwards(): readonly Layers[] {
    return this.#layers.map((_layer, at) => new Layers(this.#layers.slice(at))).reverse();
  }

  /** dialect.json, whole. */
  head(): Head {
    const [lowest, ...above] = this.#layers.toReversed();
    const content = above.reduce<unknown>((whole, { head, files }) => {
      const idle = idleRemoval(whole, head);
      if (idle !== undefined)
        throw files.fault('dialect.json', pointerOf(idle), 'takes away what is not there');
      return merged(whole, head);
    }, lowest?.head);
    return this.#nearest.files.checked('dialect.json', content, wholeFile);
  }

  /** fields.json, whole. */
  fields(): Readonly<Record<string, FieldEntry>> {
    const whole: Record<string, FieldEntry> = {};
    for (const { fields, files } of this.#layers.toReversed()) {
      for (const [code, entry] of Object.entries(fields)) {
        if (entry !== null) whole[code] = entry;
        else if (Object.hasOwn(whole, code)) Reflect.deleteProperty(whole, code);
        else throw files.fault('fields.json', pointerOf(['fields', code]), 'takes away what is not there');
      }
    }
    return whole;
  }

  /** The files of message-keys, by key. */
  keys(): ReadonlyMap<string, KeyEntry> {
    const whole = new Map<string, KeyEntry>();
    for (const layer of this.#layers.toReversed()) {
      const without = withoutOf(layer);
      if (without === 'all') whole.clear();
      for (const [at, key] of without === 'all' ? [] : without.entries()) {
        const pointer = pointerOf(['without', at]);
        if (layer.keys.has(key))
          throw layer.files.fault('dialect.json', pointer, 'has a file in this dialect');
        if (!whole.delete(key))
          throw layer.files.fault('dialect.json', pointer, 'takes away what is not there');
      }
      for (const [key, entry] of layer.keys) whole.set(key, entry);
    }
    return new Map([...whole].sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  /** Keys that a dialect below this one has and this one has not. */
  keysLeftOut(): ReadonlySet<string> {
    const here = this.keys();
    const below = this.upwards().flatMap((layers) => [...layers.keys().keys()]);
    return new Set(below.filter((key) => !here.has(key)));
  }

  /** A file that is replaced as a whole. */
  json<S extends z.ZodType>(file: string, schema: S): z.output<S> {
    return this.#holding(file).files.json(file, schema);
  }

  table<C extends string>(file: string, columns: readonly C[]): Record<C, string>[] {
    return this.#holding(file).files.table(file, columns);
  }

  has(file: string): boolean {
    return this.#layers.some(({ files }) => files.has(file));
  }

  /** Has this dialect itself such a file, whatever those below it have? */
  brings(file: string): boolean {
    return this.#nearest.files.has(file);
  }

  /** Who says what stands at this place: the nearest dialect that does. */
  origin(file: string, pointer = ''): Origin {
    const { name, head } = this.#layers[this.#depth([file, pointer, ''])] ?? this.#nearest;
    return { dialect: name, confidence: head.confidence, source: head.source };
  }

  /** What each dialect takes away of those below it, the nearest first: files of keys, and places in fields.json. */
  takenAway(): readonly (Origin & { readonly what: string })[] {
    return this.#layers.flatMap((layer) => {
      const { confidence, source } = layer.head;
      const without = withoutOf(layer);
      const keys = (without === 'all' ? ['*'] : without).map((key) => `message-keys/${key}.json`);
      const fields = Object.entries(layer.fields).filter(([, entry]) => entry === null);
      const places = fields.map(([code]) => `fields.json ${pointerOf(['fields', code])}`);
      return [...keys, ...places].map((what) => ({ dialect: layer.name, confidence, source, what }));
    });
  }

  /** Tables this dialect itself brings, not those below it. */
  ownTables(): readonly string[] {
    return this.#nearest.files.names('codes', '.tsv').map((name) => `codes/${name}`);
  }

  /** Where in this dialect's own dialect.json a key is left out; undefined when it is not. */
  leftOut(key: string): string | undefined {
    const without = withoutOf(this.#nearest);
    if (without === 'all') {
      const wasThere = new Layers(this.#layers.slice(1)).keys().has(key);
      return wasThere && !this.#nearest.keys.has(key) ? pointerOf(['without']) : undefined;
    }
    const at = without.indexOf(key);
    return at === -1 ? undefined : pointerOf(['without', at]);
  }

  /**
   * Several places do not agree. The mistake is in the one that stands nearest, for the dialects below agreed before it came; among
   * equals it is the first.
   */
  fault(...places: readonly [Wrong, ...Wrong[]]): Fault {
    let [nearest] = places;
    for (const place of places) if (this.#depth(place) < this.#depth(nearest)) nearest = place;
    return (this.#layers[this.#depth(nearest)] ?? this.#nearest).files.fault(...nearest);
  }

  get #nearest(): Layer {
    const [nearest] = this.#layers;
    if (nearest === undefined) throw new RangeError('a dialect has at least one layer');
    return nearest;
  }

  #holding(file: string): Layer {
    return this.#layers.find(({ files }) => files.has(file)) ?? this.#nearest;
  }

  #depth([file, pointer]: Wrong): number {
    const depth = this.#layers.findIndex((layer) => {
      if (file === 'dialect.json') return speaksOf(layer.head, pointer);
      if (file === 'fields.json') return speaksOf({ fields: layer.fields }, pointer);
      return layer.files.has(file);
    });
    return depth === -1 ? 0 : depth;
  }
}

function readLayer(folder: string, isNearest: boolean): Layer {
  const name = basename(folder);
  const files = new CheckedFolder(folder, 'DIALECT_INVALID', isNearest ? '' : `../${name}/`);
  const isDifference = files.json('dialect.json', peek).extends !== undefined;
  const head = files.json('dialect.json', isDifference ? dialectDifferenceFile : dialectFile);
  if (name !== head.name) throw files.fault('dialect.json', '/name', 'must be the name of its folder');
  const fieldsOf = () => files.json('fields.json', isDifference ? fieldsDifferenceFile : fieldsFile).fields;
  // A difference may have nothing to say of fields.
  const fields = isDifference && !files.has('fields.json') ? {} : fieldsOf();
  return { name, files, head, fields, keys: readKeyFiles(files, isDifference) };
}

const baseOf = ({ head }: Layer): string | undefined => ('extends' in head ? head.extends : undefined);
const withoutOf = ({ head }: Layer): readonly string[] | 'all' =>
  'without' in head ? (head.without ?? []) : [];
