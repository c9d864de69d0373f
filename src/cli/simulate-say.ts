import type { Whole } from '../client/part-groups.ts';
import type { Notice } from '../client/subscriber.ts';
import type { Answer } from '../simulate/cad/owed-answers.ts';
import type { Delivered } from '../simulate/wire/line-voice.ts';
import type { SwitchEvent } from '../simulate/switch/state-switch.ts';
import type { WatchEvent } from '../simulate/mdt/mdt-watch.ts';
import type { LineFacts } from '../simulate/wire/line-facts.ts';
import { print } from './usage.ts';

export type SayOptions = { readonly json: boolean; readonly showBody: boolean };

/** What a simulator prints of one event: a word, a sentence, the same as names and values, and the body if it has one. */
type Said = {
  readonly word: string;
  readonly text: string;
  readonly values?: Readonly<Record<string, unknown>>;
  readonly body?: string;
};

/** Prints one plain line an event, or one JSON object. A body is printed only when it was asked for. */
export const say = ({ word, text, values, body }: Said, { json, showBody }: SayOptions): void => {
  const shown = showBody ? body : undefined;
  const t = new Date().toISOString();
  if (json) {
    print(JSON.stringify({ t, event: word, ...values, ...(shown === undefined ? {} : { body: shown }) }));
    return;
  }
  print(`${t.slice(11, 23)}  ${word.padEnd(11)} ${text}`.trimEnd());
  for (const line of shown?.split(/\r\n|\r|\n/) ?? []) print(`    ${line}`);
};

/** Which line a simulator plays, where it dials, and how it speaks there. */
export const lineSaid = ({ name, host, port, ori, framing, confirm }: LineFacts): Said => {
  const address = `${host}:${String(port)}`;
  return {
    word: 'line',
    text: `line ${name} at ${address} as ${ori}, ${framing.kind}, confirm ${confirm}`,
    values: { line: name, address, ori, framing: framing.kind, confirm },
  };
};

export const lineEventSaid = (event: SwitchEvent): Said => {
  switch (event.kind) {
    case 'connected':
      return { word: event.kind, text: '' };
    case 'closed':
      return { word: event.kind, text: 'the connection ended' };
    case 'unreachable':
      return {
        word: event.kind,
        text: 'nobody listens at this address; trying again (does the switch run: tenfour all?)',
      };
    case 'sent':
      return {
        word: 'sent',
        text: `message ${String(event.n)}, ${String(event.bytes)} bytes${event.again ? ', again' : ''}`,
        values: { n: event.n, bytes: event.bytes, again: event.again },
      };
    case 'answered':
      return answerSaid(event.n, event.answer);
    case 'received':
      return messageSaid(event.message);
    case 'fault':
      return { word: 'fault', text: event.fault, values: { fault: event.fault } };
    case 'answering': {
      const { messageKey, to, found } = event;
      return {
        word: 'answering',
        text: `${messageKey} to ${to}${found ? '' : ', not on file'}`,
        values: { messageKey, to, found },
      };
    }
    case 'too-many':
      return { word: 'too-many', text: 'more questions than a simulator holds; this one gets no answer' };
  }
};

const answerSaid = (n: number, answer: Answer): Said => {
  const message = `message ${String(n)}`;
  switch (answer.kind) {
    case 'accepted': {
      const as = answer.messageId === '' ? '' : ` as ${answer.messageId}`;
      return { word: 'accepted', text: `${message}${as}`, values: { n, messageId: answer.messageId } };
    }
    case 'refused':
      return {
        word: 'refused',
        text: `${message}: ${answer.statuses.join('; ')}`,
        values: { n, statuses: answer.statuses },
        body: answer.text,
      };
    case 'nak':
      return { word: 'nak', text: `${message}: its frame could not be read`, values: { n } };
    case 'silent':
      return {
        word: 'silent',
        text: `${message}: no answer, so what became of it is not known`,
        values: { n },
      };
    case 'unconfirmed':
      return { word: 'unconfirmed', text: `${message}: not refused; this line says no more`, values: { n } };
  }
};

const messageSaid = (message: Delivered): Said => {
  const { isNotice, messageKey, originatingOri, destination, control, isMarked, body, text } = message;
  const marked = isMarked ? ', POSSIBLE DUPLICATE' : '';
  if (isNotice) {
    const [status = ''] = body.split(/\r?\n/, 1);
    return { word: 'notice', text: `${status}${marked}`, values: { status, isMarked }, body: text };
  }
  const reference = control === '' ? '' : `, control ${control}`;
  return {
    word: 'received',
    text: `${messageKey} from ${originatingOri} to ${destination}${reference}, ${String(body.length)} bytes${marked}`,
    values: { messageKey, originatingOri, destination, control, isMarked, bytes: body.length },
    body,
  };
};

export const watchEventSaid = (event: WatchEvent): Said => {
  switch (event.kind) {
    case 'received': {
      const { messageId, deliveryId, possibleDuplicate, deliveryCount, properties, body, laneSeq } =
        event.message;
      const ageMs = ageOf(event.message.enqueuedAt);
      const { messageKey, originOri } = properties;
      const at = `${event.from.topic}/${event.from.subscription}`;
      const marked = possibleDuplicate ? ', POSSIBLE DUPLICATE' : '';
      return {
        word: 'received',
        text: `${String(messageKey)} from ${String(originOri)} at ${at}, id ${deliveryId}, ${String(body.length)} bytes, ${String(ageMs)} ms old${marked}`,
        values: {
          at,
          messageId,
          deliveryId,
          messageKey,
          originOri,
          class: properties['class'],
          laneSeq,
          possibleDuplicate,
          deliveryCount,
          ageMs,
          bytes: body.length,
        },
        body: body.toString('latin1'),
      };
    }
    case 'notice': {
      const { kind, ...rest } = event.notice;
      return { word: kind, text: noticeText(event.notice), values: rest };
    }
    case 'fault':
      return { word: 'fault', text: event.fault, values: { fault: event.fault } };
  }
};

/** A message that came in parts, put together as far as it came. */
export const wholeSaid = ({ parts, of, missing, isMixed, text }: Whole): Said => {
  const [first] = parts;
  const { messageKey, originOri } = first?.properties ?? {};
  const lacking = missing.length === 0 ? '' : `, INCOMPLETE, without ${missing.join(', ')}`;
  const mixed = isMixed ? ', PARTS OF TWO MESSAGES MAY BE MIXED' : '';
  return {
    word: 'whole',
    text: `${String(messageKey)} from ${String(originOri)}, ${String(parts.length)} of ${String(of)} parts${lacking}${mixed}`,
    values: {
      messageKey,
      originOri,
      of,
      missing,
      isMixed,
      deliveryIds: parts.map(({ deliveryId }) => deliveryId),
    },
    body: text.toString('latin1'),
  };
};

const renewedBecause = {
  failed: 'the bus is out of reach, or has no such subscription; trying again',
  silent: 'no answer from the bus; asking anew',
  idle: 'nothing came for a long time; asking anew',
};

const noticeText = (notice: Notice): string => {
  switch (notice.kind) {
    case 'receiver-renewed':
      return renewedBecause[notice.reason];
    case 'dead-lettered':
      return `${notice.messageId}: ${notice.reason}`;
    case 'session-accepted':
    case 'session-lost':
    case 'session-released':
      return '';
    default:
      return notice.messageId;
  }
};

/** Since the bus took it; never below 0, for its clock may be ahead of ours. */
const ageOf = (enqueuedAt: Date | undefined): number =>
  enqueuedAt === undefined ? 0 : Math.max(0, Date.now() - enqueuedAt.getTime());
