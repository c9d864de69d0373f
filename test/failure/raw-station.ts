import type { Confirmation } from '../../loadtest/witness/recipient.ts';
import {
  type Delivered,
  gatewayOriDefault,
  type Notice,
  readOutput,
} from '../../loadtest/witness/output-frame.ts';
import type { Site } from '../../src/simulate/site/site.ts';
import { framed, RawLine } from './raw-line.ts';
import type { WitnessStation } from './witness-process.ts';

export type StationSpec = {
  readonly line: WitnessStation;
  readonly confirm: Confirmation;
  readonly ori: string;
};

/** The example's three stations, as the directory knows them. */
export const exampleStations: readonly StationSpec[] = [
  { line: 'nv-patrol', confirm: 'link', ori: 'NV0990400' },
  { line: 'or-sheriff', confirm: 'application', ori: 'OR0990500' },
  { line: 'az-police', confirm: 'none', ori: 'AZ0990600' },
];

/** Any line of the example, also one that the witness does not sit at. */
export type LineEnd = Omit<StationSpec, 'line'> & { readonly line: string };

/** A station that reads one frame at a time and confirms when the test says so. */
export class RawStation {
  readonly raw: RawLine;
  readonly #spec: LineEnd;
  #read = 0;

  private constructor(raw: RawLine, spec: LineEnd) {
    this.raw = raw;
    this.#spec = spec;
  }

  static async open(site: Pick<Site, 'linePorts'>, spec: LineEnd): Promise<RawStation> {
    return new RawStation(await RawLine.open(site, spec.line), spec);
  }

  /** Waits for the next delivery or notice. */
  async next(msMax = 10_000): Promise<Delivered | Notice> {
    await this.raw.until(() => this.raw.answers.length > this.#read, 'another frame', msMax);
    const answer = this.raw.answers[this.#read];
    this.#read += 1;
    const frame = answer?.kind === 'frame' ? readOutput(answer.text, gatewayOriDefault) : undefined;
    if (frame?.kind === 'delivery' || frame?.kind === 'notice') return frame;
    throw new Error(`a station was sent ${String(frame?.kind ?? answer?.kind)}`);
  }

  confirm({ sentCount }: Delivered | Notice): void {
    const { confirm, ori } = this.#spec;
    if (confirm === 'link') this.raw.send('\x06');
    if (confirm === 'application') this.raw.send(framed(`ACK.${ori}.${gatewayOriDefault}.TXT${sentCount}`));
  }

  /** The next `count`, each confirmed as it comes. */
  async take(count: number): Promise<readonly (Delivered | Notice)[]> {
    const taken: (Delivered | Notice)[] = [];
    while (taken.length < count) {
      const frame = await this.next();
      this.confirm(frame);
      taken.push(frame);
    }
    return taken;
  }
}

/** Messages by hand on a link line of the example, answered before this resolves. */
export async function sendTexts(site: Site, to: string, controls: readonly string[]): Promise<void> {
  const raw = await RawLine.open(site, 'ca-dispatch');
  for (const control of controls) raw.send(framed(`AM.CA0990100.${to}.*${control}.TXT\r\nSAMPLE TEXT`));
  const answers = await raw.answered(controls.length);
  if (answers.some(({ kind }) => kind !== 'ack')) throw new Error('not all were accepted');
  raw.close();
}
