import type { Dialect, DestinationKind, KeyDefinition } from './definitions.ts';
import { matchesPicture } from './characters.ts';

/** What a destination is by its look alone; undefined when it looks like nothing this dialect knows. */
export function destinationKindOf(
  text: string,
  dialect: Pick<Dialect, 'destinations'>,
): DestinationKind | undefined {
  const { allPoints, pictures } = dialect.destinations;
  if (allPoints.has(text)) return 'all-points';
  for (const { kind, picture } of pictures) {
    if (matchesPicture(text, picture)) return kind;
  }
  return undefined;
}

/** The code a destination is known by: NE is another name of NB. */
export function canonicalDestination(text: string, { destinations }: Pick<Dialect, 'destinations'>): string {
  return destinations.aliases.get(text) ?? text;
}

/** What an ORI is that every state has, as NVLIC0000 (domain sheet 9.1); undefined: it is none of those. */
export function genericOriOf(
  ori: string,
  dialect: Pick<Dialect, 'destinations' | 'tables'>,
): string | undefined {
  return dialect.tables.get(dialect.destinations.genericOris)?.get(`xx${ori.slice(2)}`);
}

/**
 * Does this key to this kind of destination reach everyone there, rather than one system? An inquiry to a state goes
 * to that state's system; an administrative message to a state goes to all of it. Groups are always many, a station never.
 */
export function isBroadcast(key: KeyDefinition, kind: DestinationKind): boolean {
  return kind === 'group' || (kind !== 'ori' && kind !== 'mnemonic' && key.kind === 'administrative');
}

/** Does this kind name a part of the network, rather than somebody in it? */
export function isNetworkCode(kind: DestinationKind): boolean {
  return kind === 'state' || kind === 'region' || kind === 'all-points';
}
