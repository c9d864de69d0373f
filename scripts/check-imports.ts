/**
 * Checks every import of the project against scripts/import-rules.ts, after proving that the check can see:
 * it plants one violation for each rule in a tree of its own and expects each to be caught, and it counts the modules it
 * cruised. (With TypeScript 7 dependency-cruiser finds none and reports "no violations".)
 */
import { mkdirSync, mkdtempSync, copyFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cruise, type ICruiseResult, type IViolation } from 'dependency-cruiser';
import { importRules, type ImportRule } from './import-rules.ts';

const modulesMin = 40;
const root = join(import.meta.dirname, '..');

async function summaryOf(baseDir: string, folders: string[]): Promise<ICruiseResult['summary']> {
  const forbidden = importRules.map(({ name, severity, comment, from, to }) => ({
    name,
    severity,
    comment,
    from,
    to,
  }));
  const { output } = await cruise(
    folders,
    {
      baseDir,
      validate: true,
      ruleSet: { forbidden },
      tsPreCompilationDeps: true,
      doNotFollow: { path: 'node_modules' },
      combinedDependencies: false,
    },
    // 'import' and 'node' as Node resolves; without them packages that only have `exports` look missing.
    {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'require'],
      extensions: ['.ts', '.js'],
    },
  );
  if (typeof output === 'string')
    throw new Error('dependency-cruiser answered with text instead of a result');
  return output.summary;
}

/** Rules that did not catch the import planted for them. */
async function sleepingRules(): Promise<ImportRule[]> {
  const asleep: ImportRule[] = [];
  const tree = mkdtempSync(join(tmpdir(), 'tenfour-planted-'));
  try {
    copyFileSync(join(root, 'package.json'), join(tree, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
    for (const rule of importRules) {
      const [file, imported] = rule.planted;
      write(tree, file, `import '${imported}';\nexport const planted = 1;\n`);
      const target = join(dirname(file), imported);
      const needsTarget =
        imported.startsWith('.') && rule.name !== 'every-import-resolves' && target !== file;
      if (needsTarget) write(tree, target, 'export const target = 1;\n');
      const { violations } = await summaryOf(tree, ['src']);
      if (!violations.some((violation) => violation.rule.name === rule.name)) asleep.push(rule);
      rmSync(join(tree, 'src'), { recursive: true });
    }
  } finally {
    rmSync(tree, { recursive: true });
  }
  return asleep;
}

function write(tree: string, file: string, text: string): void {
  mkdirSync(dirname(join(tree, file)), { recursive: true });
  writeFileSync(join(tree, file), text);
}

function sentence({ rule, from, to }: IViolation): string {
  const instead = importRules.find(({ name }) => name === rule.name)?.comment ?? '';
  return `${from} -> ${to}\n    ${rule.name}: ${instead}`;
}

const problems: string[] = [];
for (const rule of await sleepingRules()) {
  problems.push(`rule ${rule.name} did not catch its planted violation (${rule.planted.join(' imports ')})`);
}
const { totalCruised, violations } = await summaryOf(root, [
  'src',
  'test',
  'loadtest',
  'benchmarks',
  'scripts',
]);
problems.push(...violations.map(sentence));
if (totalCruised <= modulesMin) problems.push(`saw only ${String(totalCruised)} modules: the check is blind`);

for (const problem of problems) console.error(problem);
console.log(
  `imports: ${String(totalCruised)} modules, ${String(importRules.length)} rules, ${String(problems.length)} problems`,
);
if (problems.length > 0) process.exitCode = 1;
