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
  /** How long a bus that throttles asks to be left in peace, when it says so: 1 to 60 s. */
  readonly askedMs?: number;
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
  // @azure/identity: no token to be had, so nothing was sent.
  'AuthenticationError',
  'AuthenticationRequiredError',
  'AggregateAuthenticationError',
  'CredentialUnavailableError',
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
  'DELIVER_LINK',
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

/** The bus asks for time. Trying again earlier counts against us. */
const THROTTLED = new Set(['ServiceBusy', 'ServerBusyError']);
/** The access we have is not taken: another one may be. */
const UNAUTHORISED = new Set(['UnauthorizedAccess', 'UnauthorizedError']);

export const isThrottled = ({ busCode }: BusFault): boolean => THROTTLED.has(busCode);
export const isUnauthorised = ({ busCode }: BusFault): boolean => UNAUTHORISED.has(busCode);

/** As in `Please wait 2 seconds and try again.` */
const WAIT = /\bwait (\d{1,9}) seconds?\b/i;
const ASKED_S_MAX = 60;

/**
 * Total: an error that cannot be classified is `unknown`, it never throws. Reads codes only, and of the text of a bus that throttles one
 * number: the seconds it asks for.
 */
export const classifyBusFault = (error: unknown): BusFault => {
  let words: readonly string[] = [];
  let askedMs: number | undefined;
  try {
    words = codeWords(error, WRAPPED_MAX);
    if (words.some((word) => THROTTLED.has(word))) askedMs = askedMsOf(error);
  } catch {
    // An error whose fields throw when read tells nothing.
  }
  for (const word of words) {
    const found = MESSAGE.has(word)
      ? 'message'
      : ENTITY.has(word)
        ? 'entity'
        : LINK.has(word)
          ? 'link'
          : undefined;
    if (found === undefined) continue;
    const fault = { class: found, code: CODES[found], busCode: word } as const;
    return askedMs === undefined ? fault : { ...fault, askedMs };
  }
  // A TypeError too: what cannot be encoded failed before it came here, so this is the SDK tripping over a link, and the message is good.
  return { class: 'unknown', code: CODES.unknown, busCode: 'Unclassified' };
};

const askedMsOf = (error: unknown): number | undefined => {
  if (error instanceof AggregateError) return askedMsOf(error.errors.at(-1));
  const text = (error as { readonly message?: unknown } | undefined)?.message;
  const seconds = typeof text === 'string' ? WAIT.exec(text)?.[1] : undefined;
  return seconds === undefined ? undefined : Math.min(Math.max(Number(seconds), 1), ASKED_S_MAX) * 1000;
};

/** Errors inside errors that are looked at; the SDK makes two or three. */
const WRAPPED_MAX = 8;

/**
 * `code`, then `errno` words and the name, also of the inner error: the SDK translates some errors twice and loses the outer code.
 * With retries it wraps all attempts' errors: the last one speaks.
 */
const codeWords = (error: unknown, depth: number): readonly string[] => {
  if (typeof error !== 'object' || error === null || depth === 0) return [];
  if (error instanceof AggregateError) return codeWords(error.errors.at(-1), depth - 1);
  const e = error as {
    code?: unknown;
    errno?: unknown;
    name?: unknown;
    innerError?: unknown;
    syscall?: unknown;
  };
  const words = [e.code, e.errno, e.name].filter((word): word is string => typeof word === 'string');
  if (e.syscall !== undefined) words.push('ECONNREFUSED');
  return e.innerError === undefined ? words : [...words, ...codeWords(e.innerError, depth - 1)];
};
