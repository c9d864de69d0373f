import type { AcceptBatch, AcceptLimits, Resendable, WriterName } from './batch.ts';
import { acceptScript } from './accept-script.ts';
import type { SlotKeys } from './keys.ts';
import { pushLanes } from './lane-entries.ts';
import { type ScriptArgument, type ScriptCall, scriptCall } from './script-call.ts';

/** The accept script's call for a batch, as bytes. `span` counts resend windows since 1970. */
export const acceptCall = (
  batch: AcceptBatch,
  keys: SlotKeys,
  writer: WriterName,
  limits: AcceptLimits,
  span: number,
): ScriptCall => {
  const { page, bodies } = batch;
  const rest: { keys: string[]; args: ScriptArgument[] } = { keys: [], args: [] };
  const lanes = pushLanes(batch.lanes, keys, [limits.laneMessagesMax, limits.laneBytesMax], rest);
  for (const { messageId, references, sealed } of bodies) {
    rest.keys.push(keys.body(messageId));
    rest.args.push(references, sealed);
  }
  const stations = byStation(batch.resendables);
  for (const [station, sent] of stations) {
    rest.keys.push(keys.resends(station, span), keys.resends(station, span - 1));
    rest.args.push(limits.resendsPerStationMax, sent.length);
    for (const { field, body, messageId, isKnown } of sent)
      rest.args.push(field, `${isKnown ? '0' : '1'} ${body} ${messageId}`);
  }
  return scriptCall(
    acceptScript,
    [
      keys.writer(writer.writer),
      keys.audit,
      keys.auditMeta,
      keys.ready,
      keys.lanes,
      keys.due,
      keys.bells.courier,
      keys.bells.gateway,
      keys.instance(writer.instance),
      ...rest.keys,
    ],
    [
      page.n,
      page.prev,
      page.head,
      page.bytes,
      page.journal,
      limits.auditPagesMax,
      limits.auditBytesMax,
      limits.recorderSilenceMsMax,
      page.n === 1 ? writer.writer : '',
      limits.laneHoldMs,
      lanes,
      bodies.length,
      stations.size,
      limits.resendWindowMs,
      ...rest.args,
    ],
  );
};

const byStation = (resendables: readonly Resendable[]): ReadonlyMap<string, readonly Resendable[]> => {
  const stations = new Map<string, Resendable[]>();
  for (const one of resendables) {
    const sent = stations.get(one.station);
    if (sent === undefined) stations.set(one.station, [one]);
    else sent.push(one);
  }
  return stations;
};
