import { readControl, type Identity } from './identity.ts';

const ACK = 0x06;
const STX = 0x02;
const ETX = 0x03;
const FRAME_BYTES_MAX = 64 * 1024;
const LINE_END = '\r\n';
const POSSIBLE_DUPLICATE = 'POSSIBLE DUPLICATE';
/** Status numbers by which the switch says later that a delivery came to nothing: expired, given up. */
const NOTICE = /^\.7[3458]\. /m;
const QUOTE = 'ORIGINAL MESSAGE';

export type Heard = 'ack' | { readonly text: string };

/** Cuts what a gateway sends on a line into ACK bytes and frames, over any number of reads. */
export class Ear {
  #open: Buffer[] | undefined;
  #openBytes = 0;

  hear(chunk: Buffer): readonly Heard[] {
    const heard: Heard[] = [];
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (this.#open !== undefined) {
        const end = chunk.indexOf(ETX, at);
        const part = chunk.subarray(at, end < 0 ? chunk.length : end);
        this.#openBytes += part.length;
        if (this.#openBytes > FRAME_BYTES_MAX) throw new Error('a frame longer than any should be');
        this.#open.push(part);
        at = end < 0 ? chunk.length : end;
        if (end < 0) continue;
        const [only = part] = this.#open;
        const whole = this.#open.length === 1 ? only : Buffer.concat(this.#open);
        heard.push({ text: whole.toString('latin1') });
        this.#open = undefined;
      } else if (byte === ACK) heard.push('ack');
      else if (byte === STX) {
        this.#open = [];
        this.#openBytes = 0;
      } else throw new Error('a byte that is neither ACK nor inside a frame');
    }
    return heard;
  }
}

export type Head = {
  readonly key: string;
  readonly ori: string;
  /** Five digits of the frame's own count, which a receipt repeats. */
  readonly sentCount: string;
  /** An ORI, a state, or the codes of a broadcast with a period between. */
  readonly destination: string;
  /** Whose message it is; undefined when its control field is none of the mix. */
  readonly identity: Identity | undefined;
  readonly isMarked: boolean;
};

/** Whether an ER is a notice about a message accepted before, not the refusal of one. What the sender wrote is not looked at. */
export const isNotice = (text: string): boolean => NOTICE.test(text.split(QUOTE, 1)[0] ?? '');

/**
 * Reads the header lines of the output form: key and ORI, clock of receipt, clock of sending with count and destination, control field,
 * the mark of a possible duplicate. Only what stands above the text mark is looked at.
 */
export const readHead = (text: string): Head => {
  const [first = '', , sent = '', control = '', mark = ''] = text.split(LINE_END, 5);
  const [key = '', ori = ''] = first.split('.', 2);
  const [, , sentCount = '', destination = ''] = sent.split(' ', 4);
  return {
    key,
    ori,
    sentCount,
    destination,
    identity: control.startsWith('*') ? readControl(control.slice(1)) : undefined,
    isMarked: mark === POSSIBLE_DUPLICATE,
  };
};
