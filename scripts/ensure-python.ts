/**
 * Makes sure the tests that read our bytes with somebody else's code have a Python that can: `proton` for AMQP 1.0, `jwcrypto` for JWE.
 * Without it those tests are skipped, or fail where CI is set, so this ends well either way.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const aptGet = '/usr/bin/apt-get';
/** A slow mirror may take minutes; past this the user is better off doing it by hand. */
const aptTimeoutMs = 300_000;
const importTimeoutMs = 20_000;
/** Debian's own interpreter has Debian's packages; another one may come first on PATH. */
const interpreters = ['python3', '/usr/bin/python3'];
const packageOf: Readonly<Record<string, string>> = {
  proton: 'python3-qpid-proton',
  jwcrypto: 'python3-jwcrypto',
};

/** The interpreter that can import all of these, of those on this machine; undefined when none can. */
export function findPython(modules: readonly string[]): string | undefined {
  return interpreters.find(
    (python) =>
      spawnSync(python, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore', timeout: importTimeoutMs })
        .status === 0,
  );
}

/** Installs the Debian packages where that can work: as root, with apt. */
function install(packages: readonly string[]): void {
  if (process.getuid?.() !== 0 || !existsSync(aptGet)) return;
  console.error(`python: installing the Debian packages ${packages.join(', ')}`);
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  // A fresh machine has empty package lists, a kept one mostly not: try without the slow update first.
  if (!apt(install) && apt(['update'])) apt(install);
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
  const modules = Object.keys(packageOf);
  if (findPython(modules) === undefined) install(Object.values(packageOf));
  const python = findPython(modules);
  console.log(`python: ${python ?? `none found that imports ${modules.join(' and ')}`}`);
}
