/**
 * The fixed traffic of the demo: what is sent on which line, and who must get a copy. The expected copies are written here by hand, from
 * the example directory and the region table, and not asked of the product: they are the other side of the books.
 */
export type Step = {
  readonly line: 'ca-dispatch' | 'ca-marshal' | 'nv-sheriff';
  readonly control: string;
  readonly text: string;
  /** ORIs, states and groups whose receivers must each get one copy. */
  readonly copies: readonly string[];
};

const FIVE_STATES = ['AZ', 'NV', 'OR', 'WA', 'CA'];
/** Members of region H1 that the example directory reaches. */
const REGION_H1 = ['CA', 'NV', 'OR', 'WA'];
const PLATE = 'LIC/ZZZ9999.LIY/2026.LIT/PC';
const HIT =
  'RTY/SV.RNO/1.PRI/U.OCA/26000001.NIC/V999999999.LIC/ZZZ9999.VIN/1ZZZZ99Z9ZZ999999.VYR/2019.VMA/TOYT.RNA/OFC EXAMPLE.RAG/EXAMPLE PD.PHO/5550100.REM/VEH OCCUPIED';
const CONFIRMATION =
  'RTY/SV.RNO/1.CON/Y.OCA/26000001.NIC/V999999999.CNA/DISP EXAMPLE.CAG/SAMPLE SO.PHO/5550199.REM/CONFIRMED STOLEN';

type Kind = Omit<Step, 'control' | 'text'> & {
  readonly wire: (control: string) => string;
  readonly share: number;
};

const header = (key: string, ori: string, to: readonly string[], control: string): string =>
  `${key}.${ori}.${to.join('.')}.*${control}.TXT\r\n`;

const kind = (
  share: number,
  line: Step['line'],
  ori: string,
  key: string,
  to: readonly string[],
  body: string,
  copies: readonly string[] = to,
): Kind => ({ share, line, copies, wire: (control) => header(key, ori, to, control) + body });

/** Kinds of messages with their share of a round of 40. */
const kinds: readonly Kind[] = [
  kind(6, 'ca-dispatch', 'CA0990100', 'RQ', ['NV'], PLATE),
  kind(2, 'ca-dispatch', 'CA0990100', 'RQ', FIVE_STATES, PLATE),
  kind(3, 'ca-marshal', 'CA0990200', 'RQ', ['OR', 'WA'], PLATE),
  kind(4, 'ca-dispatch', 'CA0990100', 'DQ', ['AZ'], 'RSN/T.OLN/D09999999.IMQ/Y'),
  kind(3, 'ca-marshal', 'CA0990200', 'DQ', ['CA'], 'NAM/SAMPLE,PAT Q.DOB/19800229.SEX/M'),
  kind(3, 'nv-sheriff', 'NV0990300', 'DR', ['CA0990100'], 'OLN/D09999999.OLS/AZ\r\nSTATUS: VALID'),
  kind(3, 'nv-sheriff', 'NV0990300', 'RR', ['CA0990200'], 'NOT ON FILE LIC/ZZZ9999'),
  kind(4, 'ca-dispatch', 'CA0990100', 'YQ', ['NV0990300'], HIT),
  kind(3, 'nv-sheriff', 'NV0990300', 'YR', ['CA0990100'], CONFIRMATION),
  kind(3, 'ca-marshal', 'CA0990200', 'AM', ['CA0990100'], 'ATTN: DISPATCH\r\nREFER TO CASE 26-000001.'),
  kind(2, 'ca-dispatch', 'CA0990100', 'AML', ['H1'], 'ATTEMPT TO LOCATE ...', REGION_H1),
  kind(1, 'ca-dispatch', 'CA0990100', 'AML', ['H1', 'NV', 'AZ'], 'ATTEMPT TO LOCATE ...', [
    ...REGION_H1,
    'AZ',
  ]),
  kind(1, 'ca-dispatch', 'CA0990100', 'AM', ['WA'], 'REQUEST STATEWIDE BROADCAST ...'),
  kind(1, 'ca-dispatch', 'CA0990100', 'AM', ['GBN01'], 'GROUP BULLETIN ...'),
  kind(1, 'ca-dispatch', 'CA0990100', 'AM', ['Z1'], '*** OFFICER SAFETY ***', FIVE_STATES),
];

const round: readonly Kind[] = kinds.flatMap((one) => Array.from({ length: one.share }, () => one));

/** Step number `n` of endless traffic; the same `n` is always the same message. Control fields repeat after 36^8 steps. */
export const step = (n: number): Step => {
  // A stride that is prime to the round's length mixes the kinds.
  const { line, copies, wire } = round[(n * 17) % round.length] ?? kinds[0] ?? never();
  const control = `GW${n.toString(36).toUpperCase().padStart(8, '0')}`;
  return { line, control, copies, text: wire(control) };
};

export const ROUND = round.length;

const never = (): never => {
  throw new RangeError('the scenario is empty');
};
