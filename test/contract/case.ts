import { after, before, type TestContext, test as nodeTest } from 'node:test';
import { type Capability, Lacking, lackOf } from './capabilities.ts';

type Body = (context: TestContext) => Promise<void> | void;
export type Needs = { readonly needs: readonly Capability[] };

/** A case of the contract: like node:test's, but skipped with a word where the bus lacks a capability or an entity it uses. */
export function test(name: string, body: Body): void;
export function test(name: string, needs: Needs, body: Body): void;
export function test(name: string, first: Needs | Body, second?: Body): void {
  const { needs } = typeof first === 'function' ? { needs: [] } : first;
  const body = typeof first === 'function' ? first : second;
  const lack = lackOf(needs);
  void nodeTest(name, { skip: lack === undefined ? false : `lacks ${lack}` }, async (context) => {
    try {
      await body?.(context);
    } catch (error) {
      if (!(error instanceof Lacking)) throw error;
      context.skip(error.message);
    }
  });
}

/** A hook that what the bus lacks does not fail: the cases then meet the same lack and are skipped. */
const tolerant = (work: () => Promise<void>) => async (): Promise<void> => {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Lacking)) throw error;
  }
};

export const beforeCases = (work: () => Promise<void>): void => {
  before(tolerant(work));
};
export const afterCases = (work: () => Promise<void>): void => {
  after(tolerant(work));
};
