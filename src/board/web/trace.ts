import { type NoTrace, type TraceBar, tracePattern, type TraceView } from '../trace-view.ts';
import { byId, element, mark, write } from './elements.ts';
import { countOf, exactOf, timeOf } from './words.ts';

const says = {
  NOT_FOUND: 'No message or delivery with this id is on the record.',
  BUSY: 'Others are tracing; try again in a moment.',
  TOO_LONG: 'The record is too long to be searched from here; use: tenfour trace.',
} as const satisfies Record<NoTrace, string>;
const UNKNOWN = 'The board did not answer; try again.';
/** The board itself gives up after half a minute. */
const ANSWER_MS_MAX = 40_000;
const NOT_AN_ID = 'That is not an id of a message.';

/** The hops of one message, each as a bar from when it began to when it ended, counted from the acceptance. */
export class Trace {
  readonly #input = byId('trace-id') as HTMLInputElement;
  readonly #says = byId('trace-says');
  readonly #bars = byId('trace-bars');
  #asking: AbortController | undefined;

  constructor() {
    byId('trace-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#ask(this.#input.value.trim());
    });
  }

  /** As if it had been typed in. */
  show(id: string): void {
    this.#input.value = id;
    byId('trace').scrollIntoView({ block: 'nearest' });
    void this.#ask(id);
  }

  async #ask(id: string): Promise<void> {
    this.#asking?.abort();
    if (id === '') return;
    const asking = new AbortController();
    this.#asking = asking;
    write(this.#says, 'Looking through the record …');
    this.#bars.replaceChildren();
    const told = await ask(id, asking.signal);
    // Another was asked for meanwhile.
    if (asking.signal.aborted) return;
    if (typeof told === 'string') write(this.#says, told);
    else this.#draw(told);
  }

  #draw({ messageId, messageKey, originatingOri, line, startedAt, bars, waiting, isCut }: TraceView): void {
    const lastMs = Math.max(0.001, ...bars.map(({ endMs }) => endMs));
    const from = originatingOri === '' ? '' : ` from ${originatingOri}`;
    const on = line === '' ? '' : ` on line ${line}`;
    const open = waiting === 0 ? '' : ` Deliveries that still wait: ${countOf(waiting)}.`;
    const cut = isCut ? ' More happened than is shown.' : '';
    write(
      this.#says,
      `${messageKey} ${messageId}${from}${on}, received ${timeOf(startedAt)}, ${exactOf(lastMs)} to its last hop.${open}${cut}`,
    );
    this.#bars.replaceChildren(...bars.map((bar) => barRow(bar, lastMs)));
  }
}

const ask = async (id: string, signal: AbortSignal): Promise<TraceView | string> => {
  if (!tracePattern.test(id)) return NOT_AN_ID;
  try {
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]);
    const answer = await fetch(`/trace/${encodeURIComponent(id)}`, { signal: inTime });
    if (answer.ok) return (await answer.json()) as TraceView;
    const { says: why } = (await answer.json()) as { says?: string };
    return Object.hasOwn(says, why ?? '') ? says[why as NoTrace] : UNKNOWN;
  } catch {
    return UNKNOWN;
  }
};

/** Bad ends by the first word of what a bar says. */
const kindOf = ({ stage, says: text }: TraceBar): string => {
  if (stage === 'refused' || /^(dead|expired)/.test(text)) return 'bad';
  if (stage === 'wait') return 'waits';
  return stage === 'deliver' || stage === 'notice' || stage === 'redriven' ? 'deliver' : 'room';
};

const barRow = (bar: TraceBar, lastMs: number): HTMLElement => {
  const { stage, of, startMs, endMs, says: text, proof } = bar;
  const row = element('li', 'bar-row');
  mark(row, 'kind', kindOf(bar));
  const track = element('span', 'track');
  track.setAttribute('aria-hidden', 'true');
  const piece = element('span', 'piece');
  piece.style.left = `${String((startMs / lastMs) * 100)}%`;
  piece.style.width = `${String(((endMs - startMs) / lastMs) * 100)}%`;
  track.append(piece);
  const times =
    startMs === endMs ? `at +${exactOf(startMs)}` : `+${exactOf(startMs)} for ${exactOf(endMs - startMs)}`;
  const words = element('span', 'says', text);
  row.title = proof;
  row.append(
    element('strong', 'stage', stage),
    element('span', 'of', of),
    track,
    element('span', 'times', times),
    words,
  );
  return row;
};
