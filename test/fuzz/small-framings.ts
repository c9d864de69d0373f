import type { Framing, HeaderTemplateFraming, TemplateField } from '../../src/dialect/dialect.ts';

/** Framings with limits that inputs pass often, and with what none of protocols/framings has. */
const limits = { frameBytesMax: 64, frameFaultsMax: 3 } as const;

const number = (name: string, offset: number, width: 1 | 2 | 4, standard: number): TemplateField => ({
  name,
  offset,
  width,
  endian: 'big',
  default: standard,
});
const type = number('type', 6, 1, 0);
const session = number('session', 7, 2, 0);
const messageId = number('message', 9, 2, 0);
const segment = number('segment', 11, 1, 1);
const count = number('count', 12, 1, 1);

/** A message of the samples takes a few blocks of it, and some take too many. */
const segmented: HeaderTemplateFraming = {
  kind: 'header-template',
  start: '\xff\xaa',
  stop: '\xaa\xff',
  length: { width: 4, endian: 'big', counts: 'frame' },
  headBytes: 13,
  fields: [type, session, messageId, segment, count],
  blockType: { field: type, types: { data: 0, keepAliveRequest: 1, keepAliveReply: 2, ack: 3, nak: 4 } },
  session,
  segments: {
    number: segment,
    count,
    messageId,
    segmentBytesMax: 48,
    segmentsMax: 6,
    messagesMax: 2,
    bytesMax: 400,
    timeoutMs: 1000,
  },
  frameBytesMax: 288,
  frameFaultsMax: 3,
};
const bare: HeaderTemplateFraming = {
  ...{ kind: 'header-template', start: '', stop: '', length: { width: 2, endian: 'little', counts: 'rest' } },
  ...{ headBytes: 2, fields: [], blockType: undefined, session: undefined, segments: undefined, ...limits },
};

export const smallFramings: readonly (readonly [string, Framing])[] = [
  ['small-stx-etx', { kind: 'stx-etx', ...limits }],
  [
    'small-checked',
    { kind: 'stx-etx', lrc: 'xor', soh: { isRequired: true, text: 'A1', bytesMax: 8 }, ...limits },
  ],
  ['small-with-header', { kind: 'stx-etx', soh: { isRequired: false, text: '', bytesMax: 4 }, ...limits }],
  ['small-summed', { kind: 'stx-etx', lrc: 'xor', ...limits }],
  ['small-digits', { kind: 'length-prefix', encoding: 'ascii', width: 4, countsSelf: true, ...limits }],
  [
    'small-binary',
    { kind: 'length-prefix', encoding: 'binary', width: 2, endian: 'big', countsSelf: true, ...limits },
  ],
  ['small-delimiter', { kind: 'delimiter', delimiter: 'TXT', ...limits }],
  ['small-delimiter-again', { kind: 'delimiter', delimiter: '.*.', ...limits }],
  ['small-segmented', segmented],
  ['small-bare', bare],
];
