import { createInterface } from 'node:readline';
import { Child, type Site } from '../../simulate/site/site.ts';
import { loadDirectory } from '../../directory/directory.ts';
import { Watch } from '../../wiring/watch.ts';
import { print } from '../usage.ts';
import { FarSide } from './far-side.ts';
import { lookOf } from './look.ts';
import { plainEvent, plainLine } from './plain.ts';
import { drawScreen } from './screen.ts';
import { Stage } from './stage.ts';
import { Terminal } from './terminal.ts';

const PICTURE_MS = 500;
const FRAME_MS = 250;
const PLAIN_MS = 1000;
const CTRL_C = '\x03';

export type LiveOptions = {
  /** A screen and keys; else plain lines, and words from standard input. */
  readonly isScreen: boolean;
  /** The tour begins by itself, and its end is the end. */
  readonly isTour: boolean;
  readonly pauseMs: number;
};

/** Traffic until somebody quits, faults by key, and the verdict. Exits 0 only if everything balanced. The site is stopped afterwards. */
export const runLive = async (site: Site, options: LiveOptions): Promise<number> => {
  const watch = await Watch.open({
    redisUrl: site.redis.url,
    slot: site.env['TENFOUR_SLOT'] ?? 's0',
    directory: loadDirectory(site.env['TENFOUR_DIRECTORY'] ?? ''),
    everyMs: PICTURE_MS,
    recordFolder: site.env['TENFOUR_RECORD'] ?? '',
  });
  const board = new Child('board', ['board', '--port', '0'], site.env, site.folder);
  const stage = new Stage({ site, watch, farSide: new FarSide(site), ...options });
  const close = options.isScreen ? openScreen(stage) : openPlain(stage);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const quit = (): void => {
    stage.quit();
  };
  for (const signal of signals) process.on(signal, quit);
  try {
    await stage.start();
    void openBoard(board, stage);
    if (options.isTour) stage.press('t');
    await stage.quitting;
    const verdict = await stage.finish();
    close();
    for (const line of verdict.lines) print(line);
    return verdict.isWell ? 0 : 1;
  } finally {
    await board.stop();
    close();
    for (const signal of signals) process.off(signal, quit);
  }
};

/** The status page beside the screen. The demo goes on without it. */
const openBoard = async (board: Child, stage: Stage): Promise<void> => {
  try {
    const { port } = await board.start();
    if (port !== undefined) stage.hasBoard(`http://127.0.0.1:${String(port)}/`);
  } catch {
    stage.hasBoard(undefined);
  }
};

const openScreen = (stage: Stage): (() => void) => {
  const look = lookOf(process.env);
  const draw = (): void => {
    terminal.show(drawScreen(stage.view, terminal.size, look));
  };
  const onKey = (key: string): void => {
    if (key === CTRL_C) stage.quit();
    else stage.press(key);
    draw();
  };
  const terminal = new Terminal(process.stdin, process.stdout, { onKey, onResize: draw });
  terminal.enter();
  stage.onEvent = draw;
  const frames = setInterval(draw, FRAME_MS);
  draw();
  return () => {
    clearInterval(frames);
    stage.onEvent = () => undefined;
    terminal.leave();
  };
};

/** Words of the plain form, for those who have no keys. */
const words: Readonly<Record<string, string | undefined>> = {
  courier: 'c',
  gateway: 'g',
  bus: 'b',
  recorder: 'r',
  unplug: 'u',
  plug: 'u',
  flood: 'f',
  officer: 'o',
  tour: 't',
  settle: 'w',
  quit: 'q',
};

const openPlain = (stage: Stage): (() => void) => {
  stage.onEvent = (atMs, text) => {
    print(plainEvent(atMs, text));
  };
  const lines = setInterval(() => {
    print(plainLine(stage.view));
  }, PLAIN_MS);
  print(`a word and Enter: ${Object.keys(words).join(', ')}; Ctrl-C ends it`);
  const input = createInterface({ input: process.stdin });
  input.on('line', (line) => {
    const word = line.trim();
    const key = words[word];
    const { isPlugged } = stage.view.station;
    if (key === undefined) print(`no such word; there are ${Object.keys(words).join(', ')}`);
    else if (key === 'u' && isPlugged === (word === 'plug'))
      print(`the station is ${isPlugged ? 'plugged in' : 'out'} already`);
    else stage.press(key);
  });
  return () => {
    clearInterval(lines);
    stage.onEvent = () => undefined;
    input.close();
  };
};
