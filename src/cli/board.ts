import { runRole } from './role.ts';
import { readOptions } from './usage.ts';

/** The board is a role like the others; `--port` stands for TENFOUR_BOARD_PORT. */
export const run = (args: readonly string[]): Promise<number> => {
  const { options } = readOptions(args, { port: 'string', attached: 'boolean' });
  const settings = options.port === undefined ? {} : { TENFOUR_BOARD_PORT: options.port };
  return runRole(['board'], options.attached ? ['--attached'] : [], settings);
};
