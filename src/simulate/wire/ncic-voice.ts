import type { NcicForm } from '../../dialect/dialect.ts';
import type { Delivered, Heard } from './heard.ts';

/** What a message says of the line it came on, in NCIC's form: neither its key, unless it asks, nor a count. */
type NcicDialect = {
  readonly ncic: NcicForm;
  readonly possibleDuplicate: string;
  readonly gatewayOri: string;
};

const query = /^(.{4})([^.]{1,32})\.([A-Za-z]{2,5}(?:-[A-Za-z])?)\.([A-Za-z0-9]{9})\.([\s\S]*)$/;
/** Reference, ORI, and lines of the switch before the empty one that the text follows. */
const response =
  /^(?:(.{4})([^.\r\n]{1,32})[^\r\n]*\r?\n)?([A-Z0-9]{9}) *\r?\n((?:[^\r\n]+\r?\n)*?)\r?\n([\s\S]*)$/;
const refusalLine = /^REJ (\.\d\d\. .*)$/;
const noticeStatus = /^\.7[3458]\. /;
const acceptance = /^ACCEPTED (\S+)\s*$/;

/** Reads one message as a station that speaks NCIC's form; undefined for what is nothing of the kind. */
export function hearNcic(
  text: string,
  { ncic, possibleDuplicate, gatewayOri }: NcicDialect,
): Heard | undefined {
  const [, lead = '', control = '', key = '', ori = '', fields = ''] = query.exec(text) ?? [];
  if (ncic.leads.input.includes(lead.toUpperCase())) {
    const asked = { messageKey: key, originatingOri: ori, control, body: fields };
    return { kind: 'delivery', message: { ...nothing, ...asked, text } };
  }
  const found = response.exec(text);
  if (found === null) return undefined;
  const [, outLead, reference = '', destination = '', added = '', body = ''] = found;
  if (outLead !== undefined && !ncic.leads.output.includes(outLead)) return undefined;
  const told = {
    destination,
    control: reference,
    body,
    isMarked: added.split(/\r?\n/).includes(possibleDuplicate),
  };
  const statuses = body.split(/\r?\n/).flatMap((line) => refusalLine.exec(line)?.slice(1, 2) ?? []);
  if (statuses.some((status) => noticeStatus.test(status))) {
    const own = { isNotice: true, originatingOri: gatewayOri };
    return { kind: 'delivery', message: { ...nothing, ...told, ...own, text } };
  }
  if (statuses.length > 0) return { kind: 'refusal', text, statuses };
  const [, messageId] = acceptance.exec(body) ?? [];
  if (messageId !== undefined) return { kind: 'acceptance', messageId };
  return { kind: 'delivery', message: { ...nothing, ...told, text } };
}

/** An inquiry or entry as a member writes it. */
export function ncicText(
  { leads }: NcicForm,
  message: { readonly key: string; readonly ori: string; readonly control: string; readonly body: string },
): string {
  const { key, ori, control, body } = message;
  return `${leads.input[0] ?? ''}${control}.${key}.${ori}.${body}`;
}

const nothing: Omit<Delivered, 'body' | 'text'> = {
  isNotice: false,
  messageKey: '',
  originatingOri: '',
  destination: '',
  control: '',
  isMarked: false,
  sentCount: '',
};
