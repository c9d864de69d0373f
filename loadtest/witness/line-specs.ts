import type { LineSpec } from './made-messages.ts';
import { type Confirmation, confirmations } from './recipient.ts';

export type StationSpec = {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly confirm: Confirmation;
  /** Empty unless its confirmations show it. */
  readonly ori: string;
};

/** `ca-dispatch=127.0.0.1:17001/CA0990100/broadcast`, with `/application` at the end where that is the line's confirmation. */
export function readLineSpec(text: string): LineSpec {
  const form = /^([\w-]+)=([\w.-]+):(\d+)\/([A-Z0-9]{9})(\/broadcast)?(\/application)?$/.exec(text);
  if (form === null) throw new Error(`not a line: ${text}`);
  const [, name = '', host = '', port = '', ori = '', broadcast, application] = form;
  const confirm = application === undefined ? 'link' : 'application';
  return { name, host, port: Number(port), ori, mayBroadcast: broadcast !== undefined, confirm };
}

/** `nv-patrol=127.0.0.1:17005/link`, `or-sheriff=127.0.0.1:17006/application/OR0990500`. */
export function readStationSpec(text: string): StationSpec {
  const form = /^([\w-]+)=([\w.-]+):(\d+)\/([a-z]+)(?:\/([A-Z0-9]{9}))?$/.exec(text);
  const [, name = '', host = '', port = '', word = '', ori = ''] = form ?? [];
  const confirm = confirmations.find((one) => one === word);
  if (confirm === undefined || (confirm === 'application' && ori === ''))
    throw new Error(`not a station: ${text}`);
  return { name, host, port: Number(port), confirm, ori };
}
