import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const aptGet = '/usr/bin/apt-get';
/** A slow mirror may take minutes; past this the user is better off doing it by hand. */
const aptTimeoutMs = 300_000;

/**
 * Installs redis-server with apt where that can work (root, Debian family) and says so on stderr. Answers whether it did.
 * The package's own scripts may start a daemon on port 6379: it is theirs, so it is reported and left alone.
 */
export function installRedis(): boolean {
  if (process.getuid?.() !== 0 || !existsSync(aptGet)) return false;
  console.error('redis: none on PATH; installing the Debian package redis-server');
  const portWasTaken = portTaken();
  // A fresh machine has empty package lists, a kept one mostly not: try without the slow update first.
  const installed = install() || (apt('update') && install());
  if (installed && !portWasTaken && portTaken()) {
    console.error('redis: the package started its own server on port 6379; tenfour does not use it');
  }
  return installed;
}

const install = (): boolean => apt('install', '-y', '--no-install-recommends', 'redis-server');

function apt(...args: string[]): boolean {
  const { status } = spawnSync(aptGet, ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: aptTimeoutMs,
  });
  return status === 0;
}

/** Whether somebody listens on 6379, asked without a connection: /proc/net/tcp, port in hex, state 0A = LISTEN. */
function portTaken(): boolean {
  const { status } = spawnSync('grep', ['-qE', ':18EB [0-9A-F:]+ 0A', '/proc/net/tcp', '/proc/net/tcp6']);
  return status === 0;
}
