import { authorize } from '../authorize/authorize.ts';
import type { DryEvent, DryFrame, DryPlace } from '../explain/dry-event.ts';
import { FaultRate, FrameDecoder } from '../frame/frame.ts';
import type { DeliveryPlan } from '../message/delivery.ts';
import type { Frame } from '../message/frame.ts';
import type { PermittedMessage, ValidMessage } from '../message/message.ts';
import type { Outcome } from '../message/refusal.ts';
import { parse } from '../parse/parse.ts';
import { route, type StationFaces } from '../route/route.ts';
import { validate } from '../validate/validate.ts';
import { stationFacesOf } from './station-faces.ts';

/**
 * Bytes through the pure part of the road, frame to route: no socket, no store, no clock. After the last byte the line ends, and the
 * frame clock of an unfinished frame runs out. Bytes are read one by one, so that each event has its place.
 */
export function dryRun(bytes: Buffer, place: DryPlace): readonly DryEvent[] {
  const { directory, dialect, dialects } = place;
  const { framing } = dialect;
  const faces =
    directory && dialects && stationFacesOf(directory, new Map([...dialects, [dialect.name, dialect]]));
  const decoder = new FrameDecoder(framing);
  const faults = new FaultRate(framing);
  const events: DryEvent[] = [];
  for (let end = 1; end <= bytes.length; end++) {
    for (const event of decoder.push(bytes.subarray(end - 1, end))) {
      if (event.kind === 'frame') events.push({ end, ...dryFrame(event, place, faces) });
      else events.push({ end, ...event });
      if (event.kind !== 'fault') continue;
      if (event.isLast) return events;
      const refusal = faults.count(0);
      if (refusal !== undefined) return [...events, { kind: 'fault', end, refusal, isLast: true }];
    }
  }
  const refusal = decoder.expire();
  return refusal === undefined
    ? events
    : [...events, { kind: 'fault', end: bytes.length, refusal, isLast: true }];
}

function dryFrame(
  frame: Frame,
  { dialect, line, directory, reach }: DryPlace,
  faces?: StationFaces,
): DryFrame {
  const { bytes } = frame;
  const read = parse(frame, dialect);
  if (!read.ok) {
    return { kind: 'frame', bytes, message: undefined, refusals: read.refusals, hidden: [], plans: [] };
  }
  const message = read.value;
  const permitted =
    line === undefined
      ? passed<PermittedMessage>({ ...message, permitted: true })
      : authorize(message, line, dialect);
  // What a sender is told ends with the room that refuses; whoever mends the message wants to know the rest as well.
  const valid = validate(permitted.ok ? permitted.value : { ...message, permitted: true }, dialect);
  const checked: ValidMessage = valid.ok ? valid.value : { ...message, permitted: true, valid: true };
  const routed =
    directory === undefined
      ? passed<readonly DeliveryPlan[]>([])
      : route(checked, directory, dialect, line?.station ?? '', reach, faces);
  const [refusals = [], ...later] = [permitted, valid, routed].flatMap((one) =>
    one.ok ? [] : [one.refusals],
  );
  // Two rooms may find the same.
  const hidden = later.flat().filter(({ code }) => refusals.every((told) => told.code !== code));
  const plans = refusals.length === 0 && routed.ok ? routed.value : [];
  return { kind: 'frame', bytes, message, refusals, hidden, plans };
}

function passed<T>(value: T): Outcome<T> {
  return { ok: true, value };
}
