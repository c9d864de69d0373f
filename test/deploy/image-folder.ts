import { execFileSync, spawnSync } from 'node:child_process';
import { constants, copyFileSync, cpSync, mkdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { copyOf, environmentOf, execForm, lastOf, parseDockerfile, type Stage } from './dockerfile.ts';

export const root = join(import.meta.dirname, '..', '..');

/** An image as a folder: what the last stage of the Dockerfile copies together, and how it says it is run. */
export type ImageFolder = {
  readonly folder: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly uid: number;
  readonly gid: number;
  readonly entrypoint: readonly string[];
  readonly healthcheck: readonly string[];
};

/**
 * Carries out docker/Dockerfile with folders for file systems. Every COPY is done as written; a RUN must be one of `runs`, which does the
 * same here. What comes out of the base images, which we do not have, is the Node that runs us.
 */
export function buildImageFolder(to: string): ImageFolder {
  const stages = parseDockerfile(readFileSync(join(root, 'docker', 'Dockerfile'), 'utf8'));
  for (const stage of stages) carryOut(stage, to);
  const last = stages.at(-1);
  if (last === undefined) throw new Error('no stage');
  const [uid, gid] = lastOf(last, 'USER').split(':').map(Number);
  return {
    folder: folderOf(to, last.name),
    workdir: lastOf(last, 'WORKDIR'),
    env: environmentOf(last),
    uid: uid ?? 0,
    gid: gid ?? 0,
    entrypoint: execForm(lastOf(last, 'ENTRYPOINT')),
    healthcheck: execForm(lastOf(last, 'HEALTHCHECK').replace(/^.*?CMD /, '')),
  };
}

function carryOut(stage: Stage, to: string): void {
  const folder = folderOf(to, stage.name);
  let workdir = '/';
  for (const { name, text } of stage.instructions) {
    if (name === 'WORKDIR') workdir = text;
    mkdirSync(join(folder, workdir), { recursive: true });
    if (name === 'RUN') run(text, folder, join(folder, workdir));
    if (name === 'COPY') copy(text, to, folder, workdir);
  }
}

function copy(text: string, to: string, folder: string, workdir: string): void {
  const { from, sources, to: target } = copyOf(text);
  for (const source of sources) {
    if (source === '/usr/local/bin/node') {
      mkdirSync(join(folder, dirname(target)), { recursive: true });
      copyFileSync(process.execPath, join(folder, target), constants.COPYFILE_FICLONE);
      continue;
    }
    const origin = from === undefined ? join(root, source) : join(folderOf(to, from), source);
    const place = target.startsWith('/') ? join(folder, target) : join(folder, workdir, target);
    // A file keeps its name below a target that ends as a folder does.
    const named = target.endsWith('/') ? join(place, basename(source)) : place;
    mkdirSync(dirname(named), { recursive: true });
    // Nobody needs the stage once the image has its part, and there are thousands of files in it.
    if (from === undefined) cpSync(origin, named, { recursive: true });
    else renameSync(origin, named);
  }
}

const runs: Readonly<Record<string, (folder: string, workdir: string) => void>> = {
  // The same packages by the same lock file, installed already.
  'npm ci --ignore-scripts': (_, workdir) => {
    symlinkSync(join(root, 'node_modules'), join(workdir, 'node_modules'));
  },
  'npm run build': (_, workdir) => {
    execFileSync('npm', ['run', 'build'], { cwd: workdir, stdio: ['ignore', 'pipe', 'inherit'] });
  },
  'npm ci --omit=dev --ignore-scripts': (_, workdir) => {
    const args = ['ci', '--omit=dev', '--ignore-scripts', '--offline', '--no-audit', '--no-fund'];
    const { status } = spawnSync('npm', args, { cwd: workdir, stdio: 'ignore' });
    // Without a warm cache: what the lock file calls production, from what is installed.
    if (status !== 0) copyProductionPackages(workdir);
  },
  'install -d -m 0700 -o 65532 -g 65532 /state/keys /state/keys/audit-public /state/record': (folder) => {
    for (const name of ['keys/audit-public', 'record'])
      mkdirSync(join(folder, 'state', name), { recursive: true });
  },
};

function run(text: string, folder: string, workdir: string): void {
  const action = runs[text];
  if (action === undefined) throw new Error(`RUN ${text}: say here how it is done without Docker`);
  action(folder, workdir);
}

function copyProductionPackages(workdir: string): void {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean; optional?: boolean }>;
  };
  for (const [path, { dev, devOptional }] of Object.entries(lock.packages)) {
    if (path === '' || dev === true || devOptional === true) continue;
    try {
      cpSync(join(root, path), join(workdir, path), {
        recursive: true,
        filter: (source) => basename(source) !== 'node_modules',
      });
    } catch (error) {
      // Optional packages of other platforms are in the lock file and nowhere else.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

const folderOf = (to: string, stage: string): string => join(to, stage === '' ? 'image' : `stage-${stage}`);
