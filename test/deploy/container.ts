import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from './compose-file.ts';
import type { ImageFolder } from './image-folder.ts';

export type Ready = {
  readonly opsPort?: number;
  readonly port?: number;
  readonly linePorts?: Record<string, number>;
};
/** A text of the container to the one that means the same here: a mount, a host name with its port. Longest first. */
export type Places = Readonly<Record<string, string>>;

const READY_MS_MAX = 20_000;
const STOP_MS_MAX = 30_000;

/**
 * A service of compose.yaml as a plain process: the image's entry point and environment, the service's command and environment, the
 * image's user, and no variable of whoever runs the test. Only paths and addresses differ, by `places`.
 */
export class Container {
  readonly #image: ImageFolder;
  readonly #command: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #here: (text: string) => string;
  #process: ChildProcess | undefined;
  #exited: Promise<number | null> = Promise.resolve(null);

  constructor(image: ImageFolder, service: Service, places: Places, own: Readonly<Record<string, string>>) {
    this.#image = image;
    this.#here = translated({ ...places, [`${image.workdir}/`]: `${image.folder}${image.workdir}/` });
    this.#command = (service.command ?? []).map(this.#here);
    const env = { ...image.env, ...service.environment };
    this.#env = {
      ...Object.fromEntries(Object.entries(env).map(([name, value]) => [name, this.#here(value)])),
      ...own,
    };
  }

  /** Starts it and resolves with the line it prints when it works. Ends with us, however we end. */
  async start(logPath: string): Promise<Ready> {
    const child = spawn(this.#node, [...this.#program, ...this.#command, '--attached'], {
      ...this.#confined,
      stdio: ['pipe', 'pipe', openSync(logPath, 'a')],
    });
    this.#process = child;
    this.#exited = once(child, 'exit').then(([code]) => code as number | null);
    const line = once(createInterface({ input: child.stdout ?? process.stdin }), 'line');
    const first = await Promise.race([
      line,
      this.#exited.then((code) => Promise.reject(new Error(`ended with ${String(code)}; see ${logPath}`))),
      sleep(READY_MS_MAX, undefined, { ref: false }).then(() =>
        Promise.reject(new Error(`not ready; see ${logPath}`)),
      ),
    ]);
    return JSON.parse(String(first[0])) as Ready;
  }

  /** Runs one more command in it, as `docker compose exec` or `run` does. */
  exec(args: readonly string[] = this.#command): { code: number | null; text: string } {
    const { status, stdout, stderr } = spawnSync(this.#node, [...this.#program, ...args], {
      ...this.#confined,
      encoding: 'utf8',
      timeout: STOP_MS_MAX,
    });
    return { code: status, text: stdout + stderr };
  }

  /** A health check's words, `CMD` taken off. */
  check(words: readonly string[]): number | null {
    const [program = '', ...args] = words.filter((word) => word !== 'CMD').map(this.#here);
    const node = program === this.#image.entrypoint[0] ? this.#node : program;
    return spawnSync(node, args, { ...this.#confined, timeout: STOP_MS_MAX }).status;
  }

  /** SIGTERM, as Docker and Kubernetes send it; answers the exit code. */
  async stop(): Promise<number | null> {
    this.#process?.kill('SIGTERM');
    const late = setTimeout(() => this.#process?.kill('SIGKILL'), STOP_MS_MAX);
    const code = await this.#exited;
    clearTimeout(late);
    return code;
  }

  get #node(): string {
    return `${this.#image.folder}${this.#image.entrypoint[0] ?? ''}`;
  }

  get #program(): readonly string[] {
    return this.#image.entrypoint.slice(1).map(this.#here);
  }

  get #confined() {
    const { folder, workdir, uid, gid } = this.#image;
    return { cwd: `${folder}${workdir}`, env: this.#env, uid, gid };
  }
}

const translated = (places: Places) => {
  const known = Object.entries(places).toSorted(([a], [b]) => b.length - a.length);
  return (text: string): string => {
    const found = known.find(([there]) => text.startsWith(there));
    return found === undefined ? text : `${found[1]}${text.slice(found[0].length)}`;
  };
};

/** Files as the kubelet mounts a ConfigMap or Secret: root's, read by the group of `fsGroup`, each a link by way of `..data`. */
export function mountAsKubelet(
  folder: string,
  files: Readonly<Record<string, string>>,
  gid: number,
  mode: number,
): void {
  const stamp = '..2026_01_01_00_00_00.000000000';
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, stamp, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    chownSync(path, 0, gid);
    chmodSync(path, mode);
  }
  symlinkSync(stamp, join(folder, '..data'));
  for (const name of Object.keys(files)) symlinkSync(join('..data', name), join(folder, name));
}
