import { z } from 'zod';
import { StandInError } from './stand-in-error.ts';
import type { BusLog } from './bus-log.ts';
import type { Entities } from './entities.ts';
import { queueOperations } from './management-queue.ts';
import { ruleOperations } from './management-rules.ts';
import { sessionOperations } from './management-sessions.ts';
import { topicOperations } from './management-topic.ts';
import { type Answer, type Answering, refusedBy, type Request } from './request-link.ts';
import { entityDisabled } from './settlement.ts';

const notPlayed: Answer = {
  status: 501,
  description: 'The operation is not played by the stand-in.',
  condition: 'amqp:not-implemented',
};

/**
 * `$management` of one entity: what the SDK asks outside of links. An answer leaves when what it says is in the log.
 * The entity is looked up for each request: it may be deleted and made again while the link lives.
 */
export const management =
  (entities: Entities, address: string, log: BusLog): Answering =>
  (request, answer) => {
    const answerWritten = (answered: Answer): void => {
      log.whenWritten(() => {
        answer(answered);
      });
    };
    try {
      operate(entities, address, request, answerWritten);
    } catch (error) {
      if (error instanceof z.ZodError) {
        answer({ status: 400, description: z.prettifyError(error), condition: 'amqp:invalid-field' });
      } else if (error instanceof StandInError) {
        answer({ status: 400, description: error.message, condition: 'amqp:decode-error' });
      } else throw error;
    }
  };

function operate(entities: Entities, at: string, request: Request, answer: (answer: Answer) => void): void {
  const address = entities.find(at);
  const { topic, queue, subscription } = address;
  topic?.times.touch(Date.now());
  subscription?.times.touch(Date.now());
  const operation = request.application_properties.operation.replace('com.microsoft:', '');
  if (topic === undefined && queue === undefined) {
    answer({
      status: 404,
      description: 'The messaging entity could not be found.',
      condition: 'amqp:not-found',
    });
  } else if (topic !== undefined && isIn(topicOperations, operation)) {
    if (!topic.isSendable) answer(refusedBy(400, entityDisabled(topic.path)));
    else topicOperations[operation](topic, request.body, answer);
  } else if (queue !== undefined && !queue.isReceivable && !isIn(ruleOperations, operation)) {
    answer(refusedBy(400, entityDisabled(queue.path)));
  } else if (queue !== undefined && isIn(queueOperations, operation)) {
    answer(queueOperations[operation](address, queue, request));
  } else if (queue?.sessions !== undefined && isIn(sessionOperations, operation)) {
    answer(sessionOperations[operation](queue, queue.sessions, request));
  } else if (subscription !== undefined && isIn(ruleOperations, operation)) {
    answer(ruleOperations[operation](entities, subscription, request.body));
  } else answer(notPlayed);
}

function isIn<O extends object>(operations: O, name: string): name is keyof O & string {
  return Object.hasOwn(operations, name);
}
