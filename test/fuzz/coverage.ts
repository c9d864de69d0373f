import { readFileSync } from 'node:fs';
import { Session, type Profiler } from 'node:inspector/promises';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/**
 * Branch coverage of the rooms that read bytes. V8 counts how often each block of each function ran; where the branches are is taken from
 * the source, for V8 tells only of blocks whose count differs from the one around them. Node takes types out by writing blanks over them,
 * so that places in what runs are places in the source.
 *
 * A branch is: either way of an `if` and of `? :`, the second way of an `if` without `else` included; whether the right side of `&&`, `||`
 * and `??` was needed, and whether it was not; each clause of a `switch`; a loop's body; a `catch`. Whether a way was taken that has no
 * block of its own is the difference of two counts. Not a branch: `list[at] ?? 0` and the like, where the type checker asks for a
 * value beside a byte that is always there; and `?.`, which V8 does not count.
 */
const measured = /\/src\/(?:frame|parse)\/[^/]+\.ts$/;

/** A file and which of its branches, in order, were taken. */
export type Taken = { readonly file: string; readonly branches: readonly boolean[] };

export type Branch = {
  readonly line: number;
  readonly what: string;
  /** Taken when the count at `at` is more than that at `without`. */
  readonly at: number;
  readonly without?: number;
};

let session: Session | undefined;

export async function startCoverage(): Promise<void> {
  session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
}

/** What was taken since the start; counting ends. */
export async function takeCoverage(): Promise<readonly Taken[]> {
  if (session === undefined) return [];
  const { result } = await session.post('Profiler.takePreciseCoverage');
  await session.post('Profiler.stopPreciseCoverage');
  session.disconnect();
  session = undefined;
  return result
    .filter(({ url }) => measured.test(url) && !url.endsWith('.test.ts'))
    .map(({ url, functions }) => takenIn(fileURLToPath(url), functions));
}

function takenIn(file: string, functions: readonly Profiler.FunctionCoverage[]): Taken {
  const ranges = functions.flatMap((one) => one.ranges);
  // The smallest range around a place has its count.
  const sorted = ranges.toSorted(
    (left, right) => right.endOffset - right.startOffset - (left.endOffset - left.startOffset),
  );
  const countAt = (place: number): number =>
    sorted.findLast(({ startOffset, endOffset }) => startOffset <= place && place < endOffset)?.count ?? 0;
  const branches = branchesOf(file).map(
    ({ at, without }) => countAt(at) > (without === undefined ? 0 : countAt(without)),
  );
  return { file, branches };
}

export function branchesOf(file: string, source = readFileSync(file, 'utf8')): Branch[] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const branches: Branch[] = [];
  const add = (node: ts.Node, what: string, at: number, without?: number): void => {
    const line = tree.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    branches.push({ line, what, at, ...(without === undefined ? {} : { without }) });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isIfStatement(node)) {
      const then = node.thenStatement.getStart();
      add(node, 'if', then);
      if (node.elseStatement === undefined) add(node, 'if not', node.getStart(), then);
      else add(node, 'else', node.elseStatement.getStart());
    } else if (ts.isConditionalExpression(node)) {
      add(node, '?', node.whenTrue.getStart());
      add(node, ':', node.whenFalse.getStart());
    } else if (ts.isBinaryExpression(node) && isLogical(node) && !isForTheChecker(node)) {
      const operator = node.operatorToken.getText();
      add(node, operator, node.right.getStart());
      if (!isInLoopCondition(node)) {
        add(node, `not ${operator}`, node.left.getStart(), node.right.getStart());
      }
    } else if (ts.isIterationStatement(node, false)) {
      add(node, 'loop', node.statement.getStart());
    } else if (ts.isCaseOrDefaultClause(node)) {
      const [first] = node.statements;
      if (first !== undefined) add(node, 'case', first.getStart());
    } else if (ts.isCatchClause(node)) {
      add(node, 'catch', node.block.getStart());
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return branches;
}

/** V8 counts how often a loop is come to, not how often its condition is asked: what the condition did not need cannot be told. */
function isInLoopCondition(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isWhileStatement(parent) || ts.isDoStatement(parent)) return parent.expression === node;
  if (ts.isForStatement(parent)) return parent.condition === node;
  return (ts.isBinaryExpression(parent) || ts.isParenthesizedExpression(parent)) && isInLoopCondition(parent);
}

const logical = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
]);

function isLogical({ operatorToken }: ts.BinaryExpression): boolean {
  return logical.has(operatorToken.kind);
}

/** `list[at] ?? 0`, `list[at] ?? ''`. */
function isForTheChecker({ left, operatorToken, right }: ts.BinaryExpression): boolean {
  return (
    operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken &&
    ts.isElementAccessExpression(left) &&
    ts.isLiteralExpression(right)
  );
}

/** What several runs took together. */
export type Covered = {
  readonly branches: number;
  readonly taken: number;
  /** `file:line what`, of those that no run took. */
  readonly missed: readonly string[];
};

export function joined(runs: readonly (readonly Taken[])[]): Covered {
  const files = new Map<string, boolean[]>();
  for (const { file, branches } of runs.flat()) {
    const before = files.get(file);
    files.set(
      file,
      branches.map((isTaken, at) => isTaken || before?.[at] === true),
    );
  }
  const missed: string[] = [];
  let count = 0;
  for (const [file, branches] of files) {
    const places = branchesOf(file);
    count += branches.length;
    for (const [at, isTaken] of branches.entries()) {
      const place = places[at];
      if (!isTaken && place !== undefined)
        missed.push(`${file.replace(/^.*\/src\//, 'src/')}:${String(place.line)} ${place.what}`);
    }
  }
  return { branches: count, taken: count - missed.length, missed };
}
