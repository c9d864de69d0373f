import { loadConfig } from '../config/config.ts';
import { type Faults, type LineFault, lineFaults, SpecError } from '../simulate/faults/faults.ts';
import { type LineFacts, lineFacts } from '../simulate/wire/line-facts.ts';
import { UsageError } from './usage.ts';

/** Options of every simulator that sits at the end of a line. */
export const lineKinds = {
  line: 'string',
  directory: 'string',
  host: 'string',
  port: 'string',
  faults: 'string',
  json: 'boolean',
  'show-body': 'boolean',
  attached: 'boolean',
} as const;

type LineOptions = Readonly<Record<'line' | 'directory' | 'host' | 'port' | 'faults', string | undefined>>;

/** The line as the directory has it, at another address if one is given. */
export const lineOf = ({ line, directory, host, port }: LineOptions): LineFacts => {
  if (line === undefined) throw new UsageError('which line? --line NAME');
  const config = loadConfig(process.env);
  const facts = lineFacts(directory ?? config.DIRECTORY, config.PROTOCOLS, line);
  return {
    ...facts,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port: numberOf('--port', port, 1, 65_535) }),
  };
};

export const faultsOf = ({ faults = '' }: LineOptions): Faults<LineFault> =>
  asUsage(() => lineFaults(faults));

/** What cannot be read in a spec or script is wrong usage. */
export const asUsage = <T>(read: () => T): T => {
  try {
    return read();
  } catch (error) {
    if (error instanceof SpecError) throw new UsageError(error.message);
    throw error;
  }
};

export const numberOf = (name: string, text: string, min: number, max: number): number => {
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text) || value < min || value > max)
    throw new UsageError(`${name} is a number from ${String(min)} to ${String(max)}`);
  return value;
};
