import { renderForm, xmlEscaped, type Dialect } from '../dialect/dialect.ts';
import type { Message } from '../message/message.ts';
import { answerClock, type Counts } from './answer-clock.ts';

/**
 * What an accepted sender reads on a line with `confirm: application`: its own control field and our message id. Send
 * it only once the message is durable: it is a promise.
 */
export function acceptedText(
  input: { readonly message: Message; readonly messageId: string },
  gatewayOri: string,
  dialect: Dialect,
  receivedAt: Date,
  counts: Counts,
): Buffer {
  const { answers } = dialect;
  const { originatingOri, control } = input.message;
  const values = {
    ...answerClock(receivedAt, counts, answers.utcOffsetMinutes),
    gatewayOri,
    originatingOri,
    control,
    messageId: input.messageId,
  };
  return renderForm(answers.accepted, values, dialect.header.form === 'xml' ? xmlEscaped : undefined);
}
