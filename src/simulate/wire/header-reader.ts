/** What a header said, by the names in braces of its form, and what came after it. */
export type ReadHeader = { readonly values: Readonly<Record<string, string>>; readonly body: string };

const pictures: Readonly<Record<string, string>> = {
  messageKey: '[A-Z0-9]+(?:-[A-Z])?',
  originatingOri: '[A-Z0-9]*',
  destination: '[A-Z0-9.]*',
  receivedTime: String.raw`\d\d:\d\d`,
  sentTime: String.raw`\d\d:\d\d`,
  receivedCount: String.raw`\d{5}`,
  sentCount: String.raw`\d{5}`,
};
/** Lines that the switch leaves out when they would be empty. */
const leftOut = new Set(['control', 'possibleDuplicate', 'notCarried']);

const extraLine = String.raw`(?:[^\r\n]*\r?\n)??`;

/**
 * Reads the header lines of a form in dialect.json, the other way round from how the switch fills them. Written from the form alone.
 * `fixed` are names whose text is known beforehand, such as the switch's own ORI.
 */
export class HeaderReader {
  readonly #pattern: RegExp;

  constructor(form: readonly string[], textMark: string, fixed: Readonly<Record<string, string>> = {}) {
    const end = form.indexOf(textMark);
    const header = end < 0 ? form : form.slice(0, end + 1);
    const seen = new Set<string>();
    const lines = header.map((line) => linePattern(line, fixed, seen));
    // A text of the switch's own, sent again, has one line more before the text mark.
    const mark = end < 0 ? [] : [extraLine];
    this.#pattern = new RegExp(`^${[...lines.slice(0, -1), ...mark, ...lines.slice(-1)].join('')}`);
  }

  /** Undefined when the text does not begin with this header. */
  read(text: string): ReadHeader | undefined {
    const found = this.#pattern.exec(text);
    if (found === null) return undefined;
    return { values: { ...found.groups }, body: text.slice(found[0].length) };
  }
}

const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);

function linePattern(line: string, fixed: Readonly<Record<string, string>>, seen: Set<string>): string {
  const names: string[] = [];
  let pattern = line
    .split(/(\{\w+\})/)
    .map((part) => {
      const [, name] = /^\{(\w+)\}$/.exec(part) ?? [];
      if (name === undefined) return literal(part);
      names.push(name);
      const known = fixed[name];
      if (seen.has(name)) return String.raw`\k<${name}>`;
      seen.add(name);
      const picture = known === undefined ? pictures[name] : literal(known);
      return `(?<${name}>${picture ?? String.raw`[^\r\n]*?`})`;
    })
    .join('');
  // An empty value at the end takes the blank before it along.
  pattern = pattern.replace(/ (\((?:[^()]|\([^()]*\))*\))$/, '(?: $1)?');
  const isOptional = names.length > 0 && names.every((name) => leftOut.has(name));
  const whole = String.raw`${pattern} ?(?:\r?\n|$)`;
  return isOptional ? `(?:${whole})?` : whole;
}
