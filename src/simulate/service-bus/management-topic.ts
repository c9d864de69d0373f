import rhea from 'rhea';
import { z } from 'zod';
import { type Answer, OK, refusedBy } from './request-link.ts';
import { plainOf, type Refusal } from './settlement.ts';
import type { Topic } from './topic.ts';
import { wireNumbers } from './wire-number.ts';

const longs = 0x81;

const messageSchema = z
  .unknown()
  .transform(plainOf)
  .pipe(z.object({ message: z.instanceof(Buffer) }));
const scheduleSchema = z.object({ messages: z.array(messageSchema).min(1).max(10_000) });
const cancelSchema = z.object({ 'sequence-numbers': wireNumbers });

/** What may be asked of anything messages are sent to. */
export const topicOperations = {
  'schedule-message': schedule,
  'cancel-scheduled-message': cancel,
} as const;

const notFound: Refusal = {
  condition: 'com.microsoft:message-not-found',
  description: 'A message with one of these sequence numbers is not scheduled.',
};

/** The time stands in each message's annotations; one that has passed enqueues the message at once. */
function schedule(topic: Topic, body: unknown, answer: (answer: Answer) => void): void {
  const { messages } = scheduleSchema.parse(body);
  topic.publish(
    messages.map(({ message }) => message),
    (publication) => {
      if (!publication.ok) {
        answer(refusedBy(403, publication.refusal));
        return;
      }
      const sequences: unknown = rhea.types.wrap_array([...publication.sequences], longs, undefined);
      answer({ ...OK, body: { 'sequence-numbers': sequences } });
    },
  );
}

function cancel(topic: Topic, body: unknown, answer: (answer: Answer) => void): void {
  const { 'sequence-numbers': sequences } = cancelSchema.parse(body);
  answer(topic.cancel(sequences) ? OK : refusedBy(404, notFound));
}
