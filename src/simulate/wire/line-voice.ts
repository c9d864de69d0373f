import type { Dialect } from '../../dialect/dialect.ts';
import { Fault } from '../../message/codes.ts';
import { HeaderReader, type ReadHeader } from './header-reader.ts';
import type { Heard } from './heard.ts';
import { hearNcic, ncicText } from './ncic-voice.ts';
import type { WireEvent } from './wire-codec.ts';

export type { Delivered, Heard } from './heard.ts';

/** Statuses of notices: what became of an earlier message. Any other says no to the frame just sent. */
const noticeStatus = /^\.7[3458]\. /;

type Party = { readonly dialect: Dialect; readonly gatewayOri: string; readonly ori: string };

/** Reads and writes what a dialect's messages look like from a station's side of the line. */
export class LineVoice {
  readonly #party: Party;
  readonly #refused: HeaderReader;
  readonly #accepted: HeaderReader;
  readonly #output: HeaderReader;
  /** The line between the statuses of a refusal and what it quotes of the message. */
  readonly #quoteMark: string;

  constructor(party: Party) {
    this.#party = party;
    const { answers, output, header } = party.dialect;
    const fixed = { gatewayOri: party.gatewayOri };
    this.#refused = new HeaderReader(answers.refused, header.textMark, fixed);
    this.#accepted = new HeaderReader(answers.accepted, header.textMark, fixed);
    this.#output = new HeaderReader(output.form, header.textMark, {
      possibleDuplicate: output.possibleDuplicate,
    });
    const behind = answers.refused.slice(answers.refused.indexOf('{status}') + 1);
    this.#quoteMark = behind.find((line) => line !== '' && !line.includes('{')) ?? '';
  }

  hear(event: WireEvent): Heard {
    if (event.kind === 'control') {
      if (event.byte === 'ENQ') return { kind: 'other' };
      return { kind: event.byte === 'ACK' ? 'ack' : 'nak' };
    }
    if (event.kind === 'garbled') return { kind: 'other' };
    const text = event.content.toString('latin1');
    const { dialect, gatewayOri } = this.#party;
    const { ncic, output } = dialect;
    if (ncic !== undefined) {
      const { possibleDuplicate } = output;
      return hearNcic(text, { ncic, possibleDuplicate, gatewayOri }) ?? { kind: 'other' };
    }
    const refused = this.#refused.read(text);
    if (refused !== undefined) return this.#refusalOrNotice(text, refused);
    const accepted = this.#accepted.read(text);
    if (accepted !== undefined) {
      return { kind: 'acceptance', messageId: /\S+$/.exec(accepted.body.trimEnd())?.[0] ?? '' };
    }
    return this.#delivery(text);
  }

  /** The receipt of an application line for a message sent with this count. */
  receipt(sentCount: string, isAccepted: boolean): string {
    const { dialect, gatewayOri } = this.#party;
    const { accepted, refused } = dialect.output.receipts;
    return this.message(isAccepted ? accepted : refused, [gatewayOri], '', sentCount);
  }

  /** A message as this end would write it. Throws for a header form it does not know. */
  message(key: string, to: readonly string[], control: string, body: string): string {
    const { dialect, ori } = this.#party;
    const { form, control: controlForm, textMark } = dialect.header;
    if (dialect.ncic !== undefined) return ncicText(dialect.ncic, { key, ori, control, body });
    // A closed list today; a dialect with another form must not be answered in the wrong one.
    if ((form as string) !== 'dotted')
      throw new Fault('DIALECT_INVALID', 'a header form a simulator does not write');
    const parts = [key, ori, ...to, ...(control === '' ? [] : [`${controlForm.mark}${control}`]), textMark];
    return parts.join('.') + body;
  }

  #refusalOrNotice(text: string, { values, body }: ReadHeader): Heard {
    const lines = body.split(/\r?\n/);
    const quoteAt = this.#quoteMark === '' ? -1 : lines.indexOf(this.#quoteMark);
    const statuses = lines.slice(0, quoteAt < 0 ? undefined : quoteAt).filter((line) => line !== '');
    if (!statuses.some((line) => noticeStatus.test(line))) return { kind: 'refusal', text, statuses };
    const { output } = this.#party.dialect;
    return {
      kind: 'delivery',
      message: {
        isNotice: true,
        // As its first line says: the key of a notice is that of a refusal.
        messageKey: /^[A-Z0-9]+/.exec(text)?.[0] ?? '',
        originatingOri: this.#party.gatewayOri,
        destination: values['originatingOri'] ?? '',
        control: values['control'] ?? '',
        isMarked: text.split(/\r?\n/).includes(output.possibleDuplicate),
        sentCount: values['sentCount'] ?? '',
        body,
        text,
      },
    };
  }

  #delivery(text: string): Heard {
    const read = this.#output.read(text);
    if (read === undefined) return { kind: 'other' };
    const { values, body } = read;
    return {
      kind: 'delivery',
      message: {
        isNotice: false,
        messageKey: values['messageKey'] ?? '',
        originatingOri: values['originatingOri'] ?? '',
        destination: values['destination'] ?? '',
        control: values['control'] ?? '',
        isMarked: (values['possibleDuplicate'] ?? '') !== '',
        sentCount: values['sentCount'] ?? '',
        body,
        text,
      },
    };
  }
}
