import { trace, type TracedRecord } from '../audit/trace.ts';
import { loadConfig } from '../config/config.ts';
import { openRecord } from '../wiring/record.ts';
import { print, readOptions } from './usage.ts';

export const run = async (args: readonly string[]): Promise<number> => {
  const { options, words } = readOptions(args, { json: 'boolean' }, ['ID']);
  const record = await openRecord(loadConfig(process.env));
  try {
    const result = await trace(record.sources, words[0] ?? '');
    if (options.json) print(JSON.stringify(result));
    else for (const line of traceLines(result.records)) print(line);
    if (result.records.length > 0) return 0;
    if (!options.json) print('no such message or delivery on the record');
    return 1;
  } finally {
    record.close();
  }
};

/** One line a hop: when, what, where, and the page that proves it. */
export const traceLines = (records: readonly TracedRecord[]): readonly string[] =>
  records.map(({ record, writer, n, head }) => {
    const proof = `page ${String(n)} of ${writer}, ${head.slice(0, 12)}`;
    switch (record.e) {
      case 'accept': {
        const rooms = Object.entries(record.stamps).map(([room, us]) => `${room} +${String(us)}µs`);
        const to = record.deliveries.map(({ lane, dest, groups }) => `${lane}:${dest || groups.join('+')}`);
        return `${time(record.t)}  accepted   ${record.mke} from ${record.ori} on line ${record.line} (${rooms.join(', ')}) to ${to.join(', ')}  [${proof}]`;
      }
      case 'refuse':
        return `${time(record.t)}  refused    on line ${record.line}: ${record.codes.map(({ code }) => code).join(', ')}  [${proof}]`;
      case 'deliver':
        return `${time(record.st)}  ${record.o.padEnd(9)}  ${record.d} on ${record.lane} as ${numberOf(record)}, ${heldFor(record)}${record.pd === 1 ? ', marked possible duplicate' : ''}  [${proof}]`;
      case 'duplicate':
        return `${time(record.t)}  duplicate  ${record.id} on line ${record.line} repeats ${record.of}: answered, not forwarded  [${proof}]`;
      case 'notice':
        return `${time(record.t)}  notice     ${record.d} to ${record.lane} about ${record.of}: ${record.code}  [${proof}]`;
      case 'returned':
        return `${time(record.t)}  returned   ${record.d} from ${record.lane}, where it died on ${record.sub}: ${record.code}  [${proof}]`;
      case 'redrive':
        return `${time(record.t)}  redriven   ${record.d} on ${record.lane} as generation ${String(record.generation)}  [${proof}]`;
      default:
        return `${record.e}  [${proof}]`;
    }
  });

const time = (ms: number): string => new Date(ms).toISOString();

/** One that expired before anybody was given it has no time of handing out. */
const heldFor = ({ t, st }: { readonly t: number; readonly st: number }): string =>
  t === 0 ? 'never handed out' : `${String(st - t)} ms after it was handed out`;

/** Numbers count within lane and class; a record without a class is of a time when lanes had one stream. */
const numberOf = ({ cls, seq }: { readonly cls?: number | undefined; readonly seq: number }): string =>
  cls === undefined ? `number ${String(seq)}` : `number ${String(seq)} of class ${String(cls)}`;
