import { type Dialect, keyOf, ncicHeader } from '../dialect/dialect.ts';

type Query = {
  readonly messageKey: string;
  readonly originatingOri: string;
  readonly control: string;
  readonly body: Buffer;
};

/**
 * The content of a frame for whoever reads NCIC's form and is asked or told something, NCIC itself above all: an inquiry or entry as a
 * member writes it, not a response (domain sheet 5.1). Undefined for everything else. Line ends mean nothing in fields and may not stand
 * there, nor may a period behind the last one: they are left out.
 */
export function ncicQuery({ body, ...header }: Query, dialect: Dialect): Buffer | undefined {
  const { ncic } = dialect;
  const isQuery = (keyOf(dialect, header.messageKey)?.destinations.implied.length ?? 0) > 0;
  if (ncic === undefined || !isQuery) return undefined;
  const fields = body
    .toString('latin1')
    .replaceAll(/[\r\n\x7f]/g, '')
    .replace(/[. ]+$/, '');
  return Buffer.from(ncicHeader(ncic, header) + fields, 'latin1');
}
