import { authorize } from '../authorize/authorize.ts';
import { priorityClassOf } from '../dialect/dialect.ts';
import type { Directory } from '../directory/directory.ts';
import type { Frame } from '../message/frame.ts';
import type { Message } from '../message/message.ts';
import type { Refusal } from '../message/refusal.ts';
import { parse } from '../parse/parse.ts';
import { route, type StationFaces } from '../route/route.ts';
import type { Reach } from '../topology/reach.ts';
import { validate } from '../validate/validate.ts';
import type { Conversation } from './conversation.ts';
import type { FrameItem } from './inbound-item.ts';
import { withoutPassword } from './log-on-secrets.ts';

const CLASS_OF_UNREAD = 4;
const NO_BYTES = Buffer.alloc(0);

/**
 * The pure part of the road, in its order: parse, authorize (header only: a stranger gets no hints), validate, route. Each room's
 * stamp is the time since the frame was cut, in µs. No password comes out of here but in `session` of a log-on.
 */
export const readFrame = (
  frame: Frame,
  from: Conversation,
  directory: Directory,
  nowMs: number,
  reach?: Reach,
  faces?: StationFaces,
): FrameItem => {
  const item = travelled(frame, from, directory, nowMs, reach, faces);
  return from.dialect.session === undefined ? item : withoutPassword(item);
};

const travelled = (
  frame: Frame,
  from: Conversation,
  directory: Directory,
  nowMs: number,
  reach: Reach | undefined,
  faces: StationFaces | undefined,
): FrameItem => {
  const startedAt = performance.now();
  const sinceUs = (): number => Math.round((performance.now() - startedAt) * 1000);
  const { line, dialect } = from;
  const item = (
    message: Message | undefined,
    refusals: readonly Refusal[],
    plans: FrameItem['plans'],
    stamps: FrameItem['stamps'],
  ): FrameItem => ({
    kind: 'frame',
    from,
    bytes: frame.bytes,
    message,
    priorityClass: message === undefined ? CLASS_OF_UNREAD : priorityClassOf(message, dialect),
    plans,
    receivedAtMs: nowMs,
    startedAt,
    stamps,
    refusals,
    isFramingFault: false,
    isCounted: false,
    messageId: '',
    receivedCount: 0,
    duplicateOf: '',
  });

  const read = parse(frame, dialect);
  const parsed = sinceUs();
  if (!read.ok) return item(undefined, read.refusals, [], { parse: parsed });
  const permitted = authorize(read.value, line, dialect, from.user !== '');
  const authorized = sinceUs();
  if (!permitted.ok)
    return item(read.value, permitted.refusals, [], { parse: parsed, authorize: authorized });
  const valid = validate(permitted.value, dialect);
  const validated = sinceUs();
  const checked = { parse: parsed, authorize: authorized, validate: validated };
  if (!valid.ok) return item(read.value, valid.refusals, [], checked);
  const routed = route(valid.value, directory, dialect, line.station, reach, faces);
  const stamps = { parse: parsed, authorize: authorized, validate: validated, route: sinceUs() };
  if (!routed.ok) return item(valid.value, routed.refusals, [], stamps);
  return item(valid.value, [], routed.value, stamps);
};

/** A framing fault takes its place among the frames of its session, so that its answer leaves in order. */
export const framingFault = (refusal: Refusal, from: Conversation, nowMs: number): FrameItem => ({
  kind: 'frame',
  from,
  bytes: NO_BYTES,
  message: undefined,
  priorityClass: CLASS_OF_UNREAD,
  plans: [],
  receivedAtMs: nowMs,
  startedAt: performance.now(),
  stamps: {},
  refusals: [refusal],
  isFramingFault: true,
  isCounted: false,
  messageId: '',
  receivedCount: 0,
  duplicateOf: '',
});
