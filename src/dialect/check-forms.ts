import { checkNcic } from './check-ncic.ts';
import type { Dialect } from './definitions.ts';
import type { Layers } from './layers.ts';

const relayedPlaceholders = /\{(\w+)\}/g;
const mark = '{possibleDuplicate}';

/** The forms of dialect.json can be read by whom they are for: a station what we send it, we what a network hands on. */
export function checkForms(dialect: Dialect, relayed: readonly (readonly string[])[], layers: Layers): void {
  checkNcic(dialect, relayed, layers);
  checkOutput(dialect, layers);
  for (const [at, form] of relayed.entries()) checkRelayed(form, at, dialect.header.textMark, layers);
}

/**
 * A station finds the body behind the first text mark, and answers with the count it was sent. A receipt's key must not be
 * a message's: one that is would be read as one and the other.
 */
function checkOutput(dialect: Dialect, layers: Layers): void {
  const { header, output, keys } = dialect;
  const place = (name: string, text: string) => ['dialect.json', `/output/${name}`, text] as const;
  const { form, possibleDuplicate, receipts } = output;
  if (header.form === 'xml') checkDocument(dialect, layers);
  else if (form.some((line) => line.includes('{body}')))
    throw layers.fault(place('form', 'must not hold {body}: it follows the last line'));
  const hasTextMark = header.form === 'dotted';
  if (hasTextMark && form.indexOf(header.textMark) !== form.length - 1) {
    throw layers.fault(place('form', 'must end with the text mark and hold it on no other line'), [
      'dialect.json',
      '/header/textMark',
      'must be the last line of /output/form and no other',
    ]);
  }
  const marked = form.filter((line) => line.includes('{possibleDuplicate}'));
  const isMarkAlone = header.form === 'xml' ? placeholdersIn(marked).length === 1 : marked[0] === mark;
  if (marked.length !== 1 || !isMarkAlone) {
    throw layers.fault(place('form', 'must hold {possibleDuplicate} once, on a line of its own'));
  }
  const noted = form.filter((line) => line.includes('{notCarried}'));
  if (noted.length > 1 || placeholdersIn(noted).length !== noted.length) {
    throw layers.fault(
      place('form', 'must hold {notCarried} once at most, with no other word in braces on its line'),
    );
  }
  // NCIC's own form has no place for a count: a line of it cannot be one on which receipts come.
  if (header.form !== 'ncic' && !form.some((line) => line.includes('{sentCount}'))) {
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

/**
 * A reader finds the root on one line, with every namespace it declares, and the body inside it. A notice is marked where the output is:
 * before the line that follows the mark there.
 */
function checkDocument({ xml, output, answers }: Dialect, layers: Layers): void {
  const wrong = (text: string) => layers.fault(['dialect.json', '/output/form', text]);
  const { form } = output;
  const lines = form.map((line) => line.trim());
  const [first = '', second = ''] = lines;
  const root = first.startsWith('<?') ? second : first;
  const name = xml?.root.element ?? '';
  const isRoot =
    (root.startsWith(`<${name} `) || root === `<${name}>`) && root.indexOf('>') === root.length - 1;
  if (!isRoot || placeholdersIn([root]).length > 0)
    throw wrong('must begin with the start tag of the root, whole');
  if (lines.at(-1) !== `</${name}>`) throw wrong('must end with the end tag of the root');
  if (lines.filter((line) => line.includes('{body}')).join() !== '{body}') {
    throw wrong('must hold {body} once, on a line of its own');
  }
  const after = lines.slice(lines.findIndex((line) => line.includes(mark)) + 1);
  const next = after.find((line) => placeholdersIn([line]).length === 0) ?? '';
  if (!answers.refused.some((line) => line.trim() === next)) {
    throw layers.fault(
      [
        'dialect.json',
        '/answers/refused',
        'must hold the line that follows {possibleDuplicate} in /output/form',
      ],
      ['dialect.json', '/output/form', 'must have a line of /answers/refused behind {possibleDuplicate}'],
    );
  }
}

function placeholdersIn(lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => [...line.matchAll(relayedPlaceholders)].map(([, name = '']) => name));
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
