import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { Fault } from '../message/codes.ts';
import { confidences } from './definitions.ts';

type FileFault = 'DIALECT_INVALID' | 'DIRECTORY_INVALID';

/** A file of a data folder, read whole at start-up; larger ones are a mistake, not data. */
const fileBytesMax = 4 * 1024 * 1024;

/** A fault with its place taken apart, for tools that show many of them. */
export class PlacedFault extends Fault {
  readonly file: string;
  /** A JSON pointer, or the row of a table; empty for the file as a whole. */
  readonly pointer: string;
  readonly says: string;

  constructor(code: FileFault, file: string, pointer: string, says: string, options: { cause: unknown }) {
    super(code, `${file} ${pointer === '' ? '/' : pointer} ${says}`, options);
    this.file = file;
    this.pointer = pointer;
    this.says = says;
  }
}

/**
 * Reads files of one data folder and says where they are wrong: file and JSON pointer (or row), never a value,
 * because what an operator mistyped may be anything.
 */
export class CheckedFolder {
  readonly #folder: string;
  readonly #code: FileFault;
  readonly #calledIt: string;

  /** `calledIt`: what stands before a file's name where a fault speaks of it, for a folder that is not the one that was asked for. */
  constructor(folder: string, code: FileFault, calledIt = '') {
    this.#folder = folder;
    this.#code = code;
    this.#calledIt = calledIt;
  }

  fault(file: string, pointer: string, text: string, cause?: unknown): PlacedFault {
    return new PlacedFault(this.#code, `${this.#calledIt}${file}`, pointer, text, { cause });
  }

  has(file: string): boolean {
    return existsSync(join(this.#folder, file));
  }

  /** Names in a folder that end so, in order; none when there is no such folder. */
  names(folder: string, ending: string): readonly string[] {
    if (!this.has(folder)) return [];
    const names = readdirSync(join(this.#folder, folder)).filter((name) => name.endsWith(ending));
    return names.sort();
  }

  json<S extends z.ZodType>(file: string, schema: S): z.output<S> {
    return this.checked(file, this.#content(file), schema);
  }

  /** Everything that a JSON file holds against its schema; empty when nothing is wrong. */
  jsonFaults(file: string, schema: z.ZodType): readonly PlacedFault[] {
    try {
      const result = schema.safeParse(this.#content(file));
      return result.error?.issues.map((one) => this.fault(file, pointerOf(one.path), sentence(one))) ?? [];
    } catch (fault) {
      if (fault instanceof PlacedFault) return [fault];
      throw fault;
    }
  }

  /** What a file of this name holds, by its schema. */
  checked<S extends z.ZodType>(file: string, content: unknown, schema: S): z.output<S> {
    const result = schema.safeParse(content);
    if (result.success) return result.data;
    const issue = result.error.issues[0];
    throw this.fault(
      file,
      pointerOf(issue?.path ?? []),
      issue === undefined ? 'is invalid' : sentence(issue),
    );
  }

  /** Rows of a tab-separated file by column name; the first line names the columns, which must be `columns`. */
  table<C extends string>(file: string, columns: readonly C[]): Record<C, string>[] {
    const { rows, faults } = this.#rows(file, columns);
    if (faults[0] !== undefined) throw faults[0];
    return rows;
  }

  /** Everything that is wrong with the rows of such a file. */
  tableFaults(file: string, columns: readonly string[]): readonly PlacedFault[] {
    try {
      return this.#rows(file, columns).faults;
    } catch (fault) {
      if (fault instanceof PlacedFault) return [fault];
      throw fault;
    }
  }

  #rows<C extends string>(file: string, columns: readonly C[]) {
    const lines = this.#text(file)
      .split(/\r?\n/)
      .filter((line) => line !== '');
    if (lines[0] !== columns.join('\t')) {
      throw this.fault(file, '/1', `must begin with the columns ${columns.join(', ')}, tabs between`);
    }
    const sure = columns.indexOf('confidence' as C);
    const faults: PlacedFault[] = [];
    const rows = lines.slice(1).map((line, at) => {
      const cells = line.split('\t');
      const wrong = (text: string) => faults.push(this.fault(file, `/${String(at + 2)}`, text));
      if (cells.length !== columns.length || cells.some((cell) => cell.trim() === '')) {
        wrong(`must have ${String(columns.length)} filled cells`);
      } else if (sure !== -1 && !(confidences as readonly string[]).includes(cells[sure] ?? '')) {
        wrong(`must have a confidence of ${confidences.join(', ')}`);
      }
      const named = columns.map((column, cell) => [column, cells[cell] ?? '']);
      return Object.fromEntries(named) as Record<C, string>;
    });
    return { rows, faults };
  }

  #content(file: string): unknown {
    const text = this.#text(file);
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw this.fault(file, '', 'is not JSON', cause);
    }
  }

  #text(file: string): string {
    try {
      const bytes = readFileSync(join(this.#folder, file));
      // Some editors put a byte order mark before the text.
      if (bytes.length <= fileBytesMax) return bytes.toString('utf8').replace(/^\uFEFF/, '');
    } catch (cause) {
      throw this.fault(file, '', 'cannot be read', cause);
    }
    throw this.fault(file, '', `is longer than ${String(fileBytesMax)} bytes`);
  }
}

/** A JSON pointer (RFC 6901) from a path. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** Our own words: zod's may quote what was found. */
function sentence(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `must be at least ${String(issue.minimum)}`;
    case 'too_big':
      return `must be at most ${String(issue.maximum)}`;
    case 'unrecognized_keys':
      return 'holds a name that is not known';
    case 'invalid_union':
      return 'options' in issue
        ? `must be one of ${(issue.options ?? []).map(String).join(', ')}`
        : 'is invalid';
    // A check of our own says what is wrong in words of its own, and never with a value.
    case 'custom':
      return issue.message === 'Invalid input' ? 'is invalid' : issue.message;
    case 'invalid_format':
      return `must have the form ${issue.pattern ?? issue.format}`;
    default:
      return 'is invalid';
  }
}

/** Freezes plain objects, arrays, maps and sets, all the way down: loaded data is shared by every line. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (value instanceof Map || value instanceof Set) {
    for (const change of ['set', 'add', 'delete', 'clear']) {
      Object.defineProperty(value, change, { value: refuseChange });
    }
    for (const [key, held] of value.entries()) {
      deepFreeze(key);
      deepFreeze(held);
    }
  }
  Object.freeze(value);
  for (const held of Object.values(value)) deepFreeze(held);
  return value;
}

function refuseChange(): never {
  throw new TypeError('this data is frozen');
}
