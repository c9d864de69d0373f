import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Fault } from '../../message/codes.ts';

const PROGRAM = join(
  import.meta.dirname,
  '..',
  '..',
  'cli',
  import.meta.filename.endsWith('.ts') ? 'tenfour.ts' : 'tenfour.js',
);
const START_MS_MAX = 30_000;
const STOP_MS_MAX = 25_000;

export type ReadyLine = {
  readonly ready: string;
  readonly opsPort?: number;
  readonly port?: number;
  readonly controlPort?: number;
  readonly linePorts?: Readonly<Record<string, number>>;
};

/** One process of the program, as an operator would start it: its own pid, its log in a file, ended with us. */
export class Child {
  readonly name: string;
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #logPath: string;
  #process: ChildProcess | undefined;
  #exited: Promise<number | null> = Promise.resolve(null);

  constructor(name: string, args: readonly string[], env: Readonly<Record<string, string>>, folder: string) {
    this.name = name;
    this.#args = args;
    this.#env = env;
    this.#logPath = join(folder, `${name}.log`);
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get logPath(): string {
    return this.#logPath;
  }

  get isRunning(): boolean {
    return (
      this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null
    );
  }

  /** Starts it and resolves with the line it prints when it does its work. */
  async start(): Promise<ReadyLine> {
    const log = openSync(this.#logPath, 'a');
    const child = spawn(process.execPath, [...nodeFlags(), PROGRAM, ...this.#args, '--attached'], {
      env: { ...ownEnvironment(), ...this.#env },
      stdio: ['pipe', 'pipe', log],
      // Its own process group: Ctrl-C reaches whoever started the site, who then drains it in order.
      detached: true,
    });
    closeSync(log);
    this.#process = child;
    const output = child.stdout;
    if (output === null) throw new Fault('CONFIG_INVALID', `${this.name} has no output to read`);
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code) => {
        resolve(code);
      });
    });
    return await new Promise<ReadyLine>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Fault('CONFIG_INVALID', `${this.name} did not become ready`));
      }, START_MS_MAX);
      createInterface({ input: output }).once('line', (line) => {
        clearTimeout(timer);
        resolve(JSON.parse(line) as ReadyLine);
      });
      child.once('exit', (code) => {
        clearTimeout(timer);
        reject(new Fault('CONFIG_INVALID', `${this.name} ended at start with ${String(code)}; see its log`));
      });
    });
  }

  /** SIGTERM, and its exit code; forced after 25 s. */
  async stop(): Promise<number | null> {
    const child = this.#process;
    if (child === undefined || !this.isRunning) return child?.exitCode ?? null;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    const code = await this.#exited;
    clearTimeout(timer);
    return code;
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(name);
  }

  /** As a crash would end it; resolves when it is gone. */
  async kill9(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#exited;
  }
}

const handedOn = ['PATH', 'HOME', 'LANG', 'TZ', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'NODE_COMPILE_CACHE'];

/** Only what a process needs: no setting of whoever runs us may leak into a site, and none of ours into Redis. */
export const ownEnvironment = (): Record<string, string> => {
  const env: Record<string, string> = {};
  for (const name of handedOn) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
};

const nodeFlags = (): readonly string[] => ['--disable-warning=ExperimentalWarning'];
