/**
 * Makes sure the test of the board's page has a browser, and says which. Without one that test is skipped, or fails where one is
 * required, so this ends well either way.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';

const paths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const aptGet = '/usr/bin/apt-get';
/** A slow mirror may take minutes for a hundred megabytes. */
const aptTimeoutMs = 600_000;

/** A Chromium that a package of the system brought; CHROMIUM names another. */
export const findChromium = (env: NodeJS.ProcessEnv = process.env): string | undefined => {
  const named = env['CHROMIUM'] ?? '';
  return [...(named === '' ? [] : [named]), ...paths].find(existsSync);
};

/** Whether the test must not be skipped: on a build server, or when asked for by name. */
export const isBrowserRequired = (env: NodeJS.ProcessEnv = process.env): boolean =>
  [env['CI'], env['REQUIRE_BROWSER']].some(
    (value) => (value ?? '') !== '' && value !== 'false' && value !== '0',
  );

/** Installs Debian's package where that can work: as root, where apt is. Answers whether it did. */
const installChromium = (): boolean => {
  if (process.getuid?.() !== 0 || !existsSync(aptGet)) return false;
  console.error('chromium: none found; installing the Debian package chromium');
  return install() || (apt('update') && install());
};

const install = (): boolean => apt('install', '-y', '--no-install-recommends', 'chromium');

const apt = (...args: string[]): boolean => {
  const { status } = spawnSync(aptGet, ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: aptTimeoutMs,
  });
  return status === 0;
};

if (realpathSync(process.argv[1] ?? '') === import.meta.filename) {
  const path = findChromium() ?? (installChromium() ? findChromium() : undefined);
  const without = isBrowserRequired() ? 'its test will fail' : 'its test is skipped';
  console.log(
    path === undefined ? `chromium: none, so the board's page is not tried: ${without}` : `chromium: ${path}`,
  );
}
