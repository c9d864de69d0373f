import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const aptGet = '/usr/bin/apt-get';
const aptTimeoutMs = 60_000;

/**
 * `missing` says why, in a sentence. `mayBeSkipped`: nobody here is allowed to mend it, and nobody counts on this run (CI is not set).
 */
export type StraceFound =
  | { readonly ok: true }
  | { readonly ok: false; readonly missing: string; readonly mayBeSkipped: boolean };

/** Makes sure that strace is on PATH and may trace; installs it with apt where that can work, as Redis is installed. */
export function findStrace(): StraceFound {
  const isCi = (process.env['CI'] ?? '') !== '';
  if (!isInstalled()) {
    if (process.getuid?.() !== 0 || !existsSync(aptGet)) {
      const missing = 'strace is not on PATH, and installing it with apt takes root on a Debian system';
      return { ok: false, missing, mayBeSkipped: !isCi };
    }
    console.error('fsync: no strace on PATH; installing the Debian package strace');
    // A fresh machine has empty package lists, a kept one mostly not: try without the slow update first.
    const installed = install() || (apt('update') && install());
    if (!installed || !isInstalled()) {
      return { ok: false, missing: 'apt could not install strace', mayBeSkipped: false };
    }
  }
  if (mayTrace()) return { ok: true };
  return { ok: false, missing: 'strace may not trace a program of its own here', mayBeSkipped: !isCi };
}

const isInstalled = (): boolean => spawnSync('strace', ['--version']).status === 0;

/** Some containers forbid ptrace altogether. */
const mayTrace = (): boolean =>
  spawnSync('strace', ['-D', '-f', '-o', '/dev/null', process.execPath, '--version']).status === 0;

const install = (): boolean => apt('install', '-y', '--no-install-recommends', 'strace');

function apt(...args: string[]): boolean {
  const { status } = spawnSync(aptGet, ['-q', '-o', 'DPkg::Lock::Timeout=30', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: aptTimeoutMs,
  });
  return status === 0;
}
