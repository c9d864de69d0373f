import { acceptedText, type Answered, refusalText } from '../acknowledge/acknowledge.ts';
import { type Dialect, keyOf } from '../dialect/dialect.ts';
import { isUpstream } from '../directory/directory.ts';
import type { FrameItem } from './inbound-item.ts';

/** What a durable frame's sender is to be told; the text is made only where the line's confirmation calls for one. */
export const answerOf = (item: FrameItem, gatewayOri: string): Answered => {
  const { from, message, refusals, bytes, messageId } = item;
  const at = new Date(item.receivedAtMs);
  const count = () => ({ received: from.counts.received, sent: from.counts.countSent() });
  const dialect = answering(item);
  if (refusals.length === 0 && message !== undefined) {
    const id = item.duplicateOf === '' ? messageId : item.duplicateOf;
    const text = () => acceptedText({ message, messageId: id }, gatewayOri, dialect, at, count());
    return { kind: item.session === undefined ? 'accepted' : 'session', text };
  }
  const text = () => refusalText({ bytes, message, refusals }, gatewayOri, dialect, at, count());
  if (item.isFramingFault) return { kind: 'framing-fault', text };
  return { kind: isReport(item) ? 'refused-report' : 'refused', text };
};

/** Of a log-on or log-off, or of what may have been one, the answers in the forms that repeat nothing of it. */
const answering = ({ from: { dialect }, session, isHidden = false }: FrameItem): Dialect => {
  const forms = dialect.session;
  if (forms === undefined || (session === undefined && !isHidden)) return dialect;
  const accepted = session?.kind === 'off' ? forms.ended : forms.accepted;
  return { ...dialect, answers: { ...dialect.answers, accepted, refused: forms.refused } };
};

/**
 * What a network is not told of in a message: its reports; what cannot be read, for an answer without an ORI to go to cannot be read
 * either and would come back as a refusal; and NCIC's responses, for it sends them and reads none.
 */
const isReport = ({ from: { line, dialect }, message }: FrameItem): boolean =>
  isUpstream(line) &&
  (message === undefined ||
    keyOf(dialect, message.messageKey)?.kind === 'status' ||
    (message.isRelayed && dialect.ncic !== undefined));
