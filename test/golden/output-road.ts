import { loadDialect } from '../../src/dialect/dialect.ts';
import type { Directory, Line } from '../../src/directory/directory.ts';
import { stationFrame } from '../../src/deliver/station-frame.ts';
import { FrameDecoder } from '../../src/frame/frame.ts';
import { type Delivery, stationLane } from '../../src/message/delivery.ts';
import { parse } from '../../src/parse/parse.ts';
import { travel } from './inbound-road.ts';
import { dialectFolder, type Output } from './samples.ts';

/** The frame a station gets of a sample: its message through the inbound rooms, then out on the lane the sample names. */
export function sent(sample: Output, directory: Directory, isPossibleDuplicate: boolean): Buffer {
  const { copy, wire } = sample;
  const dialect = loadDialect(dialectFolder(sample.dialect));
  const line = directory.lines.get(copy.line);
  if (line === undefined) throw new Error(`${sample.name}: /line is not a line of the sample directory`);
  const plans = travel([wire], line, dialect, directory).flatMap((one) =>
    'deliveries' in one ? one.deliveries : [],
  );
  const plan = plans.find(({ lane }) => lane === copy.lane);
  if (plan === undefined) throw new Error(`${sample.name} does not reach the lane`);
  const [event] = new FrameDecoder(dialect.framing).push(wire);
  const parsed = event?.kind === 'frame' ? parse(event, dialect) : undefined;
  if (parsed?.ok !== true) throw new Error(`${sample.name} cannot be read`);
  const { messageKey, originatingOri } = parsed.value;
  const delivery: Delivery = {
    ...plan,
    messageKey,
    originatingOri,
    ...storedWith(copy, line),
    directoryVersion: directory.version,
  };
  const sentAt = new Date(copy.sentAt);
  const { sentCount } = copy;
  const { whenNotCarried, dialect: spoken } = stationLine(copy.lane, directory);
  return stationFrame(
    {
      message: parsed.value,
      from: dialect,
      delivery,
      isPossibleDuplicate,
      sentAt,
      sentCount,
      whenNotCarried,
    },
    spoken === dialect.name ? dialect : loadDialect(dialectFolder(spoken)),
  );
}

/** The first line of the lane's station. */
function stationLine(lane: string, directory: Directory): Line {
  const [first = ''] = directory.stations.get(lane.slice(stationLane('').length))?.lines ?? [];
  const line = directory.lines.get(first);
  if (line === undefined) throw new Error('/lane is of a station that no line serves');
  return line;
}

/** What is stored beside a message and does not come from its bytes. */
function storedWith(copy: Output['copy'], line: Line) {
  return {
    deliveryId: 'w1-1.0',
    generation: 0,
    messageId: 'w1-1',
    priorityClass: 4,
    agency: line.agency,
    station: line.station,
    dialect: line.dialect,
    receivedAtMs: Date.parse(copy.receivedAt),
    receivedCount: copy.receivedCount,
    isTest: false,
    traceparent: '',
    user: '',
    terminal: '',
    incident: '',
    resentOf: '',
    isNotice: false,
  } as const;
}
