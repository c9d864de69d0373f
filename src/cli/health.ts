import { loadConfig } from '../config/config.ts';
import { print, readOptions, UsageError } from './usage.ts';

/** Less than any health check's own patience, so that the answer is ours. */
const ANSWER_MS_MAX = 2000;
const WILDCARDS: readonly string[] = ['0.0.0.0', '::', ''];

/**
 * Asks the end points of a role on this machine, as TENFOUR_OPS_HOST and TENFOUR_OPS_PORT name them. 0: it lives (or is ready), 1: it
 * does not. Prints what it was told; an image needs no shell and no other program for its health check.
 */
export const run = async (args: readonly string[]): Promise<number> => {
  const { options } = readOptions(args, { ready: 'boolean', port: 'string' });
  const { OPS_HOST, OPS_PORT } = loadConfig(process.env);
  const port = options.port === undefined ? OPS_PORT : Number(options.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new UsageError('set TENFOUR_OPS_PORT, or give --port N');
  const host = WILDCARDS.includes(OPS_HOST) ? '127.0.0.1' : OPS_HOST;
  const path = options.ready ? '/readyz' : '/livez';
  const place = `${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
  const told = await ask(`http://${place}${path}`);
  print(told?.text ?? `no answer from ${place}`);
  return told?.isYes === true ? 0 : 1;
};

const ask = async (url: string): Promise<{ isYes: boolean; text: string } | undefined> => {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    return { isYes: answer.ok, text: await answer.text() };
  } catch {
    // Refused, reset or late: for whoever asks, all the same.
    return undefined;
  }
};
