/**
 * Writes protocols/format/*.schema.json from the file kinds the loaders use, so editors and loaders cannot disagree.
 * Run it after a change of src/dialect/file-kinds.ts or src/directory/file-kinds.ts; a test fails when it was forgotten.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatSchemas } from './format-schemas.ts';

const folder = join(import.meta.dirname, '../protocols/format');
mkdirSync(folder, { recursive: true });
for (const [name, text] of formatSchemas()) writeFileSync(join(folder, name), text);
