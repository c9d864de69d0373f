/** A moment of the demo as its screen gets it, made up. */
import type { Picture } from '../src/board/picture.ts';
import type { View } from '../src/cli/demo/view.ts';

export const at = Date.UTC(2026, 0, 2, 13, 4, 7);

const noClasses = [0, 0, 0, 0, 0, 0, 0];
const lane = { oldestAgeMs: 0, in: 0, delivered: 0, sentUnconfirmed: 0, dead: 0, expired: 0, waiting: 0 };
const idle = { ...lane, waitingByClass: noClasses, isOwned: true };
const station = { agency: 'one', title: 'One', lines: ['one'], waiting: 0, oldestAgeMs: 0 };
const heard = { ...station, lastFromAt: at, lastToAt: at };

export const picture: Picture = {
  at,
  ageMs: 0,
  warnings: [],
  books: {
    ...{ in: 12_345, waiting: 326, delivered: 11_899, sentUnconfirmed: 119 },
    ...{ dead: 1, expired: 0, divertedOut: 0, imbalance: 0 },
  },
  rates: { accepted: 31.4, delivered: 29.9, messages: 20.1, refused: 0.5, refusedByCode: {} },
  lanes: [
    { ...idle, lane: 'broadcast', end: 'topic', in: 40, delivered: 40 },
    { ...idle, lane: 'point-to-point', end: 'topic', in: 9000, delivered: 9000 },
    {
      ...idle,
      ...{ lane: 'station.az-police-msc', end: 'station', in: 120, waiting: 1, oldestAgeMs: 427 },
      waitingByClass: [0, 0, 0, 0, 1, 0, 0],
    },
    { ...idle, lane: 'station.ca-dispatch-cad', end: 'station' },
    {
      ...{ ...idle, lane: 'station.nv-patrol-cad', end: 'station', in: 2000, waiting: 325 },
      ...{ oldestAgeMs: 245_000, isOwned: false, waitingByClass: [0, 2, 23, 0, 300, 0, 0] },
    },
    { ...idle, lane: 'station.or-sheriff-cad', end: 'station', in: 1185, delivered: 1185 },
  ],
  stations: [
    { ...heard, station: 'az-police-msc', word: 'connected' },
    { ...heard, station: 'ca-dispatch-cad', word: 'connected' },
    { ...heard, station: 'nv-patrol-cad', word: 'away' },
    { ...heard, station: 'nv-system-switch', word: 'never' },
    { ...heard, station: 'or-sheriff-cad', word: 'late' },
  ],
  hops: Array.from({ length: 20 }, (_, n) => ({
    ...{ at: at - n * 100, messageId: `gfivxhmdn76qc-${String(900 - n)}`, messageKey: 'RQ' },
    ...(n % 2 === 0
      ? { what: 'delivered' as const, where: 'station.or-sheriff-cad', code: undefined, afterMs: 9 + n }
      : {
          what: 'refused' as const,
          where: 'nv-sheriff',
          code: 'VALIDATE_FIELD_MISSING',
          afterMs: undefined,
        }),
  })),
  broadcasts: [],
  record: { pagesWaiting: 2, recorderSeenAt: at, deadLetters: 1, pagesSeen: 99, pagesMissed: 0 },
};

export const view: View = {
  atMs: at,
  startedAtMs: at - 83_000,
  picture,
  history: {
    accepted: Array.from({ length: 60 }, (_, n) => 20 + (n % 5)),
    delivered: Array.from({ length: 60 }, (_, n) => (n % 20) * 3),
    refused: Array.from({ length: 60 }, (_, n) => (n % 10 === 0 ? 2 : 0)),
  },
  broadcast: {
    ...{
      messageId: 'gfivxhmdn76qc-77',
      messageKey: 'OSB',
      originatingOri: 'CA0990100',
      acceptedAt: at - 4000,
    },
    audience: [
      { name: 'nv-patrol-cad', kind: 'station', state: 'waiting', afterMs: undefined },
      ...['AZ', 'CA', 'NV'].map((name) => ({
        ...{ name, kind: 'topic-code' as const, state: 'delivered' as const, afterMs: 12 },
      })),
      { name: 'or-sheriff-cad', kind: 'station', state: 'delivered', afterMs: 1430 },
      { name: 'az-police-msc', kind: 'station', state: 'unconfirmed', afterMs: 1003 },
    ],
    tally: { waiting: 1, delivered: 4, unconfirmed: 1, dead: 0, expired: 0 },
  },
  account: {
    ...{ sent: 8001, accepted: 7890, refused: 107, unknown: 4, owed: 12_344, delivered: 12_018, marked: 9 },
    ...{ repeats: 3, missing: 326, noted: 0, answered: 123, unmarkedDuplicates: 0, strangers: 0 },
  },
  parts: { courier: 'up', gateway: 'up', bus: 'DOWN', recorder: 'starting' },
  station: { name: 'nv-patrol', isPlugged: false },
  isTouring: false,
  isQuitting: false,
  events: [
    { atMs: at - 9000, text: 'nv-patrol unplugged: its lane holds, no other notices; u plugs it in' },
    { atMs: at - 3000, text: 'flood: 300 messages, 900 copies, answered within 138 ms' },
    {
      atMs: at - 1000,
      text: 'bus killed: topics hold in order, nothing is refused; b puts it back (was pid 4711)',
    },
  ],
  boardUrl: 'http://127.0.0.1:8470/',
};
