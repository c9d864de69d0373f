/**
 * Foreign errors of the bus, translated once (design 5.7). The class decides what the lane does: `message` - this message is dead at
 * once; `entity` and `link` - the lane holds with back-off; `unknown` - counted tries, then the next message is probed.
 */
export type BusFaultClass = 'message' | 'entity' | 'link' | 'unknown';
export type BusFault = {
  readonly class: BusFaultClass;
  readonly code: 'DELIVER_MESSAGE' | 'DELIVER_ENTITY' | 'DELIVER_LINK' | 'DELIVER_UNKNOWN';
  /** The SDK's own code word; a bounded set, fit for a label. */
  readonly busCode: string;
};

const MESSAGE = new Set([
  'MessageSizeExceeded',
  'MessageTooLargeError',
  'DecodeError',
  'EncodeError',
  'PreconditionFailedError',
]);
const ENTITY = new Set([
  'MessagingEntityNotFound',
  'MessagingEntityNotFoundError',
  'MessagingEntityDisabled',
  'MessagingEntityDisabledError',
  'UnauthorizedAccess',
  'UnauthorizedError',
  'QuotaExceeded',
  'QuotaExceededError',
  'MessagingEntityAlreadyExists',
]);
const LINK = new Set([
  'ServiceCommunicationProblem',
  'ServiceCommunicationError',
  'ServiceTimeout',
  'ServiceUnavailableError',
  'ServiceBusy',
  'ServerBusyError',
  'OperationTimeoutError',
  'SenderBusyError',
  'SenderNotReadyError',
  'InsufficientCreditError',
  'ConnectionForcedError',
  'DetachForcedError',
  'LinkRedirectError',
  'TransferLimitExceededError',
  'AbortError',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

const CODES = {
  message: 'DELIVER_MESSAGE',
  entity: 'DELIVER_ENTITY',
  link: 'DELIVER_LINK',
  unknown: 'DELIVER_UNKNOWN',
} as const;

/** Total: an error that cannot be classified is `unknown`, it never throws. Reads codes only, never the error's text. */
export const classifyBusFault = (error: unknown): BusFault => {
  // With retries the SDK wraps: the last attempt's error speaks.
  if (error instanceof AggregateError) return classifyBusFault(error.errors.at(-1));
  for (const word of codeWords(error)) {
    const found = MESSAGE.has(word)
      ? 'message'
      : ENTITY.has(word)
        ? 'entity'
        : LINK.has(word)
          ? 'link'
          : undefined;
    if (found !== undefined) return { class: found, code: CODES[found], busCode: word };
  }
  // Our own encoder or the SDK's argument checks: the message, not the bus.
  if (error instanceof TypeError || error instanceof RangeError) {
    return { class: 'message', code: CODES.message, busCode: error.name };
  }
  return { class: 'unknown', code: CODES.unknown, busCode: 'Unclassified' };
};

/** `code`, then `errno` words and the name, also of the inner error: the SDK translates some errors twice and loses the outer code. */
const codeWords = (error: unknown): readonly string[] => {
  if (typeof error !== 'object' || error === null) return [];
  const e = error as {
    code?: unknown;
    errno?: unknown;
    name?: unknown;
    innerError?: unknown;
    syscall?: unknown;
  };
  const words = [e.code, e.errno, e.name].filter((word): word is string => typeof word === 'string');
  if (e.syscall !== undefined) words.push('ECONNREFUSED');
  return e.innerError === undefined ? words : [...words, ...codeWords(e.innerError)];
};
