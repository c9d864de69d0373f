import type { Picture } from '../picture.ts';
import { Announcer } from './announce.ts';
import { Broadcasts } from './broadcasts.ts';
import { Charts } from './charts.ts';
import { byId, mark, write } from './elements.ts';
import { Figures } from './figures.ts';
import { Hops } from './hops.ts';
import { Lanes } from './lanes.ts';
import { Stations } from './stations.ts';
import { type Live, PictureStream } from './stream.ts';
import { Trace } from './trace.ts';
import { manyOf, spanOf, timeOf } from './words.ts';

/** The page: each part shows what it knows of a picture; this file says whether the picture is still true. */
const trace = new Trace();
const showTrace = (id: string): void => {
  trace.show(id);
};
const charts = new Charts();
const announcer = new Announcer();
const parts = [
  new Figures(),
  new Stations(),
  new Broadcasts(showTrace),
  charts,
  new Lanes(),
  new Hops(showTrace),
  { show: showNotes },
];
const live = byId('live');
const alarm = byId('alarm');
let last: Picture | undefined;

const stream = new PictureStream((picture) => {
  for (const part of parts) part.show(picture);
  last = picture;
  announcer.picture(picture);
}, showLive);
stream.start();

/** Three words, each with a shape: LIVE, REDIS DOWN, NOT LIVE. */
function showLive(state: Live): void {
  const isDown = last?.warnings.includes('REDIS_DOWN') === true;
  const now = state === 'lost' ? 'lost' : isDown ? 'down' : 'live';
  const { shape, word } = words[now];
  mark(live, 'state', now);
  mark(document.body, 'state', now);
  live.querySelector('use')?.setAttribute('href', `#shape-${shape}`);
  write(byId('live-word'), word);
  document.title = now === 'live' ? 'tenfour board' : `${word} – tenfour board`;
  const at = last?.at ?? 0;
  write(byId('live-text'), at === 0 ? '' : timeOf(at));
  alarm.hidden = now === 'live';
  if (now === 'live') {
    announcer.alarm('');
    return;
  }
  if (now === 'lost') charts.gap();
  announcer.alarm(words[now].says);
  const old = at === 0 ? 'There is no picture yet.' : `What you see is ${spanOf(stream.ageMs)} old.`;
  write(alarm, `${words[now].says} ${old}`);
}

const words = {
  live: { shape: 'connected', word: 'LIVE', says: '' },
  down: {
    shape: 'late',
    word: 'REDIS DOWN',
    says: 'Redis does not answer; while it is down nothing is accepted.',
  },
  lost: {
    shape: 'away',
    word: 'NOT LIVE',
    says: 'The board sends nothing here: this page is not live. Trying again.',
  },
} as const;

function showNotes({ warnings, record }: Picture): void {
  const says: Readonly<Record<string, string>> = {
    PAGES_MISSED: `Not all of the last minute was seen (${manyOf(record.pagesMissed, 'page')} in all): hops, audiences, messages and refusals lack. What waits is exact.`,
    RECORDER_SILENT: 'The recorder is silent: unless it comes back within its limit, nothing is accepted.',
    LANES_CUT: 'There are more lanes than are shown.',
  };
  const notes = byId('notes');
  write(notes, warnings.flatMap((code) => says[code] ?? []).join(' '));
  notes.hidden = notes.textContent === '';
}
