import { pointerOf } from './checked-file.ts';
import { matchesPicture } from './characters.ts';
import type { Dialect, KeyDefinition } from './definitions.ts';
import { destinationKindOf } from './destinations.ts';
import type { Layers } from './layers.ts';

/** What is said of single destinations: other names lead somewhere, nothing names them, and generic ORIs look like ORIs. */
export function checkDestinationWords(dialect: Dialect, layers: Layers): void {
  checkAliases(dialect, layers);
  checkGenericOris(dialect, layers);
  for (const key of dialect.keys.values()) {
    const { only, except, alone, implied } = key.destinations;
    checkNamed([...only], key, '/destinations/only', dialect, layers);
    checkNamed([...except], key, '/destinations/except', dialect, layers);
    // A picture of a destination looks like one itself: its letters stand for letters, its digits for digits.
    checkNamed(alone, key, '/destinations/alone', dialect, layers);
    checkNamed(
      implied.map(({ text }) => text),
      key,
      '/destinations/implied',
      dialect,
      layers,
    );
    for (const [at, { destinations, only: fields }] of key.byDestination.entries()) {
      const pointer = pointerOf(['byDestination', at, 'destinations']);
      checkNamed([...destinations], key, pointer, dialect, layers);
      if ([...fields].every((code) => key.dictionary.has(code))) continue;
      const file = `message-keys/${key.key}.json`;
      throw layers.fault([file, pointerOf(['byDestination', at, 'only']), 'names a field fields.json lacks']);
    }
  }
}

/** One name for another, never two steps, and as long: what a refusal points at is what was written. */
function checkAliases(dialect: Dialect, layers: Layers): void {
  const { aliases } = dialect.destinations;
  for (const [written, meant] of aliases) {
    const wrong = (text: string) =>
      layers.fault(['dialect.json', pointerOf(['destinations', 'aliases', written]), text]);
    const kind = destinationKindOf(meant, dialect);
    if (kind === undefined) throw wrong('leads to what looks like no destination');
    if (destinationKindOf(written, dialect) !== kind) throw wrong('looks like another kind of destination');
    if (written.length !== meant.length) throw wrong('has another length than what it leads to');
    if (aliases.has(meant)) throw wrong('leads to another alias');
  }
  for (const [at, [region, states]] of [...dialect.regions].entries()) {
    if (![region, ...states].some((code) => aliases.has(code))) continue;
    throw layers.fault(
      ['regions.tsv', `/${String(at + 2)}`, 'names an alias'],
      ['dialect.json', '/destinations/aliases', 'has a code of regions.tsv'],
    );
  }
}

/** A list of a key file holds destinations, and those by the names that messages are read with. */
function checkNamed(
  codes: readonly string[],
  { key }: KeyDefinition,
  pointer: string,
  dialect: Dialect,
  layers: Layers,
): void {
  const file = `message-keys/${key}.json`;
  if (codes.some((code) => destinationKindOf(code, dialect) === undefined)) {
    throw layers.fault(
      [file, pointer, 'names a code that looks like no destination'],
      ['dialect.json', '/destinations', `has no form for a code of ${file}`],
    );
  }
  if (codes.some((code) => dialect.destinations.aliases.has(code))) {
    throw layers.fault(
      [file, pointer, 'names an alias, which no message is read with'],
      ['dialect.json', '/destinations/aliases', `has a code of ${file}`],
    );
  }
}

function checkGenericOris({ destinations, header, tables }: Dialect, layers: Layers): void {
  for (const ori of tables.get(destinations.genericOris)?.keys() ?? []) {
    const ofState = ori.replace(/^xx/, 'AA');
    if (ofState !== ori && matchesPicture(ofState, header.originatingOri)) continue;
    const file = `codes/${destinations.genericOris}.tsv`;
    throw layers.fault([file, '', 'has a code that is not xx and the rest of an ORI']);
  }
}
