import { EventEmitter } from 'node:events';
import type { ServiceBusClient, ServiceBusSender } from '@azure/service-bus';

/**
 * Calls `onDrop` when the client's connection is lost. The SDK (7.9.5, pinned) lets a send that was out at that moment wait for its
 * whole timeout, 5 s here, before anybody hears of it; its connection tells at once. It is an internal of the SDK: where it is not
 * found nothing is watched, and the timeout remains. Answers how to stop watching.
 */
export const watchDrop = (client: ServiceBusClient, onDrop: () => void): (() => void) => {
  const { _connectionContext: context } = client as unknown as {
    _connectionContext?: { connection?: unknown };
  };
  const connection = context?.connection;
  if (!(connection instanceof EventEmitter)) return () => undefined;
  connection.once('disconnected', onDrop);
  return () => {
    connection.removeListener('disconnected', onDrop);
  };
};

type Link = EventEmitter & { isOpen?(): boolean; readonly error?: { readonly condition?: unknown } };
type Inside = { readonly _sender?: { readonly link?: Link } };

/** A sender's link that was open was detached, or its connection dropped, while nobody looked. */
export const isLinkGone = (sender: ServiceBusSender): boolean => {
  const { _sender: inside } = sender as unknown as Inside;
  return inside !== undefined && inside.link?.isOpen?.() !== true;
};

/** Why the bus detached a link, in the code words of `classifyBusFault`. */
const CODES: Readonly<Record<string, string>> = {
  'amqp:link:message-size-exceeded': 'MessageSizeExceeded',
  'amqp:unauthorized-access': 'UnauthorizedAccess',
  'amqp:not-found': 'MessagingEntityNotFound',
  'com.microsoft:entity-disabled': 'MessagingEntityDisabled',
  'amqp:resource-limit-exceeded': 'QuotaExceeded',
  'com.microsoft:server-busy': 'ServiceBusy',
};

/** The bus detached a link that a send was out on. */
export class Detached extends Error {
  readonly code: string;

  constructor(condition: string) {
    super('the bus detached the link with a batch out');
    this.code = CODES[condition] ?? 'DELIVER_LINK';
  }
}

/** As `watchDrop` for one sender's open link: a detach does not end the send that is out on it either. */
export const watchDetach = (sender: ServiceBusSender, onDetach: (why: Detached) => void): (() => void) => {
  const link = (sender as unknown as Inside)._sender?.link;
  if (!(link instanceof EventEmitter)) return () => undefined;
  const onClose = (): void => {
    onDetach(new Detached(String(link.error?.condition)));
  };
  link.once('sender_close', onClose);
  return () => {
    link.removeListener('sender_close', onClose);
  };
};
