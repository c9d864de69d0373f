import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileKeySource } from '../../src/client/key-source.ts';
import { Subscriber } from '../../src/client/subscriber.ts';
import { type Directory, loadDirectory } from '../../src/directory/directory.ts';
import { readTalk, type Talk, TalkError } from '../../src/explain/talk-file.ts';
import { Fault } from '../../src/message/codes.ts';
import { Site } from '../../src/simulate/site/site.ts';
import type { WireFraming } from '../../src/simulate/wire/framing.ts';
import { lineFacts } from '../../src/simulate/wire/line-facts.ts';
import { emulatorConfig } from '../../src/topology/emulator-config.ts';
import { deriveTopology } from '../../src/topology/topology.ts';
import { dialectFolder, dialectNames, sampleDirectory } from '../golden/samples.ts';
import type { Stage } from './play-talk.ts';

/** The talks there are: a new one is found, not listed. */
export function talks(): readonly Talk[] {
  return dialectNames().flatMap((dialect) => {
    const folder = join(dialectFolder(dialect), 'conversations');
    if (!existsSync(folder)) return [];
    const files = readdirSync(folder).filter((name) => name.endsWith('.talk'));
    return files
      .sort()
      .map((name) => readTalk(`${dialect}/conversations/${name}`, readFileSync(join(folder, name), 'utf8')));
  });
}

type LineEntry = { readonly name: string } & Readonly<Record<string, unknown>>;

/** Lines of a talk bear its place in the list, so that two talks may call theirs the same. */
const ownName = (at: number, name: string): string => `talk${String(at)}-${name}`;

/**
 * One whole installation for all talks: the sample directory with the talks' own lines, real Redis, the Service Bus stand-in, and a
 * reader on every subscription a talk asks about.
 */
export class TalkSite implements Stage {
  readonly site: Site;
  readonly #talks: readonly Talk[];
  readonly #directory: Directory;
  /** By the name of a framing, or of the dialect that brings one. */
  readonly #framings = new Map<string, WireFraming | undefined>();
  readonly #arrived = new Map<string, Buffer[]>();
  readonly #subscribers: readonly Subscriber[];

  private constructor(site: Site, all: readonly Talk[], directory: Directory) {
    this.site = site;
    this.#talks = all;
    this.#directory = directory;
    const asked = all.flatMap(({ steps }) => steps.flatMap((step) => (step.does === 'bus' ? [step] : [])));
    const keys = new FileKeySource(site.busKeyFile);
    this.#subscribers = [...new Set(asked.map(({ subscription }) => subscription))].map((name) => {
      const arrived: Buffer[] = [];
      this.#arrived.set(name, arrived);
      const [topic = '', subscription = ''] = name.split('/');
      return new Subscriber({
        ...{ connectionString: site.busConnectionString, topic, subscription, keys },
        onMessage: ({ body }) => {
          arrived.push(body);
          return Promise.resolve();
        },
      });
    });
    for (const subscriber of this.#subscribers) subscriber.start();
  }

  static async start(folder: string, all: readonly Talk[]): Promise<TalkSite> {
    const directory = join(folder, 'directory');
    cpSync(sampleDirectory, directory, { recursive: true });
    addLines(join(directory, 'lines.json'), all);
    const busConfig = join(folder, 'bus.json');
    const loaded = loadDirectory(directory);
    writeFileSync(busConfig, emulatorConfig(deriveTopology(loaded)).text);
    const site = await Site.start({ folder: join(folder, 'site'), directory, busConfig });
    return new TalkSite(site, all, loaded);
  }

  lineOf(talk: Talk, name: string) {
    const isOwn = talk.lines.some((line) => line.name === name);
    const line = isOwn ? ownName(this.#talks.indexOf(talk), name) : name;
    const port = this.site.linePorts.get(line);
    if (port === undefined) return undefined;
    return { port, framing: this.#framingOf(line) };
  }

  /** Read once for all lines that speak it: directory and dialects are large, and a talk connects often. */
  #framingOf(line: string): WireFraming | undefined {
    const { dialect = '', framing = dialect } = this.#directory.lines.get(line) ?? {};
    if (!this.#framings.has(framing)) this.#framings.set(framing, this.#readFraming(line));
    return this.#framings.get(framing);
  }

  /** Undefined where the far side's codec speaks no such framing: there a talk sends and gets bytes. */
  #readFraming(line: string): WireFraming | undefined {
    try {
      const protocols = this.site.env['TENFOUR_PROTOCOLS'] ?? '';
      return lineFacts(join(this.site.folder, 'directory'), protocols, line).framing;
    } catch (error) {
      if (error instanceof Fault && error.code === 'DIALECT_INVALID') return undefined;
      throw error;
    }
  }

  onBus(subscription: string): readonly Buffer[] {
    return this.#arrived.get(subscription) ?? [];
  }

  async takeFromBus(subscription: string, isMeant: (body: Buffer) => boolean, deadline: number) {
    const arrived = this.#arrived.get(subscription) ?? [];
    for (;;) {
      const at = arrived.findIndex(isMeant);
      if (at !== -1) return arrived.splice(at, 1)[0];
      if (performance.now() > deadline) return undefined;
      await sleep(5);
    }
  }

  /** The exit codes of its processes: 0 for each that nothing ended before. */
  async stop(): Promise<Readonly<Record<string, number | null>>> {
    await Promise.all(this.#subscribers.map((subscriber) => subscriber.stop()));
    return this.site.stop();
  }
}

function addLines(path: string, all: readonly Talk[]): void {
  const file = JSON.parse(readFileSync(path, 'utf8')) as { lines: LineEntry[] };
  const given = new Map(file.lines.map((line) => [line.name, line]));
  let port = 60_000;
  for (const [at, { lines }] of all.entries()) {
    for (const { name, like, settings, place } of lines) {
      const line = given.get(like);
      if (line === undefined) throw new TalkError(place, `there is no line ${like}`);
      // The site gives it a free port; in the file it only must be nobody else's.
      file.lines.push({ ...line, name: ownName(at, name), port: port++, ...settings });
    }
  }
  writeFileSync(path, JSON.stringify(file));
}
