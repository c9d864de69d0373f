/**
 * What the first pages tell a reader to type, typed. In a page, a block fenced as
 *
 *   ```sh              runs to its end and must exit with 0
 *   ```sh terminal=N   goes on running, as in a terminal that is left open, until the page is done; Ctrl-C then ends it in time
 *   ```ts file=NAME    is saved under this name
 *   ```console         is not typed here: what it starts takes long, and other tests have it
 *
 * and in a block `# prints: TEXT` must be found in what the block prints, in this order; `# terminal N prints: TEXT` in what terminal N
 * has printed or will print soon. Pages run side by side, each in a folder of its own that looks like this one, on free ports.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../src/simulate/redis/ping.ts';

const root = join(import.meta.dirname, '..');
const blockMsMax = 30_000;
const endMsMax = 15_000;

type Block = { readonly at: number; readonly info: string; readonly text: string };
type Expected = { readonly terminal: string | undefined; readonly text: string };

const pages = [
  'src/simulate/service-bus/README.md',
  'protocols/README.md',
  'docs/first-line.md',
  'docs/first-mdt.md',
  'docs/operating.md',
  'docs/bus-topology.md',
];

// A page mostly waits for programs to start: all at once they take little longer than one.
describe('what the first pages say to type works and prints what they say', { concurrency: true }, () => {
  for (const page of pages) {
    test(page, { timeout: 120_000 }, async (t) => {
      const folder = await workingFolder();
      const reader = new Reader(page, folder.path, folder.env);
      t.after(() => {
        rmSync(folder.path, { recursive: true, force: true, maxRetries: 5 });
      });
      try {
        const blocks = blocksOf(readFileSync(join(root, page), 'utf8'));
        assert.ok(blocks.length > 0, 'there is something to type');
        for (const block of blocks) await reader.type(block);
      } finally {
        await reader.close();
      }
    });
  }
});

test('the lines that the first page lists are those of the example', () => {
  const path = join(root, 'examples', 'county-099', 'directory', 'lines.json');
  type Line = { name: string; host: string; port: number; oris: string[]; confirm: string; framing?: string };
  const { lines } = JSON.parse(readFileSync(path, 'utf8')) as { lines: Line[] };
  const rows = readFileSync(join(root, 'docs', 'first-line.md'), 'utf8').matchAll(
    /^\| `([\w-]+)` \| (\S+) \| (\S+) \| STX, message, ETX \| `(\w+)` \|$/gm,
  );
  const listed = Array.from(rows, ([, name, address, ori, confirm]) => ({ name, address, ori, confirm }));
  assert.ok(listed.length > 2);
  for (const row of listed) {
    const line = lines.find(({ name }) => name === row.name);
    assert.deepEqual(
      row,
      {
        name: line?.name,
        address: `${String(line?.host)}:${String(line?.port)}`,
        ori: line?.oris[0],
        confirm: line?.confirm,
      },
      row.name,
    );
    assert.equal(line?.framing, undefined, 'the framing of its dialect');
  }
});

test('a page that lies is found: by an exit code, by what is not printed, and by a terminal that ends', async () => {
  const folder = await workingFolder();
  const lies: [text: string, found: RegExp][] = [
    ['```sh\nfalse\n```', /page:1: exited with 1/],
    ['```sh\necho one\n# prints: two\n```', /page:1: did not print "two"/],
    ['```sh\necho one\necho two\n# prints: two\n# prints: one\n```', /did not print "one"/],
    ['text\n```sh terminal=1\nexit 3\n# prints: ready\n```', /page:2: terminal 1 ended with 3/],
    ['```sh\n# terminal 9 prints: one\n```', /page:1: there is no terminal 9/],
  ];
  for (const [text, found] of lies) {
    const reader = new Reader('page', folder.path, folder.env);
    const typed = async (): Promise<void> => {
      for (const block of blocksOf(text)) await reader.type(block);
    };
    await assert.rejects(typed, found);
    await reader.close();
  }
  rmSync(folder.path, { recursive: true });
});

/** Fenced blocks that are typed or saved, with the line each begins at. */
function blocksOf(page: string): readonly Block[] {
  const found = page.matchAll(/^```(sh|ts file=\S+|sh terminal=\S+)\n([\s\S]*?)^```/gm);
  return Array.from(found, ({ 1: info = '', 2: text = '', index }) => ({
    at: page.slice(0, index).split('\n').length,
    info,
    text,
  }));
}

const expectedIn = (text: string): readonly Expected[] =>
  Array.from(text.matchAll(/^# (?:terminal (\S+) )?prints: (.+)$/gm), ([, terminal, wanted = '']) => ({
    terminal,
    text: wanted,
  }));

/** Types one page, as a reader with several terminals. */
class Reader {
  readonly #page: string;
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #terminals = new Map<string, Shell>();

  constructor(page: string, folder: string, env: NodeJS.ProcessEnv) {
    this.#page = basename(page);
    this.#folder = folder;
    this.#env = env;
  }

  async type({ at, info, text }: Block): Promise<void> {
    const place = `${this.#page}:${String(at)}`;
    const [, file] = /^ts file=(\S+)$/.exec(info) ?? [];
    if (file !== undefined) {
      writeFileSync(join(this.#folder, basename(file)), text);
      return;
    }
    const shell = new Shell(text, this.#folder, this.#env);
    const [, terminal] = /terminal=(\S+)/.exec(info) ?? [];
    if (terminal === undefined) await this.#toItsEnd(shell, place);
    else this.#terminals.set(terminal, shell);
    const own = expectedIn(text).filter((one) => one.terminal === undefined);
    const name = terminal === undefined ? undefined : `terminal ${terminal}`;
    await printed(shell, own, place, name);
    for (const one of expectedIn(text)) {
      if (one.terminal === undefined) continue;
      const other = this.#terminals.get(one.terminal);
      if (other === undefined) throw new Error(`${place}: there is no terminal ${one.terminal}`);
      await printed(other, [one], place, `terminal ${one.terminal}`);
    }
  }

  /** Ctrl-C in every terminal, the last one opened first; each must end in time. */
  async close(): Promise<void> {
    for (const [name, shell] of [...this.#terminals].toReversed()) {
      const hasEnded = await shell.interrupt(endMsMax);
      assert.ok(hasEnded, `terminal ${name} ends at Ctrl-C`);
    }
    this.#terminals.clear();
  }

  async #toItsEnd(shell: Shell, place: string): Promise<void> {
    const code = await Promise.race([shell.exited, sleep(blockMsMax, 'no end in time', { ref: false })]);
    if (code === 0) return;
    await shell.interrupt(endMsMax);
    throw new Error(`${place}: exited with ${String(code)}\n${shell.output}`);
  }
}

/** Waits until all of it has been printed, in this order; a terminal may still be at it. */
async function printed(
  shell: Shell,
  expected: readonly Expected[],
  place: string,
  terminal: string | undefined,
): Promise<void> {
  const deadline = performance.now() + blockMsMax;
  for (;;) {
    const missing = firstMissing(shell.output, expected);
    if (missing === undefined) return;
    if (terminal !== undefined && shell.code !== undefined)
      throw new Error(`${place}: ${terminal} ended with ${String(shell.code)}\n${shell.output}`);
    if (terminal === undefined || performance.now() > deadline)
      throw new Error(`${place}: did not print "${missing}"\n${shell.output}`);
    await sleep(20);
  }
}

function firstMissing(output: string, expected: readonly Expected[]): string | undefined {
  let from = 0;
  for (const { text } of expected) {
    const at = output.indexOf(text, from);
    if (at < 0) return text;
    from = at + text.length;
  }
  return undefined;
}

/** One shell with what runs in it, in a process group of its own, as a terminal has. */
class Shell {
  output = '';
  code: number | string | undefined;
  readonly exited: Promise<number | string>;
  readonly #process: ChildProcess;

  constructor(commands: string, cwd: string, env: NodeJS.ProcessEnv) {
    const child = spawn('/bin/sh', ['-ec', commands], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.code = code ?? signal ?? 'nothing';
        resolve(this.code);
      });
    });
  }

  /** As Ctrl-C reaches everything in a terminal. False when something of it is left after `ms`. */
  async interrupt(ms: number): Promise<boolean> {
    if (this.code !== undefined) return true;
    this.#signal('SIGINT');
    const late = sleep(ms, false, { ref: false });
    const hasEnded = await Promise.race([this.exited.then(() => true), late]);
    if (!hasEnded) this.#signal('SIGKILL');
    return hasEnded;
  }

  #signal(name: 'SIGINT' | 'SIGKILL'): void {
    const { pid } = this.#process;
    try {
      if (pid !== undefined) process.kill(-pid, name);
    } catch {
      // It ended by itself just now.
    }
  }
}

/** A folder that looks like this one to whoever types in it, with other ports, and nothing of ours in its environment. */
async function workingFolder(): Promise<{ path: string; env: NodeJS.ProcessEnv }> {
  const path = mkdtempSync(join(tmpdir(), 'tenfour-documents-'));
  for (const name of ['src', 'protocols', 'node_modules', 'package.json', 'docs', 'scripts'])
    symlinkSync(join(root, name), join(path, name));
  cpSync(join(root, 'examples'), join(path, 'examples'), { recursive: true });
  const lines = join(path, 'examples', 'county-099', 'directory', 'lines.json');
  const file = JSON.parse(readFileSync(lines, 'utf8')) as { lines: { port: number }[] };
  const used = new Set<number>();
  for (const line of file.lines) line.port = await unused(used);
  writeFileSync(lines, JSON.stringify(file, null, 2));
  const redis = await unused(used);
  const { PATH, HOME } = process.env;
  return {
    path,
    env: {
      PATH,
      HOME,
      npm_config_update_notifier: 'false',
      TENFOUR_REDIS_URL: `redis://127.0.0.1:${String(redis)}`,
    },
  };
}

async function unused(used: Set<number>): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (used.has(port)) continue;
    used.add(port);
    return port;
  }
}
