import { join } from 'node:path';
import { type Dialect, loadDialect } from '../../dialect/dialect.ts';
import { loadDirectory } from '../../directory/directory.ts';
import { Fault } from '../../message/codes.ts';
import { readFraming, type WireFraming, wireFraming } from './framing.ts';

/** What whoever sits at the far end of a line must know of it; all of it stands in the directory and in protocols/. */
export type LineFacts = {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly confirm: 'link' | 'application' | 'none';
  /** The ORI this end speaks as: the first of the line. */
  readonly ori: string;
  readonly gatewayOri: string;
  readonly framing: WireFraming;
  readonly dialect: Dialect;
  /** This end acknowledges refusal messages as well. */
  readonly answersAcked: boolean;
};

/** Throws CONFIG_INVALID when the directory has no such line, and what loading directory and dialect throws. */
export function lineFacts(directoryFolder: string, protocols: string, name: string): LineFacts {
  const directory = loadDirectory(directoryFolder);
  const line = directory.lines.get(name);
  if (line === undefined) {
    const known = [...directory.lines.keys()].slice(0, 20).join(', ');
    throw new Fault('CONFIG_INVALID', `the directory has no such line; it has ${known}`);
  }
  const { host, port, confirm, framing, oris, outbound } = line;
  const dialect = loadDialect(join(protocols, line.dialect));
  return {
    name,
    // Listening on every address is not an address to connect to.
    host: host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host,
    port,
    confirm,
    ori: [...oris][0] ?? '',
    gatewayOri: directory.gatewayOri,
    framing:
      framing === undefined ? wireFraming(dialect.framing, line.dialect) : readFraming(protocols, framing),
    dialect,
    answersAcked: outbound.answersAcked,
  };
}
