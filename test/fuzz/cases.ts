import { framed, type Framing } from '../../src/dialect/dialect.ts';
import { Fault } from '../../src/message/codes.ts';
import { Chance } from './chance.ts';
import { mutateBlocks, mutateBytes } from './raw-mutations.ts';
import { type Case, framingOf, type Seed, type Stock } from './stock.ts';
import { mutateText, type Words, wordsOf } from './text-mutations.ts';
import { mutateXml } from './xml-mutations.ts';

const contentBytesMax = 100_000;

/** Makes cases: the same seed and number always give the same one. */
export class CaseMaker {
  readonly #stock: Stock;
  readonly #seed: number;
  readonly #dialects: readonly string[];
  readonly #framings: readonly string[];
  readonly #words: ReadonlyMap<string, Words>;

  /** `dialect`: nothing but this one; empty for all there are. */
  constructor(stock: Stock, seed: number, dialect = '') {
    this.#stock = stock;
    this.#seed = seed;
    this.#dialects = dialect === '' ? [...stock.seeds.keys()] : [dialect];
    // As often its own as one of the others.
    this.#framings = ['', ...stock.framings.keys()];
    const oris = [...stock.directory.oris.keys()].slice(0, 50);
    this.#words = new Map([...stock.dialects].map(([name, of]) => [name, wordsOf(of, oris)]));
  }

  caseOf(number: number): Case {
    const chance = new Chance(this.#seed, number);
    const seed = this.#pickSeed(chance);
    const framingName = chance.is(0.5) ? '' : (chance.pick(this.#framings) ?? '');
    const framing = framingOf({ ...seed, framing: framingName }, this.#stock);
    if (framing === undefined) throw new Error('a seed names a framing that is not there');
    let wire = this.#wireOf(seed, framing, chance);
    if (chance.is(0.2)) wire = Buffer.concat([wire, this.#wireOf(this.#pickSeed(chance), framing, chance)]);
    if (framing.kind === 'header-template' && framing.start !== '' && chance.is(0.6)) {
      wire = mutateBlocks(wire, framing.start, chance);
    }
    for (let times = chance.is(0.35) ? 1 + chance.below(4) : 0; times > 0; times--) {
      wire = mutateBytes(wire, this.#pickSeed(chance).wire, chance);
    }
    return { dialect: seed.dialect, line: seed.line, framing: framingName, wire };
  }

  #pickSeed(chance: Chance): Seed {
    const seed = chance.pick(this.#stock.seeds.get(chance.pick(this.#dialects) ?? '') ?? []);
    if (seed === undefined) throw new Error('there is no sample of this dialect');
    return seed;
  }

  #wireOf(seed: Seed, framing: Framing, chance: Chance): Buffer {
    const content = chance.pick(seed.contents);
    if (content === undefined) return seed.wire;
    const changed = this.#contentOf(content, seed.dialect, chance).subarray(0, contentBytesMax);
    try {
      return framed(framing, changed);
    } catch (error) {
      // It holds a mark, or is too long: then it goes as it is, and the frame around it is broken.
      if (!(error instanceof Fault)) throw error;
      return Buffer.concat([Buffer.of(2), changed, Buffer.of(3)]);
    }
  }

  #contentOf(content: Buffer, dialectName: string, chance: Chance): Buffer {
    const dialect = this.#stock.dialects.get(dialectName);
    const words = this.#words.get(dialectName);
    if (dialect === undefined || words === undefined) return content;
    let text = content.toString('latin1');
    for (let times = chance.below(4); times > 0; times--) {
      const isXml = dialect.header.form === 'xml' && chance.is(0.9);
      text = (isXml ? mutateXml(text, chance) : mutateText(text, words, dialect, chance)).slice(
        0,
        contentBytesMax,
      );
    }
    return Buffer.from(text, 'latin1');
  }
}
