/**
 * The fixed load mix (design 8): 40 messages in a fixed order, repeated for ever. Eight keys, 400 bytes a frame on average with its
 * marks, 1.5 destinations on average, 2 of 40 refused (one by its field, one by its destination), a distinct control field in each.
 * Changing anything here makes results incomparable with those kept: raise `mixVersion`, which every result echoes.
 */
export const mixVersion = 1;
export const mixLength = 40;
const frameBytesAverage = 400;

/** What a delivery's `destination` property may say; the empty one is a broadcast. A delivery's key holds its place here. */
export const destinationTexts = ['', 'CA0990200', 'NV0990300', 'NV', 'OR'] as const;
type DestinationText = (typeof destinationTexts)[number];

type Kind = {
  readonly key: string;
  readonly to: string;
  readonly body: string;
  /** The destinations of its deliveries; none for a message that must be refused. */
  readonly deliveries: readonly DestinationText[];
};

const A = 'CA0990200';
const B = 'NV0990300';
const GROUP = 'GBN01';
const VEHICLE = 'LIC/ZZZ9999.LIY/2026.LIT/PC.VMA/TOYT.VYR/2019.RSN/T';
const DRIVER = 'NAM/SAMPLE,PAT Q.DOB/19800229.SEX/M.RSN/T.IMQ/Y';
const CONFIRM =
  'RTY/SV.RNO/1.PRI/U.OCA/26000001.NIC/V999999999.LIC/ZZZ9999.VIN/1ZZZZ99Z9ZZ999999.VYR/2019.VMA/TOYT.RNA/OFC EXAMPLE.RAG/EXAMPLE PD.PHO/5550100.REM/VEH OCCUPIED 1 DETAINED';
const CONFIRMED =
  'RTY/SV.RNO/1.CON/Y.OCA/26000001.NIC/V999999999.CNA/DISP EXAMPLE.CAG/SAMPLE SO.PHO/5550199.REM/CONFIRMED STOLEN HOLD FOR PRINTS';
/** Stands for free text, which takes the bytes left over so that the average is exact. */
const TEXT = '';

const to = (texts: DestinationText[]): string => texts.join('.');
const one = (key: string, body: string, ...texts: DestinationText[]): Kind => ({
  key,
  to: to(texts),
  body,
  deliveries: texts,
});
const times = (count: number, kind: Kind): Kind[] => Array.from({ length: count }, () => kind);

/** Twenty with one destination, twenty with two. */
const kinds: readonly Kind[] = [
  ...times(4, one('RQ', VEHICLE, 'NV')),
  ...times(5, one('RQ', VEHICLE, 'NV', 'OR')),
  // A plate may hold letters and digits only.
  { key: 'RQ', to: 'NV', body: 'LIC/ZZZ-9999.LIY/2026.LIT/PC', deliveries: [] },
  ...times(3, one('DQ', DRIVER, 'OR')),
  ...times(3, one('DQ', DRIVER, 'NV', 'OR')),
  ...times(3, one('AM', TEXT, A)),
  ...times(3, one('AM', TEXT, A, B)),
  { key: 'AM', to: GROUP, body: TEXT, deliveries: [''] },
  // No such agency.
  { key: 'AM', to: `${A}.NV0990999`, body: TEXT, deliveries: [] },
  one('AML', TEXT, B),
  { key: 'AML', to: `${B}.${GROUP}`, body: TEXT, deliveries: [B, ''] },
  ...times(2, one('RR', TEXT, A)),
  ...times(2, one('RR', TEXT, A, B)),
  ...times(2, one('DR', TEXT, B)),
  ...times(2, one('DR', TEXT, A, B)),
  ...times(2, one('YQ', CONFIRM, B)),
  one('YQ', CONFIRM, A, B),
  one('YR', CONFIRMED, A),
  ...times(2, one('YR', CONFIRMED, A, B)),
];

/** One message of the mix as one line sends it; `controlAt` is where its 10 control characters stand. */
export type Template = {
  readonly frame: Buffer;
  readonly controlAt: number;
  /** The destinations as written, a period between, and where they stand. */
  readonly to: string;
  readonly toAt: number;
  /** Places in `destinationTexts`; empty when the message must be refused. */
  readonly deliveries: readonly number[];
};

const CONTROL = '0000000000';
const headOf = ({ key, to: written }: Kind, ori: string): string =>
  `\x02${key}.${ori}.${written}.*${CONTROL}.TXT\r\n`;

/** The mix as the line with this ORI sends it. Neighbours in the cycle are of different kinds: 7 has no factor in common with 40. */
export const mixOf = (ori: string): readonly Template[] => {
  const bodiless = kinds.reduce((sum, kind) => sum + headOf(kind, ori).length + kind.body.length + 1, 0);
  const texts = kinds.filter(({ body }) => body === TEXT).length;
  const textBytes = mixLength * frameBytesAverage - bodiless;
  let textsMade = 0;
  const templates = kinds.map((kind) => {
    const head = headOf(kind, ori);
    let body = kind.body;
    if (body === TEXT) {
      const [from, until] = [textsMade, textsMade + 1].map((made) => Math.floor((textBytes * made) / texts));
      body = freeText((until ?? 0) - (from ?? 0));
      textsMade += 1;
    }
    return {
      frame: Buffer.from(`${head}${body}\x03`, 'latin1'),
      controlAt: head.indexOf('*') + 1,
      to: kind.to,
      toAt: head.indexOf(`${ori}.`) + ori.length + 1,
      deliveries: kind.deliveries.map((text) => destinationTexts.indexOf(text)),
    };
  });
  return templates.flatMap((_, at) => templates[(at * 7) % mixLength] ?? []);
};

const PHRASE = 'ATTN ALL UNITS: INVENTED BULLETIN FOR LOAD TESTS, NO PERSON AND NO VEHICLE.\r\n';
const freeText = (length: number): string =>
  PHRASE.repeat(Math.ceil(length / PHRASE.length)).slice(0, length);

/** What results say of the mix, counted from it rather than claimed. */
export const mixSummary = () => {
  const mix = mixOf('CA0990101');
  const refused = mix.filter(({ deliveries }) => deliveries.length === 0).length;
  const deliveries = mix.reduce((sum, template) => sum + template.deliveries.length, 0);
  return {
    version: mixVersion,
    frameBytesAverage: mix.reduce((sum, { frame }) => sum + frame.length, 0) / mixLength,
    keys: [...new Set(kinds.map(({ key }) => key))],
    destinationsAverage: kinds.reduce((sum, kind) => sum + kind.to.split('.').length, 0) / mixLength,
    deliveriesAverage: deliveries / (mixLength - refused),
    refusedShare: refused / mixLength,
    broadcastShare: kinds.filter((kind) => kind.deliveries.includes('')).length / mixLength,
  };
};
