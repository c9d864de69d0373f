import type { BusUnderTest } from '../test/contract/capabilities.ts';
import type { Asked } from '../test/contract/probe.ts';

export type Case = {
  readonly file: string;
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** What is lacking, or why it failed. */
  readonly why: string;
};

type Ended = {
  readonly name?: string;
  readonly skip?: string | boolean;
  readonly details?: {
    readonly type?: string;
    readonly error?: { readonly cause?: unknown; readonly message?: string };
  };
};

/**
 * A case that ended, of an event of node:test; undefined for anything else, a suite of passed cases too. A file that could not be
 * loaded, or ended on its own, is a failed case: nothing else would tell of the cases it did not run. `words`: what it wrote last.
 */
export function caseOf(file: string, type: string, data: unknown, words = ''): Case | undefined {
  if (type !== 'test:pass' && type !== 'test:fail') return undefined;
  const { name = '', skip, details } = data as Ended;
  const isFile = name.endsWith('.test.ts');
  if (isFile && type === 'test:fail')
    return { file, name: 'all of it', outcome: 'failed', why: words === '' ? textOf(details?.error) : words };
  const isSuite = isFile || details?.type === 'suite';
  if (isSuite && (type === 'test:pass' || isOfItsCases(details))) return undefined;
  const place = { file, name };
  if (skip !== undefined && skip !== false)
    return { ...place, outcome: 'skipped', why: String(skip).replace(/^lacks /, '') };
  if (type === 'test:pass') return { ...place, outcome: 'passed', why: '' };
  return { ...place, outcome: 'failed', why: textOf(details?.error?.cause ?? details?.error) };
}

/** A suite that failed only because cases of it did has nothing of its own to say. */
const isOfItsCases = (details: Ended['details']): boolean => /subtests? failed/.test(textOf(details?.error));

const textOf = (error: unknown): string =>
  error instanceof Error ? error.message : typeof error === 'string' ? error : JSON.stringify(error ?? '');

/** Blots out the connection strings and their keys, whatever text they turn up in. */
export function redacting(asked: Asked | undefined): (text: string) => string {
  const strings = [asked?.address, asked?.administration].filter((text) => text?.includes('=') === true);
  const secrets = strings.flatMap((text = '') => [
    text,
    ...[...text.matchAll(/(?:SharedAccessKey|SharedAccessSignature)=([^;]+)/gi)].map(
      ([, secret = '']) => secret,
    ),
  ]);
  return (text) => secrets.reduce((shown, secret) => shown.replaceAll(secret, '***'), text);
}

const count = (cases: readonly Case[], outcome: Case['outcome']): number =>
  cases.filter((one) => one.outcome === outcome).length;

/** How many cases were skipped for the lack of what. */
const skippedBy = (cases: readonly Case[]): Readonly<Record<string, number>> => {
  const skipped: Record<string, number> = {};
  for (const { outcome, why } of cases) if (outcome === 'skipped') skipped[why] = (skipped[why] ?? 0) + 1;
  return skipped;
};

export function report(cases: readonly Case[], bus: BusUnderTest | undefined, isJson: boolean): string {
  const skipped = skippedBy(cases);
  const { lacks = [], entitiesMissing = [], messageBytesMax, prefix } = bus ?? {};
  if (isJson) {
    const totals = { passed: count(cases, 'passed'), failed: count(cases, 'failed'), skipped };
    const found = bus === undefined ? 'own stand-in' : { lacks, entitiesMissing, messageBytesMax, prefix };
    return `${JSON.stringify({ bus: found, ...totals, cases })}\n`;
  }
  const files = [...new Set(cases.map(({ file }) => file))].sort();
  const rows = files.map((file) => {
    const of = cases.filter((one) => one.file === file);
    return [file, ...(['passed', 'failed', 'skipped'] as const).map((outcome) => String(count(of, outcome)))];
  });
  const totals = [
    '',
    String(count(cases, 'passed')),
    String(count(cases, 'failed')),
    String(count(cases, 'skipped')),
  ];
  const lines = [['file', 'passed', 'failed', 'skipped'], ...rows, totals].map(
    ([file = '', ...numbers]) => `${file.padEnd(24)}${numbers.map((text) => text.padStart(9)).join('')}`,
  );
  const missing = cases
    .filter(({ outcome }) => outcome === 'skipped')
    .map(({ file, name, why }) => `skipped, lacks ${why}: ${file}: ${name}`);
  const by = Object.entries(skipped).map(([what, number]) => `lacks ${what}: ${String(number)} skipped`);
  return `${[...missing, '', ...lines, '', ...by].join('\n')}\n`;
}
