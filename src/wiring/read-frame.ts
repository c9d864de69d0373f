import { authorize } from '../authorize/authorize.ts';
import { priorityClassOf } from '../dialect/dialect.ts';
import type { Directory } from '../directory/directory.ts';
import type { Frame } from '../message/frame.ts';
import type { Message } from '../message/message.ts';
import type { Refusal } from '../message/refusal.ts';
import { parse } from '../parse/parse.ts';
import { route } from '../route/route.ts';
import { validate } from '../validate/validate.ts';
import type { Conversation } from './conversation.ts';
import type { FrameItem } from './inbound-item.ts';

const CLASS_OF_UNREAD = 4;
const NO_BYTES = Buffer.alloc(0);

/**
 * The pure part of the road, in its order: parse, authorize (header only: a stranger gets no hints), validate, route. Each room's
 * stamp is the time since the frame was cut, in µs.
 */
export const readFrame = (
  frame: Frame,
  from: Conversation,
  directory: Directory,
  nowMs: number,
): FrameItem => {
  const startedAt = performance.now();
  const stamps: Record<string, number> = {};
  const stamp = (room: string): void => {
    stamps[room] = Math.round((performance.now() - startedAt) * 1000);
  };
  const { line, dialect } = from;
  const item = (
    message: Message | undefined,
    refusals: readonly Refusal[],
    plans: FrameItem['plans'],
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
  });

  const parsed = parse(frame, dialect);
  stamp('parse');
  if (!parsed.ok) return item(undefined, parsed.refusals, []);
  const permitted = authorize(parsed.value, line, dialect);
  stamp('authorize');
  if (!permitted.ok) return item(parsed.value, permitted.refusals, []);
  const valid = validate(permitted.value, dialect);
  stamp('validate');
  if (!valid.ok) return item(parsed.value, valid.refusals, []);
  const routed = route(valid.value, directory, dialect);
  stamp('route');
  if (!routed.ok) return item(valid.value, routed.refusals, []);
  return item(valid.value, [], routed.value);
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
});
