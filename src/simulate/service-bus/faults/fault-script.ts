import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { StandInError } from '../stand-in-error.ts';
import type { Faults } from './faults.ts';
import { type ScriptedFault, scriptedFault } from './fault-orders.ts';

const linesMax = 10_000;

/** Reads a script: a JSON list of `{"atMs", "fault", …}`. Throws StandInError `CONFIG_INVALID` that says where it is wrong. */
export async function loadFaultScript(file: string): Promise<readonly ScriptedFault[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new StandInError('CONFIG_INVALID', `${file}: cannot be read`, { cause });
  });
  return parseFaultScript(text, file);
}

/** The same from a text; `name` is what an error calls it. */
export function parseFaultScript(text: string, name: string): readonly ScriptedFault[] {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (cause) {
    const says = cause instanceof Error ? cause.message : 'is not JSON';
    throw new StandInError('CONFIG_INVALID', `${name}: ${says}`, { cause });
  }
  const parsed = z.array(scriptedFault).max(linesMax).safeParse(given);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.slice(0, 20).map(({ path, message }) => {
    const [at, ...field] = path;
    const place = typeof at === 'number' ? `[${String(at)}]` : '';
    return `${name}${place}${field.map((part) => `.${String(part)}`).join('')}: ${message}`;
  });
  throw new StandInError('CONFIG_INVALID', wrong.join('\n'));
}

/** Does a script from now on; the returned function ends it. An order for which too many are armed is left out, and counted. */
export function runFaultScript(script: readonly ScriptedFault[], faults: Faults): () => void {
  const sorted = [...script].sort((a, b) => a.atMs - b.atMs);
  const startedAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let next = 0;
  const go = (): void => {
    for (; next < sorted.length; next++) {
      const due = sorted[next];
      if (due === undefined) return;
      const leftMs = startedAt + due.atMs - performance.now();
      if (leftMs > 0) {
        timer = setTimeout(go, leftMs);
        return;
      }
      faults.order(due);
    }
  };
  go();
  return () => {
    clearTimeout(timer);
  };
}
