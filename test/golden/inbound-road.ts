import { authorize } from '../../src/authorize/authorize.ts';
import { loadDialect, priorityClassOf, type Dialect } from '../../src/dialect/dialect.ts';
import type { Directory, Line } from '../../src/directory/directory.ts';
import { FaultRate, FrameDecoder } from '../../src/frame/frame.ts';
import type { DeliveryPlan } from '../../src/message/delivery.ts';
import type { Frame } from '../../src/message/frame.ts';
import type { Message } from '../../src/message/message.ts';
import type { Outcome, Refusal } from '../../src/message/refusal.ts';
import { parse } from '../../src/parse/parse.ts';
import { route, type StationFaces } from '../../src/route/route.ts';
import { type Reach, reachOf } from '../../src/topology/reach.ts';
import { deriveTopology } from '../../src/topology/topology.ts';
import { validate } from '../../src/validate/validate.ts';
import { stationFacesOf } from '../../src/wiring/station-faces.ts';
import { dialectFolder } from './samples.ts';

/** What became of one frame, as the goldens write it down. */
export type Travelled =
  | { readonly message: object; readonly deliveries: readonly DeliveryPlan[] }
  | { readonly refusals: readonly Refusal[] };

/** A group that is in the sample directory, and whose subscription nobody has put on the bus yet. */
const notApplied = 'GBN09';
const reaches = new WeakMap<Directory, Reach>();

function reachIn(directory: Directory): Reach {
  const known = reaches.get(directory);
  if (known !== undefined) return known;
  const { destinations, groups } = reachOf(deriveTopology(directory));
  const reach = { destinations, groups: new Set([...groups].filter((code) => code !== notApplied)) };
  reaches.set(directory, reach);
  return reach;
}

const faces = new WeakMap<Directory, StationFaces>();

/** What the stations of the directory read, each line's dialect from its folder of protocols/. */
function facesIn(directory: Directory): StationFaces {
  const known = faces.get(directory);
  if (known !== undefined) return known;
  const names = new Set(Array.from(directory.lines.values(), ({ dialect }) => dialect));
  const dialects = new Map(Array.from(names, (name) => [name, loadDialect(dialectFolder(name))]));
  const made = stationFacesOf(directory, dialects);
  faces.set(directory, made);
  return made;
}

/** Chunks through the pure rooms, frame to route; the line ends after the last chunk and its frame clock runs out. */
export function travel(
  chunks: readonly Buffer[],
  line: Line,
  dialect: Dialect,
  directory: Directory,
): readonly Travelled[] {
  const decoder = new FrameDecoder(dialect.framing);
  const faults = new FaultRate(dialect.framing);
  const travelled: Travelled[] = [];
  for (const event of chunks.flatMap((chunk) => decoder.push(chunk))) {
    if (event.kind === 'frame') travelled.push(travelFrame(event, line, dialect, directory));
    if (event.kind !== 'fault') continue;
    travelled.push({ refusals: [event.refusal] });
    if (event.isLast) return travelled;
    const last = faults.count(0);
    if (last !== undefined) return [...travelled, { refusals: [last] }];
  }
  const unfinished = decoder.expire();
  return unfinished === undefined ? travelled : [...travelled, { refusals: [unfinished] }];
}

function travelFrame(frame: Frame, line: Line, dialect: Dialect, directory: Directory): Travelled {
  const parsed = parse(frame, dialect);
  const valid = then(
    then(parsed, (message) => authorize(message, line, dialect)),
    (permitted) => validate(permitted, dialect),
  );
  const routed = then(valid, (message) =>
    route(message, directory, dialect, line.station, reachIn(directory), facesIn(directory)),
  );
  if (!parsed.ok) return { refusals: parsed.refusals };
  if (!routed.ok) return { refusals: routed.refusals };
  return { message: written(parsed.value, dialect), deliveries: routed.value };
}

function then<A, B>(outcome: Outcome<A>, next: (value: A) => Outcome<B>): Outcome<B> {
  return outcome.ok ? next(outcome.value) : outcome;
}

function written(message: Message, dialect: Dialect): object {
  const { messageKey, originatingOri, destinations, control, bodyOffset, fields } = message;
  const priorityClass = priorityClassOf(message, dialect);
  const relayed = message.isRelayed ? { isRelayed: true } : {};
  const unknown = message.isKeyUnknown === true ? { isKeyUnknown: true } : {};
  return {
    messageKey,
    ...unknown,
    originatingOri,
    destinations,
    ...relayed,
    control,
    priorityClass,
    bodyOffset,
    fields,
    ...(message.part === undefined ? {} : { part: message.part }),
    ...(message.text === undefined ? {} : { text: message.text }),
    ...(message.attachments === undefined ? {} : { attachments: message.attachments }),
    ...(message.unread === undefined ? {} : { unread: message.unread }),
  };
}
