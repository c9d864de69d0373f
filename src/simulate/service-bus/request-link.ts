import rhea, { type Receiver, type Sender } from 'rhea';
import { z } from 'zod';
import type { Scope } from './faults/fault-plan.ts';
import { forget, type RawTransfer } from './rhea-inside.ts';
import type { Refusal } from './settlement.ts';

/** Requests a peer may have under way on `$cbs` or `$management`. */
const creditMax = 100;

const requestSchema = z.object({
  message_id: z.union([z.string(), z.number(), z.instanceof(Buffer)]),
  reply_to: z.string(),
  application_properties: z.object({
    operation: z.string(),
    /** What a token is for. */
    name: z.string().optional(),
    /** The link the request belongs to; it must hold the session the request is about. */
    'associated-link-name': z.string().optional(),
  }),
  body: z.unknown(),
});
export type Request = z.infer<typeof requestSchema>;

/** An answer by HTTP-like status, as Service Bus gives it; `condition` names the error for the SDK. */
export type Answer = {
  readonly status: number;
  readonly description: string;
  readonly condition?: string;
  readonly body?: unknown;
};
export const OK: Answer = { status: 200, description: 'OK' };

export const refusedBy = (status: number, { condition, description }: Refusal): Answer => ({
  status,
  description,
  condition,
});

export type Answering = (request: Request, answer: (answer: Answer) => void) => void;

/** A request-response link pair: requests come in here, answers leave on the link the request names. */
export class RequestLink {
  readonly scope: Scope;
  readonly #receiver: Receiver;
  readonly #answering: Answering;
  #isGone = false;

  /** `path`: of the entity that is asked about. */
  constructor(receiver: Receiver, answering: Answering, path: string) {
    this.scope = { path, direction: 'manage' };
    this.#receiver = receiver;
    this.#answering = answering;
    receiver.set_credit_window(creditMax);
    receiver.add_credit(creditMax);
  }

  onTransfer({ delivery, message }: RawTransfer): void {
    if (this.#isGone) {
      forget(delivery);
      return;
    }
    const request = readRequest(message);
    if (request === undefined) {
      delivery.reject({ condition: 'amqp:decode-error', description: 'The request cannot be read.' });
      return;
    }
    delivery.accept();
    this.#answering(request, (answer) => {
      this.#send(request, answer);
    });
  }

  /** Ends the link that requests come in on; answers still leave on the other. */
  detach(error: Refusal): void {
    this.#isGone = true;
    this.#receiver.close(error);
  }

  #send(request: Request, { status, description, condition, body }: Answer): void {
    const sender = this.#replyLink(request.reply_to);
    // A peer that asks without giving credit for answers gets none: nothing is piled up for it.
    if (sender === undefined || !sender.sendable()) return;
    sender
      .send({
        to: request.reply_to,
        correlation_id: request.message_id,
        application_properties: {
          // `$cbs` reads the hyphenated names, `$management` the others. An int: some clients cast to it.
          statusCode: rhea.types.wrap_int(status),
          statusDescription: description,
          'status-code': rhea.types.wrap_int(status),
          'status-description': description,
          ...(condition === undefined ? {} : { errorCondition: condition }),
        },
        body,
      })
      .update(true);
  }

  #replyLink(replyTo: string): Sender | undefined {
    const isNamed = (link: Sender): boolean =>
      link.name === replyTo ||
      (link.target as { readonly address?: unknown } | undefined)?.address === replyTo;
    return this.#receiver.session.find_sender(isNamed) ?? this.#receiver.connection.find_sender(isNamed);
  }
}

function readRequest(message: Buffer): Request | undefined {
  try {
    return requestSchema.safeParse(rhea.message.decode(message)).data;
  } catch {
    return undefined; // rhea throws on bytes that are no AMQP
  }
}
