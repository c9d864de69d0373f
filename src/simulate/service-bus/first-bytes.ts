import type { Duplex } from 'node:stream';

/** What a peer speaks, told by its first bytes. */
export type Speech = 'amqp' | 'tls' | 'http' | 'rubbish';

const amqpHead = Buffer.from('AMQP');
const TLS_HANDSHAKE = 0x16;
/** First letters of GET, PUT, POST, PATCH, DELETE, HEAD and OPTIONS. */
const httpLetters = 'GPDHO';

/**
 * Waits for the first bytes of a stream, puts them back and says what they begin; says nothing when the stream
 * ends before. The caller sets the deadline.
 */
export function whenItSpeaks(stream: Duplex, then: (speech: Speech) => void): void {
  let head = Buffer.alloc(0);
  const look = (): void => {
    const chunk = stream.read() as Buffer | null;
    if (chunk === null) return;
    head = Buffer.concat([head, chunk]);
    const speech = speechOf(head);
    if (speech === undefined) return;
    stream.off('readable', look);
    stream.unshift(head);
    then(speech);
  };
  stream.on('readable', look);
}

/** Undefined: more bytes are needed. */
function speechOf(head: Buffer): Speech | undefined {
  const [first = 0] = head;
  if (first === TLS_HANDSHAKE) return 'tls';
  const length = Math.min(head.length, amqpHead.length);
  if (head.subarray(0, length).equals(amqpHead.subarray(0, length)))
    return length === amqpHead.length ? 'amqp' : undefined;
  return httpLetters.includes(String.fromCharCode(first)) ? 'http' : 'rubbish';
}
