const ack = 0x06;
const nak = 0x15;
const stx = 0x02;
const etx = 0x03;
/** Far above any refusal text; a peer that answers longer is broken. */
const frameBytesMax = 64 * 1024;

export type Answer =
  | { readonly kind: 'ack' | 'nak' }
  /** `control` as the answer repeats it, or empty. */
  | { readonly kind: 'frame'; readonly text: string; readonly control: string };

/** Reads what a gateway says on a line. Written from the protocol, not from the gateway's code: it is what judges it. */
export class AnswerReader {
  #frame: Buffer[] | undefined;
  #frameBytes = 0;

  read(chunk: Buffer): readonly Answer[] {
    const answers: Answer[] = [];
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (this.#frame !== undefined) {
        const end = chunk.indexOf(etx, at);
        const stop = end < 0 ? chunk.length : end;
        this.#keep(chunk.subarray(at, stop));
        if (end >= 0) answers.push(this.#finish());
        at = stop;
      } else if (byte === ack) answers.push({ kind: 'ack' });
      else if (byte === nak) answers.push({ kind: 'nak' });
      else if (byte === stx) this.#frame = [];
      else throw new Error(`byte ${String(byte)} between answers`);
    }
    return answers;
  }

  #keep(part: Buffer): void {
    this.#frameBytes += part.length;
    if (this.#frameBytes > frameBytesMax) throw new Error('an answer longer than any should be');
    this.#frame?.push(Buffer.from(part));
  }

  #finish(): Answer {
    const text = Buffer.concat(this.#frame ?? []).toString('latin1');
    this.#frame = undefined;
    this.#frameBytes = 0;
    const [, control = ''] = /^\*([^\r\n]*)\r?$/m.exec(text) ?? [];
    return { kind: 'frame', text, control };
  }
}
