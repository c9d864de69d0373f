/**
 * Makes the board's page from src/board/web: one script, one style sheet, and the files beside them. Into src/board/bundle, or the folder
 * named. Run by `npm ci` and `npm run build`. In an installation without development packages there is nothing to make it with; the image
 * brings it.
 */
import { copyFileSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = join(import.meta.dirname, '..');
const web = join(root, 'src', 'board', 'web');

/** uPlot is part of what is bundled, and its licence asks to be named there. */
const uplotLicence = (): string =>
  `uPlot, ${readFileSync(join(root, 'node_modules', 'uplot', 'LICENSE'), 'utf8').trim()}`;

/** Answers false when esbuild is not installed. A folder named from outside counts from where the command is run. */
export const bundleBoard = async (to: string = join(root, 'src', 'board', 'bundle')): Promise<boolean> => {
  const esbuild = await import('esbuild').catch((error: unknown) => {
    if ((error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  });
  if (esbuild === undefined) return false;
  mkdirSync(to, { recursive: true });
  await esbuild.build({
    absWorkingDir: web,
    entryPoints: ['board.ts', 'board.css'],
    outdir: resolve(to),
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2022'],
    banner: { js: `/* ${uplotLicence()} */`, css: `/* ${uplotLicence()} */` },
    logLevel: 'warning',
  });
  for (const file of ['index.html', 'board.svg']) copyFileSync(join(web, file), join(to, file));
  return true;
};

if (realpathSync(process.argv[1] ?? '') === import.meta.filename) {
  const isMade = await bundleBoard(process.argv[2]);
  if (!isMade) console.log('board: esbuild is not installed, so the page was not bundled');
}
