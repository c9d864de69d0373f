import { stationPlace, unread } from './books.ts';

export type LineSpec = {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly ori: string;
  readonly mayBroadcast: boolean;
  readonly confirm: 'link' | 'application';
};

/** `places`: where its copies come if it is accepted (books.ts). */
export type MadeMessage = {
  readonly control: string;
  readonly places: readonly string[];
  readonly frame: Buffer;
};

/** Whom the messages are for: the bus alone, stations of the example (some on the bus too), or both in turn. */
export const mixes = ['topics', 'stations', 'both'] as const;
export type Mix = (typeof mixes)[number];

/** Header's destinations, where the copies come, and the body. All invented. */
type Kind = {
  readonly key: string;
  readonly to: string;
  readonly places: readonly string[];
  readonly body: string;
};

const bus = 'point-to-point';
const vehicle = 'LIC/ZZZ9999.LIY/2026.LIT/PC';
const person = 'NAM/SAMPLE,PAT Q.DOB/19800229.SEX/M';
const toState = (to: string, copies = 1): Kind => ({
  key: 'RQ',
  to,
  places: Array.from({ length: copies }, () => bus),
  body: vehicle,
});
const text = (to: string, places: readonly string[] = [bus]): Kind => ({
  key: 'AM',
  to,
  places,
  body: `ATTN: DISPATCH\r\nREFER TO CASE 26-000001.\r\n${'SAMPLE TEXT '.repeat(20)}`,
});
/** All of one PRI: a station's copies of a key keep their order only within a priority class. */
const hit = (to: string, places: readonly string[]): Kind => ({
  key: 'YQ',
  to,
  places,
  body: 'RTY/SV.RNO/1.PRI/U.OCA/26000001.NIC/V999999999.LIC/ZZZ9999.VYR/2019.VMA/TOYT.RNA/OFC EXAMPLE.RAG/EXAMPLE PD',
});

/** One of twenty is refused (a plate without its year), so that the witness also sees noes. */
const quiet: readonly Kind[] = [
  ...Array.from({ length: 7 }, () => toState('NV')),
  ...Array.from({ length: 4 }, () => ({ key: 'DQ', to: 'AZ', places: [bus], body: person })),
  ...Array.from({ length: 4 }, () => text('NV0990300')),
  toState('NV.OR', 2),
  toState('AZ.WA', 2),
  toState('OR'),
  { key: 'RQ', to: 'NV', places: [bus], body: 'LIC/ZZZ9999.LIT/PC' },
];

const [patrol, sheriff, police] = ['nv-patrol', 'or-sheriff', 'az-police'].map(stationPlace) as [
  string,
  string,
  string,
];
/** Twenty again, one refused (a hit confirmation without its record). */
const forStations: readonly Kind[] = [
  ...Array.from({ length: 4 }, () => text('NV0990400', [patrol])),
  ...Array.from({ length: 3 }, () => text('OR0990500', [sheriff])),
  ...Array.from({ length: 3 }, () => text('AZ0990600', [police, bus])),
  ...Array.from({ length: 3 }, () => hit('NV0990400', [patrol])),
  ...Array.from({ length: 2 }, () => hit('OR0990500', [sheriff])),
  hit('AZ0990600', [police, bus]),
  hit('NV0990400.OR0990500', [patrol, sheriff]),
  text('NV0990400.NV0990300', [patrol, bus]),
  { ...hit('NV0990400', [patrol]), body: 'RTY/SV.RNO/1.PRI/U.LIC/ZZZ9999' },
];

/** The twentieth is a broadcast where the line may. */
const topicKinds = (mayBroadcast: boolean): readonly Kind[] => [
  ...quiet,
  mayBroadcast ? text('GBN01', ['broadcast']) : text('NV0990300'),
];
const stationKinds = (mayBroadcast: boolean): readonly Kind[] => [
  ...forStations,
  mayBroadcast ? text('GBN03', ['broadcast', patrol, sheriff, police]) : text('AZ0990600', [police, bus]),
];
const kindsOf: Readonly<Record<Mix, (mayBroadcast: boolean) => readonly Kind[]>> = {
  topics: topicKinds,
  stations: stationKinds,
  both: (mayBroadcast) => [...topicKinds(mayBroadcast), ...stationKinds(mayBroadcast)],
};

/** Spread over the cycle: a stride without a common divisor visits every kind once in twenty, or forty. */
const stride = 7;

export type MakerOptions = {
  readonly line: LineSpec;
  readonly tag: string;
  readonly lineNumber: number;
  readonly mix: Mix;
  /** Names of the stations this witness acts as. */
  readonly stations: readonly string[];
};

/**
 * Makes the messages of one line, each with a control field nobody else uses: the witness's tag, the line's number and a counter,
 * ten characters at most (the dialect's limit).
 */
export class MessageMaker {
  readonly #ori: string;
  readonly #prefix: string;
  readonly #kinds: readonly Kind[];
  #made = 0;

  constructor({ line, tag, lineNumber, mix, stations }: MakerOptions) {
    this.#ori = line.ori;
    this.#prefix = `${tag}${lineNumber.toString(36)}`.toUpperCase();
    const read = new Set(stations.map(stationPlace));
    const seen = (place: string): string =>
      !place.startsWith('station.') || read.has(place) ? place : unread;
    this.#kinds = kindsOf[mix](line.mayBroadcast).map((kind) => ({ ...kind, places: kind.places.map(seen) }));
  }

  next(): MadeMessage {
    const kind = this.#kinds[(this.#made * stride) % this.#kinds.length];
    if (kind === undefined) throw new Error('no kinds of message');
    const control = `${this.#prefix}${this.#made.toString(36).padStart(6, '0')}`.toUpperCase();
    this.#made += 1;
    const content = `${kind.key}.${this.#ori}.${kind.to}.*${control}.TXT\r\n${kind.body}`;
    return { control, places: kind.places, frame: Buffer.from(`\x02${content}\x03`, 'latin1') };
  }
}
