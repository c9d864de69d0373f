import type { ServiceBusMessage, ServiceBusMessageBatch } from '@azure/service-bus';
import { type BusMessage, encodeBatch } from './amqp-message.ts';

/** A message encoded once; `room` is what it adds to a batch. */
export type ReadyMessage = { readonly message: BusMessage; readonly encoded: Buffer; readonly room: number };

/** For a link that was never open or names no limit: every tier takes this (Standard tier's is 256 KiB). */
export const UNKNOWN_LINK_BYTES_MAX = 240 * 1024;
/** Left free under a link's own limit: what a bus adds to a batch of its own accord is nowhere written. */
const LINK_SPARE_BYTES = 4096;

/** A link's max-message-size covers the whole batch. AMQP lets it be absent or 0 (no limit), which nobody should try to fill. */
export const linkBytesMax = ({ maxSizeInBytes }: Partial<ServiceBusMessageBatch>): number =>
  maxSizeInBytes === undefined || !(maxSizeInBytes > 0)
    ? UNKNOWN_LINK_BYTES_MAX
    : maxSizeInBytes - LINK_SPARE_BYTES;

/** The public form, used when this version of the SDK does not have the internal shape: slower, same result. */
export const plain = ({ message }: ReadyMessage): ServiceBusMessage => ({
  messageId: message.messageId,
  subject: message.subject,
  contentType: message.contentType,
  applicationProperties: message.properties,
  body: message.body,
});

/** Two internal names of SDK 7.9.5 (pinned) that let it send bytes we encoded; a contract test holds them. */
type BatchShape = { readonly _messageSpanContexts: readonly never[]; _generateMessage(): Buffer };

export const hasBatchShape = (batch: object): boolean => {
  const shape = batch as Partial<Record<keyof BatchShape, unknown>>;
  return Array.isArray(shape._messageSpanContexts) && typeof shape._generateMessage === 'function';
};

export const encodedBatch = (
  first: ReadyMessage,
  messages: readonly ReadyMessage[],
): ServiceBusMessageBatch => {
  const bytes = encodeBatch(
    first.message,
    messages.map(({ encoded }) => encoded),
  );
  const batch: ServiceBusMessageBatch & BatchShape = {
    count: messages.length,
    sizeInBytes: bytes.length,
    maxSizeInBytes: bytes.length,
    tryAddMessage: () => false,
    _messageSpanContexts: [],
    _generateMessage: () => bytes,
  };
  return batch;
};
