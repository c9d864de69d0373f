import { acceptedText, type Answered, refusalText } from '../acknowledge/acknowledge.ts';
import { isUpstream } from '../directory/directory.ts';
import type { FrameItem } from './inbound-item.ts';

/** What a durable frame's sender is to be told; the text is made only where the line's confirmation calls for one. */
export const answerOf = (item: FrameItem, gatewayOri: string): Answered => {
  const { from, message, refusals, bytes, messageId } = item;
  const at = new Date(item.receivedAtMs);
  const count = () => ({ received: from.counts.received, sent: from.counts.countSent() });
  if (refusals.length === 0 && message !== undefined) {
    const id = item.duplicateOf === '' ? messageId : item.duplicateOf;
    const text = () => acceptedText({ message, messageId: id }, gatewayOri, from.dialect, at, count());
    return { kind: 'accepted', text };
  }
  const text = () => refusalText({ bytes, message, refusals }, gatewayOri, from.dialect, at, count());
  if (item.isFramingFault) return { kind: 'framing-fault', text };
  return { kind: isReport(item) ? 'refused-report' : 'refused', text };
};

const isReport = ({ from, message }: FrameItem): boolean =>
  message !== undefined &&
  isUpstream(from.line) &&
  from.dialect.keys.get(message.messageKey)?.kind === 'status';
