/** As much of PromQL as it takes to know which metrics an expression reads, by which labels. */
export type Selector = {
  readonly metric: string;
  /** Label to the values it is compared with; a pattern's alternatives one by one. */
  readonly matchers: ReadonlyMap<string, readonly string[]>;
  /** The function right around it, or ''. */
  readonly within: string;
};
export type Reads = {
  readonly selectors: readonly Selector[];
  /** Labels results are grouped, matched or made by. */
  readonly grouping: readonly string[];
  /** Labels that `label_replace` makes. */
  readonly made: readonly string[];
  /** Labels that `label_replace` reads. */
  readonly copied: readonly string[];
};

const TOKEN =
  /\s+|"(?:[^"\\]|\\.)*"|[a-zA-Z_:][a-zA-Z0-9_:]*|\d+(?:\.\d+)?(?:e[+-]?\d+)?|=~|!~|!=|>=|<=|==|[-+*/%^<>=(){}[\],]/gy;
const GROUPING = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);
const WORDS = new Set([...GROUPING, 'and', 'or', 'unless', 'bool', 'offset']);
const FUNCTIONS = new Set(
  'sum max min avg count rate increase changes max_over_time histogram_quantile time label_replace delta absent'.split(
    ' ',
  ),
);

export function readExpression(text: string): Reads {
  const tokens = tokensOf(text);
  const selectors: Selector[] = [];
  const [grouping, made, copied]: [string[], string[], string[]] = [[], [], []];
  const open: string[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at] ?? '';
    const next = tokens[at + 1];
    if (token === '(') open.push(FUNCTIONS.has(tokens[at - 1] ?? '') ? (tokens[at - 1] ?? '') : '');
    else if (token === ')') open.pop();
    else if (token === '[') at = tokens.indexOf(']', at);
    else if (GROUPING.has(token)) {
      const end = tokens.indexOf(')', at);
      grouping.push(...tokens.slice(at + 2, end).filter((word) => word !== ','));
      at = end;
    } else if (token.startsWith('"')) {
      // label_replace(vector, made, replacement, copied, pattern): strings elsewhere stand in braces, which are read below.
      const strings = tokens.slice(at, at + 7).filter((word) => word.startsWith('"'));
      made.push(unquoted(strings[0]));
      copied.push(unquoted(strings[2]));
      at += 6;
    } else if (/^[a-z_:]/i.test(token) && !WORDS.has(token)) {
      if (next === '(') {
        if (!FUNCTIONS.has(token)) throw new Error(`${token} is no function this check knows`);
        continue;
      }
      // An aggregation with its grouping before its argument: sum by (lane) (...)
      if (FUNCTIONS.has(token) && GROUPING.has(next ?? '')) continue;
      const end = next === '{' ? tokens.indexOf('}', at) : at;
      selectors.push({
        metric: token,
        matchers: matchersIn(tokens.slice(at + 2, end)),
        within: open.at(-1) ?? '',
      });
      at = end;
    }
  }
  if (open.length > 0 || selectors.length === 0) throw new Error(`cannot be read: ${text}`);
  return { selectors, grouping, made, copied };
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    end = match.index + match[0].length;
    if (match[0].trim() !== '') tokens.push(match[0]);
  }
  if (end !== text.length) throw new Error(`unknown sign at ${String(end)} of ${text}`);
  return tokens;
}

function matchersIn(tokens: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const matchers = new Map<string, readonly string[]>();
  for (let at = 0; at + 2 < tokens.length; at += 4)
    matchers.set(tokens[at] ?? '', unquoted(tokens[at + 2]).split('|'));
  return matchers;
}

const unquoted = (token: string | undefined): string => JSON.parse(token ?? '""') as string;
