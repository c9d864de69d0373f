import type { FieldEntry, KeyEntry } from '../dialect/file-kinds.ts';

type FieldSetWords = Pick<KeyEntry, 'required' | 'alternatives' | 'optional'>;

/** Members of a key's file that the sentences below tell; any other one is shown as it is written. */
const told: ReadonlySet<string> = new Set(
  '$schema key title source confidence kind priorityClass priorityByField body destinations required alternatives optional exclusive fields cases repliedBy expiresMs'.split(
    ' ',
  ),
);

const toldOfDestinations: ReadonlySet<string> = new Set([
  'kinds',
  'max',
  'codesMax',
  'only',
  'except',
  'alone',
  'implied',
]);
const toldOfField: ReadonlySet<string> = new Set(
  'title source confidence lengthMin lengthMax characters also contains pictures orValues codeTable codeTableComplete sensitive'.split(
    ' ',
  ),
);

/** A message key's file in sentences. */
export function keyWords(entry: KeyEntry): readonly string[] {
  const { repliedBy = [], expiresMs, exclusive = [], cases = [], fields = {} } = entry;
  const answered = repliedBy.length > 0 ? `answered by ${repliedBy.join(' or ')}` : 'no answer expected';
  const waits = expiresMs === undefined ? 'waits without a limit' : `waits ${String(expiresMs / 1000)} s`;
  return [
    entry.title,
    `${entry.kind}, class ${classWords(entry)}, ${answered}, ${waits}`,
    destinationWords(entry.destinations),
    ...asWritten(entry.destinations, toldOfDestinations),
    ...(entry.body === 'text' ? ['body: free text'] : setWords(entry).map((words) => `body: ${words}`)),
    ...exclusive.map((codes) => `only one of ${codes.join(', ')}`),
    ...cases.flatMap(({ field, by }) =>
      Object.entries(by).map(([value, set]) => `when ${field} is ${value}: ${setWords(set).join('; ')}`),
    ),
    ...Object.entries(fields).map(([code, field]) => `here ${code} is ${fieldWords(field).join('; ')}`),
    ...asWritten(entry, told),
  ];
}

/** Members that no sentence tells. */
function asWritten(entry: object, but: ReadonlySet<string>): readonly string[] {
  return Object.entries(entry)
    .filter(([name, value]) => !but.has(name) && value !== undefined)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
}

function classWords({ priorityClass, priorityByField }: KeyEntry): string {
  if (priorityByField === undefined) return String(priorityClass);
  const { field, classes } = priorityByField;
  const by = Object.entries(classes).map(([value, of]) => `${value} ${String(of)}`);
  return `${String(priorityClass)} (by ${field}: ${by.join(', ')})`;
}

function destinationWords({ implied, ...written }: KeyEntry['destinations']): string {
  if (implied !== undefined) return `to ${implied.join(', ')}, which nobody writes: the body follows the ORI`;
  const { kinds, max, codesMax, only, except, alone } = written;
  const many = max === undefined ? '' : `, at most ${String(max)}`;
  const codes = codesMax === undefined ? '' : `, ${String(codesMax)} of them codes of the network`;
  const these = only === undefined ? '' : `, only ${only.join(', ')}`;
  const others = except === undefined ? '' : `, not ${except.join(', ')}`;
  const single = alone === undefined ? '' : `, no other beside ${alone.join(', ')}`;
  return `to ${(kinds ?? []).join(', ')}${many}${codes}${these}${others}${single}`;
}

function setWords({ required = [], alternatives = [], optional = [] }: FieldSetWords): readonly string[] {
  return [
    ...(required.length > 0 ? [`needs ${required.join(' ')}`] : []),
    ...(alternatives.length > 0
      ? [`needs ${alternatives.map((codes) => codes.join(' ')).join(', or ')}`]
      : []),
    ...(optional.length > 0 ? [`may have ${optional.join(' ')}`] : []),
  ];
}

/** An entry of fields.json in sentences. */
export function fieldWords(entry: FieldEntry): readonly string[] {
  const { title, lengthMin, lengthMax, characters, also, contains, pictures, orValues, codeTable } = entry;
  const length = lengthMin === lengthMax ? String(lengthMin) : `${String(lengthMin)} to ${String(lengthMax)}`;
  const extra = also === undefined ? '' : ` and any of "${also}"`;
  const rest = [
    ...(contains === undefined ? [] : [`must hold "${contains}"`]),
    ...(pictures === undefined ? [] : [`looks like ${pictures.join(' or ')}`]),
    ...(orValues === undefined ? [] : [`or is ${orValues.join(', ')}`]),
    ...(codeTable === undefined ? [] : [tableWords(codeTable, entry.codeTableComplete ?? true)]),
    ...(entry.sensitive ? ['sensitive: masked wherever people look'] : []),
    ...asWritten(entry, toldOfField),
  ];
  return [title, `${length} of ${characters}${extra}`, ...(rest.length > 0 ? [rest.join('; ')] : [])];
}

function tableWords(name: string, isComplete: boolean): string {
  return `codes of codes/${name}.tsv${isComplete ? '' : ', others pass too'}`;
}
