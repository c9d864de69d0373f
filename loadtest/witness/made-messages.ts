export type LineSpec = {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly ori: string;
  readonly mayBroadcast: boolean;
};

export type MadeMessage = { readonly control: string; readonly copies: number; readonly frame: Buffer };

/** Header's destinations, how many deliveries they make, and the body. All invented. */
type Kind = { readonly key: string; readonly to: string; readonly copies: number; readonly body: string };

const vehicle = 'LIC/ZZZ9999.LIY/2026.LIT/PC';
const person = 'NAM/SAMPLE,PAT Q.DOB/19800229.SEX/M';
const toState = (to: string, copies = 1): Kind => ({ key: 'RQ', to, copies, body: vehicle });
const text = (to: string): Kind => ({
  key: 'AM',
  to,
  copies: 1,
  body: `ATTN: DISPATCH\r\nREFER TO CASE 26-000001.\r\n${'SAMPLE TEXT '.repeat(20)}`,
});

/** One of twenty is refused (a plate without its year), so that the witness also sees noes. */
const quiet: readonly Kind[] = [
  ...Array.from({ length: 7 }, () => toState('NV')),
  ...Array.from({ length: 4 }, () => ({ key: 'DQ', to: 'AZ', copies: 1, body: person })),
  ...Array.from({ length: 4 }, () => text('NV0990300')),
  toState('NV.OR', 2),
  toState('AZ.WA', 2),
  toState('OR'),
  { key: 'RQ', to: 'NV', copies: 1, body: 'LIC/ZZZ9999.LIT/PC' },
];
const withBroadcast = [...quiet, text('GBN01')];
const withoutBroadcast = [...quiet, text('NV0990300')];

/** Spread over the cycle: a stride without a common divisor visits every kind once in twenty. */
const stride = 7;

/**
 * Makes the messages of one line, each with a control field nobody else uses: the witness's tag, the line's number and a counter,
 * ten characters at most (the dialect's limit).
 */
export class MessageMaker {
  readonly #line: LineSpec;
  readonly #prefix: string;
  #made = 0;

  constructor(line: LineSpec, tag: string, lineNumber: number) {
    this.#line = line;
    this.#prefix = `${tag}${lineNumber.toString(36)}`.toUpperCase();
  }

  next(): MadeMessage {
    const { ori, mayBroadcast } = this.#line;
    const kinds = mayBroadcast ? withBroadcast : withoutBroadcast;
    const kind = kinds[(this.#made * stride) % kinds.length] ?? toState('NV');
    const control = `${this.#prefix}${this.#made.toString(36).padStart(6, '0')}`.toUpperCase();
    this.#made += 1;
    const content = `${kind.key}.${ori}.${kind.to}.*${control}.TXT\r\n${kind.body}`;
    return { control, copies: kind.copies, frame: Buffer.from(`\x02${content}\x03`, 'latin1') };
  }
}
