/**
 * Makes sure the tests of k8s/ have a kubectl, and says which. Without one they are skipped, or fail where CI is set, so this ends well
 * either way.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const aptGet = '/usr/bin/apt-get';
/** A slow mirror may take minutes; past this the user is better off doing it by hand. */
const aptTimeoutMs = 300_000;

/** The kubectl on PATH, else the one of Debian's package kubernetes-client, installed where that can work (as root, with apt). */
export function findKubectl(): string | undefined {
  return onPath() ?? (install() ? onPath() : undefined);
}

function onPath(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, 'kubectl')).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function install(): boolean {
  if (process.getuid?.() !== 0 || !existsSync(aptGet)) return false;
  console.error('kubectl: none on PATH; installing the Debian package kubernetes-client');
  const packages = ['install', '-y', '--no-install-recommends', 'kubernetes-client'];
  // A fresh machine has empty package lists, a kept one mostly not: try without the slow update first.
  return apt(packages) || (apt(['update']) && apt(packages));
}

function apt(args: readonly string[]): boolean {
  const { status } = spawnSync(aptGet, ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: aptTimeoutMs,
  });
  return status === 0;
}

if (import.meta.main) {
  const path = findKubectl();
  console.log(
    `kubectl: ${path ?? 'none found; put kubectl 1.20 or newer on PATH (it only builds manifests, no cluster is asked)'}`,
  );
}
