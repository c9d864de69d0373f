/** The service's limit on a filter condition and on an action, in characters (Service Bus quotas). */
export const expressionLengthMax = 1_024;

/** Where an expression is wrong; `at` counts characters from 0. The text of the expression is never repeated. */
export class SqlSyntax extends Error {
  readonly at: number;

  constructor(at: number, why: string) {
    super(why);
    this.at = at;
  }
}

/** `word`: bare identifier or keyword, in upper case in `key`. `name`: identifier in brackets or double quotes. */
export type Token = {
  readonly kind: 'word' | 'name' | 'text' | 'long' | 'double' | 'sign' | 'end';
  readonly key: string;
  readonly text: string;
  readonly at: number;
};

const letter = /\p{L}/u;
const letterOrDigit = /[\p{L}\p{Nd}_]/u;
const digit = /[0-9]/;
const blank = /\s/;
const pairs: ReadonlySet<string> = new Set(['<>', '!=', '<=', '>=']);
const singles = '=<>+-*/%(),.;';

/** Cuts an expression into tokens, the last of kind `end`. Throws `SqlSyntax` and nothing else. */
export function tokenize(source: string): readonly Token[] {
  if (source.length > expressionLengthMax)
    throw new SqlSyntax(
      expressionLengthMax,
      `the expression is longer than ${String(expressionLengthMax)} characters`,
    );
  const tokens: Token[] = [];
  for (let at = 0; at < source.length; ) {
    const char = source.charAt(at);
    if (blank.test(char)) {
      at++;
      continue;
    }
    const [token, end] = tokenAt(source, at, char);
    tokens.push(token);
    at = end;
  }
  tokens.push({ kind: 'end', key: '', text: '', at: source.length });
  return tokens;
}

function tokenAt(source: string, at: number, char: string): readonly [Token, number] {
  if (char === "'") return enclosed(source, at, 'text', "'");
  if (char === '"') return enclosed(source, at, 'name', '"');
  if (char === '[') return enclosed(source, at, 'name', ']');
  if (digit.test(char)) return numberFrom(source, at);
  if (letter.test(char)) {
    const end = runEnd(source, at, letterOrDigit);
    const text = source.slice(at, end);
    return [{ kind: 'word', key: text.toUpperCase(), text, at }, end];
  }
  const pair = source.slice(at, at + 2);
  const sign = pairs.has(pair) ? pair : char;
  if (sign.length === 2 || singles.includes(char))
    return [{ kind: 'sign', key: sign, text: sign, at }, at + sign.length];
  if (char === '@')
    throw new SqlSyntax(at, 'parameters are not played: the rule protocol carries no values for them');
  throw new SqlSyntax(at, 'this character begins nothing that is known');
}

/** Text up to the closing character; the closing character twice stands for itself. */
function enclosed(
  source: string,
  at: number,
  kind: 'text' | 'name',
  close: string,
): readonly [Token, number] {
  let text = '';
  for (let from = at + 1; ; ) {
    const end = source.indexOf(close, from);
    if (end < 0)
      throw new SqlSyntax(at, kind === 'text' ? 'the text is not closed' : 'the name is not closed');
    text += source.slice(from, end);
    from = end + 1;
    if (source.charAt(from) !== close) {
      if (kind === 'name' && text === '') throw new SqlSyntax(at, 'the name is empty');
      return [{ kind, key: '', text, at }, from];
    }
    text += close;
    from++;
  }
}

function numberFrom(source: string, at: number): readonly [Token, number] {
  let end = runEnd(source, at, digit);
  let kind: 'long' | 'double' = 'long';
  if (source.charAt(end) === '.' && digit.test(source.charAt(end + 1))) {
    kind = 'double';
    end = runEnd(source, end + 1, digit);
  }
  if (/[eE]/.test(source.charAt(end))) {
    const first = /[+-]/.test(source.charAt(end + 1)) ? end + 2 : end + 1;
    if (!digit.test(source.charAt(first))) throw new SqlSyntax(end, 'the exponent has no digits');
    kind = 'double';
    end = runEnd(source, first, digit);
  }
  if (letterOrDigit.test(source.charAt(end)) || source.charAt(end) === '.')
    throw new SqlSyntax(end, 'the number does not end here');
  return [{ kind, key: '', text: source.slice(at, end), at }, end];
}

function runEnd(source: string, at: number, chars: RegExp): number {
  let end = at;
  while (end < source.length && chars.test(source.charAt(end))) end++;
  return end;
}
