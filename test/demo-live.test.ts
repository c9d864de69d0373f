/** The live demo as a person sees it, in a real pseudo-terminal, and the guided tour as a pipe does. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ScreenReader } from './screen-reader.ts';

const program = join(import.meta.dirname, '..', 'src', 'cli', 'tenfour.ts');
/** Of util-linux, on every Debian. That of other systems takes other words. */
const script = '/usr/bin/script';
const hasScript = process.platform === 'linux' && existsSync(script);

/** The demo in a pseudo-terminal of its own, and what its screen shows. */
class DemoTerminal {
  readonly screen = new ScreenReader(80, 24);
  readonly exited: Promise<number | null>;
  readonly #process: ChildProcess;
  #error: Error | undefined;

  constructor() {
    const demo = `${process.execPath} ${program} demo`;
    const command = `stty cols 80 rows 24; tty; ${demo}; code=$?; stty -a; exit $code`;
    const env = { ...process.env, TERM: 'xterm', LC_ALL: 'C.UTF-8', NO_COLOR: '' };
    this.#process = spawn(script, ['-qfec', command, '/dev/null'], {
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.exited = new Promise((resolve) => this.#process.once('exit', resolve));
    const { stdout } = this.#process;
    stdout?.setEncoding('utf8');
    stdout?.on('data', (text: string) => {
      try {
        this.screen.write(text);
      } catch (error) {
        this.#error ??= new Error(`${String(error)} at frame ${String(this.screen.frames)}`);
      }
    });
  }

  press(key: string): void {
    this.#process.stdin?.write(key);
  }

  async shows(what: RegExp, msMax = 30_000): Promise<void> {
    const deadline = performance.now() + msMax;
    while (!what.test(this.screen.text)) {
      if (this.#error !== undefined) throw this.#error;
      if (performance.now() > deadline || this.#process.exitCode !== null)
        throw new Error(`never shown: ${String(what)}\n${this.screen.text}\n${this.screen.normal}`);
      await sleep(20);
    }
  }

  get tty(): string {
    return /^(\/dev\/\S+)\r$/m.exec(this.screen.normal)?.[1] ?? '';
  }

  async end(): Promise<number | null> {
    const code = await this.exited;
    if (this.#error !== undefined) throw this.#error;
    return code;
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

const lastLine = 'the books balance: all that was promised arrived, and the record proves it';

// Side by side: most of both is waiting.
suite('the live demo', { concurrency: true }, () => {
  test('keys kill and mend real processes on one screen, and the end gives the terminal back', {
    skip: hasScript ? false : 'no script(1) of util-linux here',
    timeout: 90_000,
  }, async (t) => {
    const demo = new DemoTerminal();
    t.after(() => {
      demo.kill();
    });
    await demo.shows(/● all well[\s\S]*ACCEPTED +\d+\/s[\s\S]*connected 7:[\s\S]*q quit/);
    demo.press('c');
    await demo.shows(/✗ courier DOWN[\s\S]*point-to-point +\d.*nobody[\s\S]*c courier DOWN/);
    demo.press('u');
    await demo.shows(/away 1: ○ nv-patrol-cad[\s\S]*u nv-patrol OUT/);
    demo.press('c');
    await demo.shows(/c courier up/);
    demo.press('u');
    await demo.shows(/connected 7:[\s\S]*u nv-patrol plugged in/);
    demo.press('b');
    await demo.shows(/✗ bus DOWN/);
    execFileSync('stty', ['-F', demo.tty, 'cols', '100', 'rows', '30']);
    demo.screen.resize(100, 30);
    demo.press('b');
    await demo.shows(/b bus up/);
    await demo.shows(/f flood.*q quit {30}/);
    assert.equal(demo.screen.lines.length, 30);
    demo.press('q');
    assert.equal(await demo.end(), 0, demo.screen.normal);

    const { modes, normal, frames } = demo.screen;
    assert.deepEqual(Object.fromEntries(modes), { 1049: false, 25: true, 7: true });
    assert.match(normal, /[^-]icanon/);
    assert.match(normal, /[^-]echo /);
    assert.match(normal, /lost 0[\s\S]*recount from streams and segments agrees[\s\S]*the record is whole/);
    assert.match(normal, /the books balance: all that was promised arrived/);
    assert.ok(frames > 20, `only ${String(frames)} frames`);
  });

  test('a tour that is broken off puts everything back and ends with the verdict', {
    timeout: 90_000,
  }, async () => {
    const tour = spawn(process.execPath, [program, 'demo', '--tour', '--pause-ms', '3000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    tour.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (text.includes('nv-patrol unplugged')) tour.kill('SIGINT');
    });
    const code = await new Promise((resolve) => tour.once('exit', resolve));
    assert.match(said, /the tour was ended; everything is put back/);
    assert.equal(said.trimEnd().split('\n').at(-1), lastLine);
    assert.equal(code, 0);
  });

  test('the guided tour in a pipe kills everything once, and the books balance', {
    timeout: 90_000,
  }, async () => {
    const args = [program, 'demo', '--tour', '--pause-ms', '100'];
    const running = promisify(execFile)(process.execPath, args);
    running.child.stdin?.end('nonsense\n');
    const { stdout } = await running;
    assert.match(stdout, /^no such word; there are courier, .*quit$/m);
    assert.ok(!stdout.includes('\x1b'), 'no escape codes in a pipe');
    for (const part of ['courier', 'bus', 'gateway', 'recorder']) {
      assert.match(stdout, new RegExp(`\\* ${part} killed`));
      assert.match(stdout, new RegExp(`\\* ${part} is back after`));
    }
    const [, overtaken] = /got the officer-safety broadcast before (\d+) older messages/.exec(stdout) ?? [];
    // A turn in sixteen is the lowest class's.
    assert.ok(Number(overtaken) >= 200, `it overtook ${String(overtaken)}`);
    assert.match(stdout, /; answers [1-9]/);
    assert.match(stdout, /^\d\d:\d\d:\d\d {2}accepted \d+\/s {2}delivered \d+\/s/m);
    assert.match(stdout, /lost 0/);
    assert.match(stdout, /unmarked 0, strangers 0/);
    assert.equal(stdout.trimEnd().split('\n').at(-1), lastLine);
  });
});
