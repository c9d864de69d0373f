import { z } from 'zod';
import { differenceFileKinds } from '../src/dialect/difference-kinds.ts';
import { dialectFileKinds } from '../src/dialect/file-kinds.ts';
import { xmlFileKinds } from '../src/dialect/xml-form-file.ts';
import { directoryFileKinds } from '../src/directory/file-kinds.ts';
import { sampleFileKinds } from '../src/explain/sample-kinds.ts';

/** File name to content of every JSON Schema in protocols/format/. */
export function formatSchemas(): ReadonlyMap<string, string> {
  const kinds = Object.entries({
    ...dialectFileKinds,
    ...differenceFileKinds,
    ...xmlFileKinds,
    ...directoryFileKinds,
    ...sampleFileKinds,
  });
  return new Map(
    kinds.map(([kind, schema]) => [
      `${kind}.schema.json`,
      `${JSON.stringify(z.toJSONSchema(schema, { io: 'input' }), null, 2)}\n`,
    ]),
  );
}
