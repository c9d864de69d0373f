/**
 * Writes the table at the head of docs/refusals.md from the sections below it and src/message/codes.ts, and src/explain/advice.ts from
 * the same. Run it after a change of either; a test fails when it was forgotten.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { adviceModule, withTable } from './refusal-page.ts';

const root = join(import.meta.dirname, '..');
const page = join(root, 'docs/refusals.md');
const text = withTable(readFileSync(page, 'utf8'));
writeFileSync(page, text);
writeFileSync(join(root, 'src/explain/advice.ts'), adviceModule(text));
