import { Latency } from './latency.ts';
import { Numbers } from './numbers.ts';

/**
 * What all stations of a generator count together. Latency counts for messages meant to be sent in [startUs, endUs), rates for what
 * came in it.
 */
export class StationTally {
  startUs = Infinity;
  endUs = Infinity;
  readonly acks = new Latency();
  /** From the intended send time to the station that gets it. */
  readonly endToEnd = new Latency();
  /** Keys of the deliveries the senders may rely on, and of those taken back because the message was refused after its ACK. */
  readonly expected = new Numbers();
  readonly withdrawn = new Numbers();
  /** Keys of what these stations got: copies without a mark, and with. */
  readonly plain = new Numbers();
  readonly marked = new Numbers();
  accepted = 0;
  refused = 0;
  acceptedInTime = 0;
  refusedInTime = 0;
  deliveredInTime = 0;
  /** Refused although the mix has it accepted, or the other way round. */
  surprises = 0;
  /** Frames to a station that are none of the mix, or not for it. */
  unreadable = 0;
  /** The switch told a sender that a delivery came to nothing. */
  notices = 0;

  get received(): number {
    return this.plain.length + this.marked.length;
  }

  isInTime(us: number): boolean {
    return us >= this.startUs && us < this.endUs;
  }

  /** Keys that stay expected, in rising order. */
  finallyExpected(): Float64Array<ArrayBuffer> {
    const expected = this.expected.sorted();
    if (this.withdrawn.length === 0) return expected;
    const withdrawn = new Set(this.withdrawn.sorted());
    return expected.filter((key) => !withdrawn.has(key));
  }
}
