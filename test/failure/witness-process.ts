import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { settle, type Settlement } from '../../loadtest/witness/settle.ts';
import type { Mix } from '../../loadtest/witness/made-messages.ts';
import type { Status } from '../../loadtest/witness/status.ts';
import type { Site } from '../../src/simulate/site/site.ts';

const program = join(import.meta.dirname, '../../loadtest/witness/witness.ts');

export type WitnessStatus = Status;

export type WitnessStation = 'nv-patrol' | 'or-sheriff' | 'az-police';

export type WitnessLoad = {
  readonly perSecond: number;
  readonly window?: number;
  /** Lines of the example it sends on; both link lines when absent. */
  readonly lines?: readonly ('ca-dispatch' | 'ca-marshal')[];
  /** Lines of the example it sits at as a station; none when absent. */
  readonly stations?: readonly WitnessStation[];
  /** Whom its messages are for; the bus alone when absent. */
  readonly mix?: Mix;
};

/** What the example's directory says of them. */
const lineRest = { 'ca-dispatch': 'CA0990100/broadcast', 'ca-marshal': 'CA0990200' } as const;
const stationRest: Readonly<Record<WitnessStation, string>> = {
  'nv-patrol': 'link',
  'or-sheriff': 'application/OR0990500',
  'az-police': 'none',
};

/** What it needs of a site. */
export type WitnessSite = Pick<Site, 'folder' | 'linePorts' | 'busPort' | 'busKeyFile'>;

const specs = <N extends string>(
  { linePorts }: WitnessSite,
  names: readonly N[],
  rest: Readonly<Record<N, string>>,
): string =>
  names
    .map((name) => {
      const port = linePorts.get(name);
      if (port === undefined) throw new Error(`the example has no line ${name}`);
      return `${name}=127.0.0.1:${String(port)}/${rest[name]}`;
    })
    .join(',');

/** The witness as its own process beside a site: it knows ports and the bus keys, and nothing else of the switch. */
export class WitnessProcess {
  readonly folder: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<number | null>;
  #status: WitnessStatus | undefined;

  private constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.#process = child;
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code) => {
        resolve(code);
      });
    });
    const { stdout } = child;
    if (stdout === null) throw new Error('the witness has no output');
    createInterface({ input: stdout }).on('line', (line) => {
      this.#status = JSON.parse(line) as WitnessStatus;
    });
  }

  static async start(site: WitnessSite, load: WitnessLoad): Promise<WitnessProcess> {
    const folder = join(site.folder, 'witness');
    const options = {
      lines: specs(site, load.lines ?? ['ca-dispatch', 'ca-marshal'], lineRest),
      stations: specs(site, load.stations ?? [], stationRest),
      mix: load.mix ?? 'topics',
      bus: `127.0.0.1:${String(site.busPort)}`,
      keys: site.busKeyFile,
      out: folder,
      'per-second': String(load.perSecond),
      window: String(load.window ?? 64),
    };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    const witness = new WitnessProcess(folder, child);
    await witness.until(({ acked, got }) => acked > 0 && got > 0, 20_000, 'the first message came through');
    return witness;
  }

  get status(): WitnessStatus | undefined {
    return this.#status;
  }

  async until(is: (status: WitnessStatus) => boolean, msMax: number, what: string): Promise<WitnessStatus> {
    const deadline = performance.now() + msMax;
    for (;;) {
      if (this.#status !== undefined && is(this.#status)) return this.#status;
      if (this.#process.exitCode !== null) throw new Error('the witness ended by itself');
      if (performance.now() > deadline)
        throw new Error(`not in time: ${what}; last ${JSON.stringify(this.#status)}`);
      await sleep(20);
    }
  }

  /** Ends sending; answers under way are waited for. */
  async stopSending(): Promise<WitnessStatus> {
    this.#process.stdin?.write('stop\n');
    return await this.until(({ state }) => state === 'stopped', 15_000, 'sending stopped');
  }

  /** Takes a station's plug out. Resolves when its session is closed and all that reached it is in the book. */
  async unplug(name: WitnessStation): Promise<void> {
    this.#process.stdin?.write(`unplug ${name}\n`);
    await this.until(({ stations }) => stations[name]?.state === 'unplugged', 5_000, `${name} unplugged`);
  }

  /** Puts it back. Resolves when it tries to connect: the gateway may be away. */
  async plug(name: WitnessStation): Promise<void> {
    this.#process.stdin?.write(`plug ${name}\n`);
    await this.until(({ stations }) => stations[name]?.state !== 'unplugged', 5_000, `${name} plugged in`);
  }

  /** Ends it, books closed. */
  async end(): Promise<void> {
    this.#process.stdin?.end('end\n');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 15_000);
    await this.#exited;
    clearTimeout(timer);
  }

  /** For a test that failed: nothing may keep it alive. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  settle(): Settlement {
    return settle(this.folder);
  }
}
