import type { Confidence } from '../dialect/definitions.ts';

/** One thing a dialect says: in which part of it, under which name, in words, and where that comes from. */
export type Said = {
  readonly part: string;
  readonly name: string;
  readonly says: readonly string[];
  /** The file, with the folder of the dialect that holds it. */
  readonly from: string;
  readonly confidence: Confidence;
  readonly source: string;
};

/** Where something stands, and how sure whoever wrote it is. */
export type Grounds = Pick<Said, 'from' | 'confidence' | 'source'>;

type Json = Readonly<Record<string, unknown>>;

/** Members that say where a file is from, not what a message looks like. */
const aboutTheFile: ReadonlySet<string> = new Set([
  '$schema',
  'name',
  'title',
  'source',
  'confidence',
  'extends',
  'without',
]);

/**
 * Every leaf of a JSON value, a list of plain values being one, with `grounds` of the nearest object around it that has a `source` and
 * `confidence` of its own. `groundsOf` may know better by the path.
 */
export function saidIn(
  part: string,
  value: unknown,
  grounds: Grounds,
  groundsOf: (path: readonly string[]) => Grounds | undefined = () => undefined,
): readonly Said[] {
  const walk = (at: unknown, path: readonly string[], around: Grounds): readonly Said[] => {
    const own = ownGrounds(at, groundsOf(path) ?? around);
    if (isLeaf(at)) return [{ part, name: path.join('.'), says: wordsOf(at), ...own }];
    const members = Object.entries(at as Json).filter(([name]) => !aboutTheFile.has(name));
    return members.flatMap(([name, member]) => walk(member, [...path, name], own));
  };
  return walk(value, [], grounds);
}

function ownGrounds(value: unknown, around: Grounds): Grounds {
  if (typeof value !== 'object' || value === null) return around;
  const { source, confidence } = value as Partial<Grounds>;
  return {
    from: around.from,
    source: typeof source === 'string' ? source : around.source,
    confidence: typeof confidence === 'string' ? confidence : around.confidence,
  };
}

function isLeaf(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every((one) => typeof one !== 'object' || one === null);
  return Object.keys(value).length === 0;
}

function wordsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) {
    const words = value.map(wordOf);
    // Lines of a form stand below each other as they travel; codes stand in a row.
    return words.some((word) => /[ {]/.test(word)) ? words : [words.join(' ')];
  }
  return [wordOf(value)];
}

function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
