import { z } from 'zod';
import { Fault } from '../../message/codes.ts';
import type { BusLog } from './bus-log.ts';
import type { Address } from './entities.ts';
import { queueOperations } from './management-queue.ts';
import { ruleOperations } from './management-rules.ts';
import { sessionOperations } from './management-sessions.ts';
import { topicOperations } from './management-topic.ts';
import type { Answer, Answering, Request } from './request-link.ts';

const notPlayed: Answer = {
  status: 501,
  description: 'The operation is not played by the stand-in.',
  condition: 'amqp:not-implemented',
};

/** `$management` of one entity: what the SDK asks outside of links. An answer leaves when what it says is in the log. */
export const management =
  (address: Address, log: BusLog): Answering =>
  (request, answer) => {
    const answerWritten = (answered: Answer): void => {
      log.whenWritten(() => {
        answer(answered);
      });
    };
    try {
      operate(address, request, answerWritten);
    } catch (error) {
      if (error instanceof z.ZodError) {
        answer({ status: 400, description: z.prettifyError(error), condition: 'amqp:invalid-field' });
      } else if (error instanceof Fault) {
        answer({ status: 400, description: error.message, condition: 'amqp:decode-error' });
      } else throw error;
    }
  };

function operate(address: Address, request: Request, answer: (answer: Answer) => void): void {
  const { topic, queue, subscription } = address;
  const operation = request.application_properties.operation.replace('com.microsoft:', '');
  if (topic !== undefined && isIn(topicOperations, operation)) {
    topicOperations[operation](topic, request.body, answer);
  } else if (queue !== undefined && isIn(queueOperations, operation)) {
    answer(queueOperations[operation](address, queue, request));
  } else if (queue?.sessions !== undefined && isIn(sessionOperations, operation)) {
    answer(sessionOperations[operation](queue, queue.sessions, request));
  } else if (subscription !== undefined && isIn(ruleOperations, operation)) {
    answer(ruleOperations[operation](subscription, request.body));
  } else answer(notPlayed);
}

function isIn<O extends object>(operations: O, name: string): name is keyof O & string {
  return Object.hasOwn(operations, name);
}
