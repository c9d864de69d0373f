import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Code, codes } from '../../message/codes.ts';

/** A sample of every refusal kind, from the dialect's own folder: the bytes, the line, and the status a sender must read. */
export type RefusedSample = {
  readonly name: string;
  readonly line: string;
  readonly wire: Buffer;
  /** Framing faults are NAKed, one each; anything else is ACK and a refusal message. */
  readonly naks: number;
  /** The peer never finishes its frame: the line is closed, and nothing can be said of it. */
  readonly isCutOff: boolean;
  readonly statuses: readonly string[];
};

const ofReceivers: ReadonlySet<Code> = new Set(['ROUTE_DESTINATION_NO_SUBSCRIPTION', 'ROUTE_NOT_CARRIED']);

export const refusedSamples = (protocols: string): readonly RefusedSample[] => {
  const folder = join(protocols, 'nlets-legacy', 'samples', 'refused');
  return readdirSync(folder)
    .toSorted()
    .flatMap((name) => {
      const sample = JSON.parse(readFileSync(join(folder, name, 'refusal.json'), 'utf8')) as {
        line: string;
        accepted: number;
        refusals: { code: Code }[];
      };
      // Good frames inside a refused sample would be deliveries nobody expects.
      if (sample.accepted > 0) return [];
      const found = sample.refusals.map(({ code }) => code);
      // These are refused for what a bus or a station cannot take, and in a site of ours each can take all.
      if (found.some((code) => ofReceivers.has(code))) return [];
      const faults = found.filter((code) => code.startsWith('FRAME_') && code !== 'FRAME_FAULTS_TOO_MANY');
      const isCutOff = found.includes('FRAME_INCOMPLETE');
      return [
        {
          name,
          line: sample.line,
          wire: readFileSync(join(folder, name, 'wire.msg')),
          naks: isCutOff ? 0 : faults.length,
          isCutOff,
          statuses: found.flatMap((code) => statusOf(code)),
        },
      ];
    });
};

const statusOf = (code: Code): readonly string[] => {
  const row = codes[code];
  return row.kind === 'refusal' ? [row.status] : [];
};
