import type { Chance } from './chance.ts';

/** Bytes that mean something to one framing or another, and the ends of ranges. */
const telling = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0d, 0x15, 0x1c, 0x1f, 0x20, 0x2a, 0x2e, 0x2f, 0x30, 0x39,
  0x3c, 0x3e, 0x55, 0x7e, 0x7f, 0x80, 0xaa, 0xff,
] as const;
/** Repeats and splices make a wire no longer than this. */
const wireBytesMax = 65_536;

/** Bytes changed without regard to what they mean: flipped, put in, taken out, cut off, repeated, joined with another input's. */
export function mutateBytes(wire: Buffer, other: Buffer, chance: Chance): Buffer {
  const at = chance.below(wire.length + 1);
  const length = 1 + chance.below(chance.is(0.8) ? 8 : 200);
  const [before, after] = [wire.subarray(0, at), wire.subarray(at)];
  switch (chance.below(8)) {
    case 0: {
      const flipped = Buffer.from(wire);
      if (at < wire.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << chance.below(8));
      return flipped;
    }
    case 1:
      return Buffer.concat([before, Buffer.of(chance.pick(telling)), after]);
    case 2:
      return Buffer.concat([before, after.subarray(length)]);
    case 3: {
      const changed = Buffer.from(wire);
      if (at < wire.length) changed[at] = chance.pick(telling);
      return changed;
    }
    case 4:
      return Buffer.concat([before, other.subarray(chance.below(other.length + 1))]);
    case 5:
      return before;
    case 6: {
      const piece = after.subarray(0, length);
      const times = Math.min(chance.is(0.95) ? 3 : 3000, Math.ceil(wireBytesMax / (piece.length + 1)));
      return Buffer.concat([before, ...Array.from({ length: times }, () => piece), after]);
    }
    default:
      return Buffer.concat([before, Buffer.from(Array.from({ length }, () => chance.below(256))), after]);
  }
}

/** Blocks that begin with a mark, in another order, left out, sent twice or with a number of one changed. */
export function mutateBlocks(wire: Buffer, mark: string, chance: Chance): Buffer {
  const [head = '', ...blocks] = wire.toString('latin1').split(mark);
  const at = chance.below(blocks.length + 1);
  const block = blocks[at] ?? '';
  const put = (...instead: readonly string[]): string[] => [
    ...blocks.slice(0, at),
    ...instead,
    ...blocks.slice(at + 1),
  ];
  const changed = (() => {
    switch (chance.below(5)) {
      case 0:
        return put();
      case 1:
        return put(block, block);
      case 2:
        return put(...blocks.slice(at + 1, at + 2), block);
      case 3:
        return blocks.toReversed();
      default: {
        const place = chance.below(Math.min(block.length, 16) + 1);
        return put(block.slice(0, place) + String.fromCharCode(chance.below(8)) + block.slice(place + 1));
      }
    }
  })();
  return Buffer.from([head, ...changed].join(mark), 'latin1');
}
