import { ascii, clean, clock, duration } from './look.ts';
import { isOff, type View } from './view.ts';

/** A lane that holds for longer is named on the line. */
const HOLDS_MS = 2000;

/** The state of things in one line, for a pipe. */
export const plainLine = (view: View): string => {
  const { picture, account, parts } = view;
  const { messages = 0, delivered = 0, refused = 0 } = picture?.rates ?? {};
  const held = (picture?.lanes ?? []).filter(({ oldestAgeMs }) => oldestAgeMs >= HOLDS_MS);
  const lanes = held.map(
    ({ lane, waiting, oldestAgeMs }) =>
      `${lane.replace(/^station\./, '')} ${String(waiting)} (${duration(oldestAgeMs)})`,
  );
  const down = Object.entries(parts).flatMap(([part, word]) => (isOff(word) ? [`${part} ${word}`] : []));
  const words = [
    `${clock(view.atMs)}  accepted ${perSecond(messages)}  delivered ${perSecond(delivered)}  refused ${perSecond(refused)}`,
    `got ${String(account.delivered)} of ${String(account.owed)} copies`,
    ...(lanes.length === 0 ? [] : [`holding ${lanes.join(', ')}`]),
    ...down,
    ...(picture?.warnings ?? []),
  ];
  return clean(words.join('  '), ascii);
};

export const plainEvent = (atMs: number, text: string): string => clean(`${clock(atMs)}  * ${text}`, ascii);

const perSecond = (rate: number): string => `${String(Math.round(rate))}/s`;
