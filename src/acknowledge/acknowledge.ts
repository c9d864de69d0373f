import { controlFrame, type Framing, framedText } from '../dialect/dialect.ts';

export { acceptedText, refusalText } from './refusal-text.ts';

/**
 * What a sender is told on its line about one frame (design 5.3, 5.13). Pure: bytes in, bytes out; the wiring writes them, in frame
 * order, and only once the outcome is durable. An unknown outcome has no answer, so it has no form here.
 */
export type Confirm = 'link' | 'application' | 'none';

export type Answered =
  | { readonly kind: 'accepted'; readonly text: () => Buffer }
  | { readonly kind: 'refused'; readonly text: () => Buffer }
  /** A log-on or log-off that is accepted: who sent it reads so on every line, for what comes next depends on it. */
  | { readonly kind: 'session'; readonly text: () => Buffer }
  /** A network's own report (ER, SM) that is refused. */
  | { readonly kind: 'refused-report'; readonly text: () => Buffer }
  | { readonly kind: 'framing-fault'; readonly text: () => Buffer };

/**
 * link: ACK for everything that was read and stored, so a refusal is ACK and then the refusal message (a NAKed refusal would be sent
 * again for ever); NAK only for what could not be framed. application: the accepted or refused message. none: refusals only.
 */
export function acknowledge(confirm: Confirm, framing: Framing, answered: Answered): readonly Buffer[] {
  const control = (byte: 'ACK' | 'NAK'): Buffer => controlFrame(framing, byte);
  const text = (): Buffer => framedText(framing, answered.text());
  switch (answered.kind) {
    case 'accepted':
      if (confirm === 'link') return [control('ACK')];
      return confirm === 'application' ? [text()] : [];
    case 'refused':
    case 'session':
      return confirm === 'link' ? [control('ACK'), text()] : [text()];
    case 'refused-report':
      if (confirm === 'link') return [control('ACK')];
      return confirm === 'application' ? [text()] : [];
    case 'framing-fault':
      return confirm === 'link' ? [control('NAK')] : [text()];
  }
}
