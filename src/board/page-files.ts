import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../message/codes.ts';

/** What the page is made of, by path. The names are those scripts/bundle-board.ts writes. */
const kinds = {
  '/': { file: 'index.html', type: 'text/html; charset=utf-8' },
  '/board.js': { file: 'board.js', type: 'text/javascript; charset=utf-8' },
  '/board.css': { file: 'board.css', type: 'text/css; charset=utf-8' },
  '/board.svg': { file: 'board.svg', type: 'image/svg+xml' },
} as const;

export type PageFile = { readonly path: string; readonly type: string; readonly bytes: Buffer };

const bundleFolder = join(import.meta.dirname, 'bundle');

/** Reads the bundled page, once. Throws CONFIG_INVALID when it was not made. */
export const readPageFiles = (folder: string = bundleFolder): readonly PageFile[] => {
  try {
    return Object.entries(kinds).map(([path, { file, type }]) => ({
      path,
      type,
      bytes: readFileSync(join(folder, file)),
    }));
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', 'the page of the board is not bundled; make it with: npm run bundle', {
      cause,
    });
  }
};
