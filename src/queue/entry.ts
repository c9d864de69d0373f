import type { Delivery, PriorityClass } from '../message/delivery.ts';
import { Fault } from '../message/codes.ts';

/**
 * One lane entry: u8 format, u16 header length, header (a JSON array, fields in the order below), sealed body. In format 3 the body is
 * stored once for many deliveries (design 5.11) and nothing follows the header.
 * Neutral on purpose: any kind of lane can deliver it, so holding, diverting and redriving never re-encode.
 */
const FORMAT = 2;
const FORMAT_SHARED = 3;
const HEADER_AT = 3;
const HEADER_BYTES_MAX = 0xffff;

type Header = [
  string,
  number,
  string,
  string,
  PriorityClass,
  string,
  string,
  readonly string[],
  readonly string[],
  string,
  string,
  number,
  string,
  0 | 1,
  string,
  string,
  string,
  string,
  string,
  string,
  number,
  0 | 1,
];

/** `sealed` undefined: the body is stored once, by the message id. */
export const encodeEntry = (d: Delivery, sealed: Buffer | undefined): Buffer => {
  const header: Header = [
    d.deliveryId,
    d.generation,
    d.messageId,
    d.messageKey,
    d.priorityClass,
    d.originatingOri,
    d.destination,
    d.groups,
    d.recipients,
    d.agency,
    d.dialect,
    d.receivedAtMs,
    d.directoryVersion,
    d.isTest ? 1 : 0,
    d.traceparent,
    d.user,
    d.terminal,
    d.incident,
    d.resentOf,
    d.station,
    d.receivedCount,
    d.isNotice ? 1 : 0,
  ];
  const text = JSON.stringify(header);
  const length = Buffer.byteLength(text);
  if (length > HEADER_BYTES_MAX) throw new Fault('SCRIPT_REFUSED', 'delivery header over 65,535 bytes');
  const entry = Buffer.allocUnsafe(HEADER_AT + length + (sealed?.length ?? 0));
  entry[0] = sealed === undefined ? FORMAT_SHARED : FORMAT;
  entry.writeUInt16BE(length, 1);
  entry.write(text, HEADER_AT, 'utf8');
  sealed?.copy(entry, HEADER_AT + length);
  return entry;
};

export type DecodedEntry = { readonly delivery: Delivery; readonly sealed: Buffer | undefined };

/** Throws SCRIPT_REFUSED for bytes that are no entry of this format. */
export const decodeEntry = (entry: Buffer): DecodedEntry => {
  if (entry.length < HEADER_AT || (entry[0] !== FORMAT && !isBodyShared(entry)))
    throw new Fault('SCRIPT_REFUSED', 'lane entry of an unknown format');
  const end = HEADER_AT + entry.readUInt16BE(1);
  if (end > entry.length) throw new Fault('SCRIPT_REFUSED', 'lane entry cut short');
  const h = JSON.parse(entry.toString('utf8', HEADER_AT, end)) as Header;
  const delivery: Delivery = {
    deliveryId: h[0],
    generation: h[1],
    messageId: h[2],
    messageKey: h[3],
    priorityClass: h[4],
    originatingOri: h[5],
    destination: h[6],
    groups: h[7],
    recipients: h[8],
    agency: h[9],
    dialect: h[10],
    receivedAtMs: h[11],
    directoryVersion: h[12],
    isTest: h[13] === 1,
    traceparent: h[14],
    user: h[15],
    terminal: h[16],
    incident: h[17],
    resentOf: h[18],
    station: h[19],
    receivedCount: h[20],
    isNotice: h[21] === 1,
  };
  return { delivery, sealed: isBodyShared(entry) ? undefined : entry.subarray(end) };
};

/** The body is not in the entry but stored once, by the message id. */
export const isBodyShared = (entry: Buffer): boolean => entry[0] === FORMAT_SHARED;
