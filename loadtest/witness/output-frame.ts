import type { NoticeKind } from './books.ts';

export const gatewayOriDefault = 'CAGWY0000';

/** The answer to a frame of ours. `control` as it repeats it, or empty. */
export type LineAnswer =
  | { readonly kind: 'ack' | 'nak' }
  | { readonly kind: 'accepted' | 'refused'; readonly control: string };

/** Somebody's message. Counts are the five digits of the clock lines: of the sender's line when it came in, of ours when it went out. */
export type Delivered = {
  readonly kind: 'delivery';
  readonly key: string;
  readonly control: string;
  readonly receivedCount: string;
  readonly sentCount: string;
  readonly isMarked: boolean;
};

/** The gateway's word, at any time later, that a copy of our message will not come, or that nobody knows whether it came. */
export type Notice = {
  readonly kind: 'notice';
  readonly of: NoticeKind;
  readonly control: string;
  readonly destination: string;
  readonly sentCount: string;
  readonly isMarked: boolean;
};

/** `unreadable`: not of the output form. Somebody has to look at it, so it is never passed over. */
export type OutputFrame =
  | Exclude<LineAnswer, { kind: 'ack' | 'nak' }>
  | Delivered
  | Notice
  | { readonly kind: 'unreadable' };

const clock = String.raw`\d\d:\d\d \d\d/\d\d/\d{4} (\d{5})`;

/** Domain sheet 3.2: key and ORI, clock of receipt, clock of sending with the destinations, control field, mark, TXT, body. */
const outputForm = new RegExp(
  [
    String.raw`^([A-Z0-9]{2,5})\.([A-Z0-9]{9})`,
    clock,
    String.raw`${clock}(?: [^\r\n]+)?`,
    String.raw`(?:\*([^\r\n]*)\r\n)?(POSSIBLE DUPLICATE\r\n)?TXT(?:\r\n([\s\S]*))?$`,
  ].join(String.raw`\r\n`),
);

const noticeKindBy: Readonly<Record<string, NoticeKind>> = {
  '73': 'expired',
  '74': 'dead',
  '75': 'unconfirmed',
};

/** Reads a frame's content, without its marks. Only what comes from the gateway's own ORI can be an answer or a notice. */
export function readOutput(text: string, gatewayOri: string): OutputFrame {
  const form = outputForm.exec(text);
  if (form === null) return { kind: 'unreadable' };
  const [, key = '', ori = '', receivedCount = '', sentCount = '', control = '', mark, body = ''] = form;
  const isMarked = mark !== undefined;
  if (ori === gatewayOri && key === 'ACK') return { kind: 'accepted', control };
  if (ori === gatewayOri && key === 'ER') {
    // What the sender wrote is repeated below and may hold anything.
    const [said = ''] = body.split('ORIGINAL MESSAGE', 1);
    const [, number = ''] = /^\.(\d\d)\. /m.exec(said) ?? [];
    const of = noticeKindBy[number];
    if (of === undefined) return { kind: 'refused', control };
    return { kind: 'notice', of, control, destination: destinationIn(said), sentCount, isMarked };
  }
  return { kind: 'delivery', key, control, receivedCount, sentCount, isMarked };
}

/** An ORI (with a digit, so no plain word) or a group, or a state where one is announced; else `-`. */
const destinationIn = (said: string): string => {
  const [, oriOrGroup] = /\b((?=[A-Z]+\d)[A-Z]{2}[A-Z0-9]{7}|[A-Z]{3}\d\d)\b/.exec(said) ?? [];
  const [, state] = /\b(?:TO|FOR|DESTINATION) ([A-Z][A-Z0-9])\b/.exec(said) ?? [];
  return oriOrGroup ?? state ?? '-';
};
