import { framed } from '../dialect/dialect.ts';

export { acceptedText, refusalText } from './refusal-text.ts';

/**
 * What a sender is told on its line about one frame (design 5.3, 5.13). Pure: bytes in, bytes out; the wiring writes them, in frame
 * order, and only once the outcome is durable. An unknown outcome has no answer, so it has no form here.
 */
export type Confirm = 'link' | 'application' | 'none';

export type Answered =
  | { readonly kind: 'accepted'; readonly text: () => Buffer }
  | { readonly kind: 'refused'; readonly text: () => Buffer }
  | { readonly kind: 'framing-fault'; readonly text: () => Buffer };

const ACK = Buffer.from([0x06]);
const NAK = Buffer.from([0x15]);

/**
 * link: ACK for everything that was read and stored, so a refusal is ACK and then the refusal message (a NAKed refusal would be sent
 * again for ever); NAK only for what could not be framed. application: the accepted or refused message. none: refusals only.
 */
export function acknowledge(confirm: Confirm, answered: Answered): readonly Buffer[] {
  switch (answered.kind) {
    case 'accepted':
      if (confirm === 'link') return [ACK];
      return confirm === 'application' ? [inFrame(answered)] : [];
    case 'refused':
      return confirm === 'link' ? [ACK, inFrame(answered)] : [inFrame(answered)];
    case 'framing-fault':
      return confirm === 'link' ? [NAK] : [inFrame(answered)];
  }
}

const inFrame = ({ text }: Answered): Buffer => framed('stx-etx', text());
