import type { LoadResult } from './measure.ts';

/** The one line other programs read; its keys are a contract. */
export const resultLine = (result: LoadResult): string => {
  const { ack, endToEnd, ...rest } = result.summary;
  return JSON.stringify({
    acceptedPerSecond: rest.acceptedPerSecond,
    deliveredPerSecond: rest.deliveredPerSecond,
    ackP50Ms: ack.percentiles['50'] ?? 0,
    ackP99Ms: ack.percentiles['99'] ?? 0,
    endToEndP50Ms: endToEnd.percentiles['50'] ?? 0,
    endToEndP99Ms: endToEnd.percentiles['99'] ?? 0,
    lost: rest.lost,
    duplicates: rest.duplicates,
    cpuUsPerMessage: rest.cpuUsPerMessage,
    settings: result.settings,
    acceptLoopPerSecond: rest.acceptLoopPerSecond,
    ...(result.settings.stations === undefined ? {} : ofStations(result)),
  });
};

const ofStations = ({ summary, details }: LoadResult) => ({
  deliveredByTopicPerSecond: summary.deliveredByTopicPerSecond,
  deliveredByStationPerSecond: summary.deliveredByStationPerSecond,
  stationEndToEndP50Ms: summary.stationEndToEnd.percentiles['50'] ?? 0,
  stationEndToEndP99Ms: summary.stationEndToEnd.percentiles['99'] ?? 0,
  receivedByStations: details.receivedByStations,
  unreadable: details.unreadable,
  strays: details.strays,
});

/** The same for people. */
export const resultTable = ({ summary, details, settings }: LoadResult): string => {
  const { ack, endToEnd, stationEndToEnd, cpuUsPerMessage } = summary;
  const isWithStations = settings.stations !== undefined;
  const cells = (name: string, ...values: (string | number)[]): string =>
    `${name.padEnd(26)}${values.map((value) => String(value).padStart(11)).join('')}`;
  const percentiles = ['50', '90', '99', '99.9', '100'];
  const cpuTotal = Object.values(cpuUsPerMessage).reduce((sum, us) => sum + us, 0);
  return [
    settings.loop === 'open'
      ? `open loop, ${String(settings.ratePerSecond)} messages/s on ${String(settings.lines)} lines, ${settings.durability}`
      : `closed loop, ${String(settings.window)} un-acked on ${String(settings.lines)} lines, ${settings.durability}`,
    cells('accepted/s', Math.round(summary.acceptedPerSecond)),
    cells('delivered/s', Math.round(summary.deliveredPerSecond)),
    ...(isWithStations
      ? [
          cells('  by topic', Math.round(summary.deliveredByTopicPerSecond)),
          cells('  by station', Math.round(summary.deliveredByStationPerSecond)),
        ]
      : [cells('bare accept loop/s', Math.round(summary.acceptLoopPerSecond))]),
    cells('messages in a batch', details.batchMessagesAverage),
    '',
    cells('latency, ms', ...percentiles.map((p) => `p${p}`)),
    cells('  line to ACK', ...percentiles.map((p) => ack.percentiles[p] ?? 0)),
    cells('  line to subscriber', ...percentiles.map((p) => endToEnd.percentiles[p] ?? 0)),
    ...(isWithStations
      ? [cells('  line to station', ...percentiles.map((p) => stationEndToEnd.percentiles[p] ?? 0))]
      : []),
    ...(settings.loop === 'open'
      ? [cells('  of it our own lateness', ...percentiles.map((p) => details.lateness.percentiles[p] ?? 0))]
      : []),
    '',
    cells('CPU', 'µs/message', '% of a core'),
    ...Object.entries(cpuUsPerMessage).map(([name, us]) =>
      cells(`  ${name}`, us, details.cpuPercentOfACore[name] ?? 0),
    ),
    cells('  all', cpuTotal.toFixed(1)),
    cells('  others on this machine', '', details.othersPercent),
    '',
    cells('lost', summary.lost),
    cells('duplicates, unmarked', summary.duplicates),
    cells('refused', details.refused),
    ...(isWithStations ? [cells('start, connect, ms', details.siteStartMs, details.connectMs)] : []),
  ].join('\n');
};
