import { step } from '../../simulate/scenario/scenario.ts';

/** Lines of the example that send. */
export const senderLines = ['ca-dispatch', 'ca-marshal', 'nv-sheriff'] as const;
export type SenderLine = (typeof senderLines)[number];

/**
 * A message for a line: its text, and who must get a copy if it is accepted, written from the example directory by hand. A question to
 * the state's switch is answered at `answersAt`.
 */
export type Outgoing = {
  readonly control: string;
  readonly text: string;
  readonly copies: readonly string[];
  readonly answersAt?: string;
};

/** Stations of the example that receive on their own lines, by the ORI they stand for. */
const PATROL = 'NV0990400';
const SHERIFF = 'OR0990500';
const POLICE = 'AZ0990600';
/** The state's switch, which answers questions. */
export const STATE_SYSTEM = 'UT0999000';
const GROUP_OF_STATIONS = 'GBN03';
const STATES = ['AZ', 'CA', 'NV', 'OR', 'WA'];
export const OFFICER_SAFETY_KEY = 'OSB';

/** Every such number of broadcasts of the scenario is sent, so that the latest one stays on the screen for seconds. */
const BROADCAST_SHARE = 16;
const REFUSED_SHARE = 12;
const PLATE = 'LIC/ZZZ9999.LIY/2026.LIT/PC';
const HIT =
  'RTY/SV.RNO/1.PRI/U.OCA/26000001.NIC/V999999999.LIC/ZZZ9999.VIN/1ZZZZ99Z9ZZ999999.RNA/OFC EXAMPLE.RAG/EXAMPLE PD';

const BROADCAST = /^AML?\.[A-Z0-9]{9}\.(?![A-Z]{2}[A-Z0-9]{7}\.)/;

/**
 * One line's endless traffic: the scenario's messages to topics and, as every third, one to a station. The scenario's broadcasts are
 * thinned out. One line also sends what is refused: an inquiry without the plate's year, on the line whose answers name their message.
 */
export const trafficOf = function* (line: SenderLine): Generator<Outgoing> {
  const own = String(senderLines.indexOf(line));
  let made = 0;
  const control = (kind: string): string => {
    made += 1;
    return `${kind}${own}${made.toString(36).toUpperCase().padStart(7, '0')}`;
  };
  let broadcasts = 0;
  for (let n = 0; ; n += 1) {
    const next = step(n);
    if (next.line !== line) continue;
    const isBroadcast = BROADCAST.test(next.text);
    if (isBroadcast) broadcasts += 1;
    if (!isBroadcast || broadcasts % BROADCAST_SHARE === 1) yield next;
    if (n % 2 === 0) yield toStation(line, control('ST'), n);
    if (line === 'nv-sheriff' && made % REFUSED_SHARE === 0) {
      const id = control('NO');
      yield { control: id, text: `RQ.NV0990300.CA.*${id}.TXT\r\nLIC/ZZZ9999.LIT/PC`, copies: [] };
    }
  }
};

const oriOf: Readonly<Record<SenderLine, string>> = {
  'ca-dispatch': 'CA0990100',
  'ca-marshal': 'CA0990200',
  'nv-sheriff': 'NV0990300',
};

const toStation = (line: SenderLine, control: string, n: number): Outgoing => {
  const ori = oriOf[line];
  const copies = [[PATROL], [SHERIFF], [POLICE], [PATROL, SHERIFF]][(n / 2) % 5];
  if (copies === undefined) {
    const text = `RQ.${ori}.UT.*${control}.TXT\r\n${PLATE}`;
    return { control, text, copies: [STATE_SYSTEM], answersAt: ori };
  }
  const [key, body] = n % 3 === 0 ? ['YQ', HIT] : ['AM', 'ATTN: DISPATCH\r\nREFER TO CASE 26-000001.'];
  return { control, copies, text: `${key}.${ori}.${copies.join('.')}.*${control}.TXT\r\n${body}` };
};

/** Administrative messages, two copies to stations and one to a desk on the bus each. */
export const floodOf = (flood: number, messages: number): readonly Outgoing[] =>
  Array.from({ length: messages }, (_, n) => {
    const control = `F${flood.toString(36).toUpperCase()}${n.toString(36).toUpperCase().padStart(6, '0')}`;
    const copies = [PATROL, SHERIFF, 'NV0990300'];
    const text = `AM.CA0990100.${copies.join('.')}.*${control}.TXT\r\n${'SAMPLE TEXT '.repeat(20)}`;
    return { control, copies, text };
  });

/** To all points and the group of stations. */
export const officerSafety = (number: number): Outgoing => {
  const control = `OS${number.toString(36).toUpperCase().padStart(8, '0')}`;
  const text = `${OFFICER_SAFETY_KEY}.CA0990100.Z1.${GROUP_OF_STATIONS}.*${control}.TXT\r\n*** OFFICER SAFETY ***\r\n${PLATE}`;
  return { control, text, copies: [...STATES, PATROL, SHERIFF, POLICE, STATE_SYSTEM] };
};

/**
 * The message key of it, which the demo adds to its own copy of the dialect: one file, no code. The public keys that broadcast are all
 * administrative (class 4), and nothing would be seen to overtake.
 */
export const officerSafetyKey = {
  key: OFFICER_SAFETY_KEY,
  title: 'Officer safety broadcast',
  source: 'Invented for the demo; class by domain practice: officer safety goes first',
  confidence: 'convention',
  kind: 'administrative',
  priorityClass: 1,
  body: 'text',
  destinations: { kinds: ['state', 'region', 'group', 'all-points'], max: 5 },
};
