import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js';

export type LatencySummary = {
  readonly count: number;
  readonly meanMs: number;
  /** Percentile, as text, → ms. */
  readonly percentiles: Readonly<Record<string, number>>;
};

const PERCENTILES = [50, 75, 90, 95, 99, 99.5, 99.9, 99.99, 100] as const;
/** A minute: longer is counted as this. */
const US_MAX = 60_000_000;

/** Latencies in µs, three digits exact (HdrHistogram). */
export class Latency {
  readonly #histogram: Histogram = build({
    bitBucketSize: 32,
    highestTrackableValue: US_MAX,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  });

  record(us: number): void {
    this.#histogram.recordValue(Math.max(0, Math.min(US_MAX, Math.round(us))));
  }

  /** As text for another process, which adds it to its own. */
  encoded(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }

  static sumOf(encoded: readonly string[]): Latency {
    const sum = new Latency();
    for (const text of encoded) sum.#histogram.add(decodeFromCompressedBase64(text, 32, false));
    return sum;
  }

  summary(): LatencySummary {
    const percentiles = Object.fromEntries(
      PERCENTILES.map((p) => [String(p), this.#histogram.getValueAtPercentile(p) / 1000]),
    );
    return {
      count: this.#histogram.totalCount,
      meanMs: Number((this.#histogram.mean / 1000).toFixed(3)),
      percentiles,
    };
  }
}
