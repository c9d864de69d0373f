import type { Site } from '../../simulate/site/site.ts';
import type { Account } from './books.ts';

/** What stands at the end, and why it is well or not. */
export type Verdict = { readonly isWell: boolean; readonly lines: readonly string[] };

/** Of the far side's books alone. */
export const judge = (account: Account): { readonly isWell: boolean; readonly lines: readonly string[] } => {
  const { sent, accepted, refused, unknown, owed, delivered, noted } = account;
  const { marked, repeats, missing, answered, unmarkedDuplicates, strangers } = account;
  const unknownWords = unknown === 0 ? '' : ' (their line ended without an answer)';
  return {
    isWell: missing === 0 && unmarkedDuplicates === 0 && strangers === 0,
    lines: [
      `senders: sent ${String(sent)}; told accepted ${String(accepted)}, refused ${String(refused)}, unknown ${String(unknown)}${unknownWords}`,
      `receivers: got ${String(delivered)} of ${String(owed)} copies promised; lost ${String(missing)}, told of instead ${String(noted)}; answers ${String(answered)}`,
      `repeats: ${String(repeats)} came again and said so (${String(marked)} bore the mark); unmarked ${String(unmarkedDuplicates)}, strangers ${String(strangers)}`,
    ],
  };
};

/** The demo's last line. */
export const lastWord = (isWell: boolean, { delivered, owed }: Account): string => {
  if (!isWell) return 'THE BOOKS DO NOT BALANCE';
  const told = delivered < owed ? ' or its sender was told' : '';
  return `the books balance: all that was promised arrived${told}, and the record proves it`;
};

/** The switch's own arithmetic: every lane's counters, and the same again from streams and segments. Redis must be there. */
export const askLedger = async (site: Site): Promise<Verdict> => {
  const { code, stdout } = await site.tenfour(['ledger', '--recount']);
  return { isWell: code === 0, lines: [`ledger: ${stdout.trimEnd().split('\n').slice(-2).join('; ')}`] };
};

/** After the site has stopped: every process ended in order, and the record is whole. */
export const askRecord = async (
  site: Site,
  codes: Readonly<Record<string, number | null>>,
): Promise<Verdict> => {
  const isDrained = Object.values(codes).every((code) => code === 0);
  const { code, stdout } = await site.tenfour(['audit', 'verify']);
  const drained = isDrained ? [] : [`not every process drained and ended with 0: ${JSON.stringify(codes)}`];
  return {
    isWell: isDrained && code === 0,
    lines: [`record: ${stdout.trimEnd().split('\n').slice(-2).join('; ')}`, ...drained],
  };
};
