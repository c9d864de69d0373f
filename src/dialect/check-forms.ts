import type { Dialect } from './definitions.ts';
import type { Layers } from './layers.ts';

const relayedPlaceholders = /\{(\w+)\}/g;

/** The forms of dialect.json can be read by whom they are for: a station what we send it, we what a network hands on. */
export function checkForms(dialect: Dialect, relayed: readonly (readonly string[])[], layers: Layers): void {
  checkOutput(dialect, layers);
  for (const [at, form] of relayed.entries()) checkRelayed(form, at, dialect.header.textMark, layers);
}

/**
 * A station finds the body behind the first text mark, and answers with the count it was sent. A receipt's key must not be
 * a message's: one that is would be read as one and the other.
 */
function checkOutput({ header, output, keys }: Dialect, layers: Layers): void {
  const place = (name: string, text: string) => ['dialect.json', `/output/${name}`, text] as const;
  const { form, possibleDuplicate, receipts } = output;
  if (form.indexOf(header.textMark) !== form.length - 1) {
    throw layers.fault(place('form', 'must end with the text mark and hold it on no other line'), [
      'dialect.json',
      '/header/textMark',
      'must be the last line of /output/form and no other',
    ]);
  }
  if (form.filter((line) => line.includes('{possibleDuplicate}')).join() !== '{possibleDuplicate}') {
    throw layers.fault(place('form', 'must hold {possibleDuplicate} once, on a line of its own'));
  }
  if (!form.some((line) => line.includes('{sentCount}'))) {
    throw layers.fault(place('form', 'must hold {sentCount}'));
  }
  if (possibleDuplicate === header.textMark) {
    throw layers.fault(place('possibleDuplicate', 'must not be the text mark'), [
      'dialect.json',
      '/header/textMark',
      'must not be what /output/possibleDuplicate says',
    ]);
  }
  if (receipts.accepted === receipts.refused) {
    throw layers.fault(place('receipts/refused', 'is taken'), place('receipts/accepted', 'is taken'));
  }
  const { lengthMin, lengthMax } = header.messageKey;
  for (const kind of ['accepted', 'refused'] as const) {
    const key = receipts[kind];
    const file = `message-keys/${key}.json`;
    if (key.length < lengthMin || key.length > lengthMax) {
      throw layers.fault(place(`receipts/${kind}`, 'has a length the header does not allow'), [
        'dialect.json',
        '/header/messageKey',
        `does not allow the length of /output/receipts/${kind}`,
      ]);
    }
    if (keys.has(key)) {
      throw layers.fault(place(`receipts/${kind}`, 'is a message key'), [
        file,
        '/key',
        `is what a station answers with: /output/receipts/${kind}`,
      ]);
    }
  }
}

/** The reader knows such a message by its first line, and takes a destination or a control field to the end of its line. */
function checkRelayed(form: readonly string[], at: number, textMark: string, layers: Layers): void {
  const pointer = `/relayed/${String(at)}`;
  const wrong = (text: string) => layers.fault(['dialect.json', pointer, text]);
  if (form[0] !== '{messageKey}.{originatingOri}')
    throw wrong('must begin with {messageKey}.{originatingOri}');
  if (form.indexOf(textMark) !== form.length - 1) {
    throw layers.fault(
      ['dialect.json', pointer, 'must end with the text mark and hold it on no other line'],
      ['dialect.json', '/header/textMark', `must be the last line of ${pointer} and no other`],
    );
  }
  const between = form.slice(1, -1);
  const names = between.flatMap((line) => [...line.matchAll(relayedPlaceholders)].map(([, name]) => name));
  if (names.filter((name) => name === 'destination').length !== 1)
    throw wrong('must hold {destination} once');
  if (names.filter((name) => name === 'control').length > 1) throw wrong('must hold {control} once at most');
  if (names.includes('messageKey') || names.includes('originatingOri')) {
    throw wrong('must hold {messageKey} and {originatingOri} on the first line only');
  }
  if (between.some((line) => /\{(?:destination|control)\}./.test(line))) {
    throw wrong('must have nothing behind {destination} or {control} on their line');
  }
}
