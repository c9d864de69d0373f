import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { loadConfig } from '../config/config.ts';
import { dialectName } from '../dialect/file-kinds.ts';
import { checkedFolder } from '../explain/dialect-check.ts';
import { dialectPage, isUnconfirmed } from '../explain/dialect-page.ts';
import { dialectParts } from '../explain/dialect-parts.ts';
import { fillSamples } from '../explain/fill-samples.ts';
import { findingText } from '../explain/finding.ts';
import { makeDialect } from '../explain/new-dialect.ts';
import { dryRun } from '../wiring/dry-run.ts';
import { print, readOptions, UsageError } from './usage.ts';

/** `tenfour dialect describe|check|new`: for people who write down what a state or network says of its messages. */
export const run = ([what, ...args]: readonly string[]): Promise<number> => {
  switch (what) {
    case 'describe':
      return Promise.resolve(describe(args));
    case 'check':
      return Promise.resolve(check(args));
    case 'new':
      return Promise.resolve(make(args));
    default:
      throw new UsageError('expects: describe, check or new');
  }
};

const describe = (args: readonly string[]): number => {
  const kinds = { protocols: 'string', uncertain: 'boolean', json: 'boolean' } as const;
  const { options, words } = readOptions(args, kinds, ['NAME']);
  const parts = dialectParts(folderOf(words[0] ?? '', protocolsOf(options.protocols)));
  const said = options.uncertain ? parts.said.filter(isUnconfirmed) : parts.said;
  if (options.json) print(JSON.stringify({ ...parts, said }));
  else for (const line of dialectPage(parts, said)) print(line);
  return 0;
};

const check = (args: readonly string[]): number => {
  const { options, words } = readOptions(args, { directory: 'string', fill: 'boolean', json: 'boolean' }, [
    'DIR',
  ]);
  const folder = resolve(words[0] ?? '');
  if (!existsSync(join(folder, 'dialect.json')))
    throw new UsageError('DIR is not a folder with a dialect.json');
  const directory = options.directory ?? join(dirname(folder), 'sample-directory');
  const filled = options.fill ? fillSamples(folder, directory, dryRun) : [];
  const { findings, notes, samplesRun } = checkedFolder(folder, directory, dryRun);
  const isFine = findings.length === 0;
  if (options.json)
    print(JSON.stringify({ dialect: basename(folder), ok: isFine, findings, notes, filled, samplesRun }));
  else {
    for (const sample of filled) print(sample);
    for (const finding of findings) print(findingText(finding));
    for (const note of notes) print(`note: ${note}`);
    print(
      isFine
        ? `nothing is wrong; ${String(samplesRun)} samples ran`
        : `${String(findings.length)} ${findings.length === 1 ? 'thing is' : 'things are'} wrong`,
    );
  }
  return isFine ? 0 : 1;
};

const make = (args: readonly string[]): number => {
  const { options, words } = readOptions(args, { extends: 'string', protocols: 'string' }, ['NAME']);
  const [name = ''] = words;
  if (!dialectName.safeParse(name).success)
    throw new UsageError('a dialect is named in lower case letters, digits and hyphens, 2 to 40 of them');
  if (options.extends === undefined)
    throw new UsageError('new expects --extends and the dialect to stand on');
  const protocols = protocolsOf(options.protocols);
  const base = basename(folderOf(options.extends, protocols));
  const made = makeDialect(name, base, protocols, dryRun);
  if (!made.ok) {
    print(`${name} ${made.why}`);
    return 1;
  }
  const folder = join(protocols, name);
  for (const file of made.files) print(join(folder, file));
  print('');
  print(`Key ${made.messageKey} and its field are examples: change them, and whatever says FILL IN.`);
  print(`Look at it:  tenfour dialect check ${folder}`);
  const given = options.protocols === undefined ? '' : ` --protocols ${protocols}`;
  print(
    `             tenfour explain ${join(folder, 'samples/accepted/example/wire.msg')} --dialect ${name}${given}`,
  );
  print(
    `A line of its own: copy the line ${made.line} in ${join(protocols, 'sample-directory/lines.json')}, give the copy a name,`,
  );
  print(
    `station and port that nobody has, and "dialect": "${name}"; name the station in agencies.json, the line in the samples.`,
  );
  return 0;
};

const protocolsOf = (given: string | undefined): string => given ?? loadConfig(process.env).PROTOCOLS;

/** Names are never paths: a dialect is a folder of the protocols folder. */
const folderOf = (name: string, protocols: string): string => {
  const folder = join(protocols, name);
  if (!dialectName.safeParse(name).success || !existsSync(join(folder, 'dialect.json')))
    throw new UsageError(`there is no such dialect in ${protocols}`);
  return folder;
};
