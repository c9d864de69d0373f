import { parse as real } from '../../../src/parse/parse.ts';

/** As ours, but it never comes back from a field without a value. */
export const parse: typeof real = (frame, dialect) => {
  for (let at = 0; at < frame.bytes.length; ) {
    const isStuck = frame.bytes[at] === 0x2f && frame.bytes[at + 1] === 0x2e;
    if (!isStuck) at++;
  }
  return real(frame, dialect);
};
