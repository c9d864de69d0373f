import type { Dialect, KeyDefinition, KeyKind, UnknownKeys } from './definitions.ts';
import { destinationKindOf } from './destinations.ts';
import type { dialectFile } from './file-kinds.ts';
import type { Layers, Wrong } from './layers.ts';
import type { z } from 'zod';

type Head = z.output<typeof dialectFile>;

/**
 * What a key without a file is, where the dialect lets it pass (domain sheet 6.3): free text, and otherwise like the key that dialect.json
 * names for it, so that every permission of a line holds for it too.
 */
export function passedKey(
  { unknownKeys, output }: Pick<Dialect, 'unknownKeys' | 'output'>,
  messageKey: string,
): KeyDefinition | undefined {
  if (unknownKeys === undefined) return undefined;
  const { accepted, refused } = output.receipts;
  // A receipt that could not be read as one is nobody's message.
  if (messageKey === accepted || messageKey === refused || unknownKeys.except.has(messageKey))
    return undefined;
  // Keys of three letters that end in Q are answered by those in R (domain sheet 7).
  const ending = messageKey.length === 3 ? messageKey.at(-1) : '';
  if (ending === 'R') return { ...unknownKeys.response, key: messageKey };
  if (ending !== 'Q') return { ...unknownKeys.administrative, key: messageKey };
  return { ...unknownKeys.inquiry, key: messageKey, repliedBy: [`${messageKey.slice(0, 2)}R`] };
}

/** How keys without a file are taken; undefined where they are refused. Throws DIALECT_INVALID. */
export function unknownKeysOf(
  { unknownKeys, unknownKeysLike }: Head,
  dialect: Pick<Dialect, 'keys' | 'destinations'>,
  layers: Layers,
): UnknownKeys | undefined {
  if (unknownKeys !== 'pass') return undefined;
  if (unknownKeysLike === undefined) {
    throw layers.fault(['dialect.json', '/unknownKeys', 'is pass, which needs unknownKeysLike']);
  }
  const { implied = [] } = unknownKeysLike;
  const stranger = implied.findIndex((code) => destinationKindOf(code, dialect) === undefined);
  if (stranger !== -1) {
    const pointer = `/unknownKeysLike/implied/${String(stranger)}`;
    throw layers.fault(['dialect.json', pointer, 'looks like no destination']);
  }
  const like = (kind: KeyKind & keyof UnknownKeys): KeyDefinition =>
    likeKey(kind, unknownKeysLike[kind], dialect.keys, layers);
  return {
    inquiry: like('inquiry'),
    response: like('response'),
    administrative: like('administrative'),
    implied: implied.map((text) => ({ text, offset: 0, isImplied: true })),
    except: layers.keysLeftOut(),
  };
}

function likeKey(
  kind: KeyKind,
  name: string,
  keys: ReadonlyMap<string, KeyDefinition>,
  layers: Layers,
): KeyDefinition {
  const key = keys.get(name);
  if (key?.kind === kind && key.body === 'text' && key.destinations.implied.length === 0) {
    return { ...key, title: 'Key without a file', isUnknown: true };
  }
  const others: Wrong[] = [[`message-keys/${name}.json`, '', 'is what keys without a file are taken like']];
  const leftOut = layers.leftOut(name);
  if (leftOut !== undefined)
    others.push(['dialect.json', leftOut, 'is what keys without a file are taken like']);
  throw layers.fault(
    [
      'dialect.json',
      `/unknownKeysLike/${kind}`,
      'must name a key of this kind that has text and written destinations',
    ],
    ...others,
  );
}
