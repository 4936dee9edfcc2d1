/** Limits on the length of files and functions. */
import type { Node, SourceFile } from './source-file.ts';
import { walk } from './source-file.ts';

const FILE_LINES = 500;
const FUNCTION_LINES = 60;
const HOT_LOOP_LINES = 120;
const TEST_CALLS = /^(describe|test|it|suite|bench|beforeAll|beforeEach|afterAll|afterEach)$/;
const FUNCTIONS = /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/;

/** @param exists whether a repository path exists: a hot loop names its bench. */
export function sizeViolations(files: readonly SourceFile[], exists: (path: string) => boolean): string[] {
  return files
    .filter((file) => !/^(\/\*\*?|\/\/) ?Generated\b/.test(file.text))
    .flatMap((file) => {
      const lines = file.lines - tableLines(file);
      const tooLong =
        lines > FILE_LINES ? [`${file.path} has ${lines} lines without tables (limit ${FILE_LINES})`] : [];
      return [...tooLong, ...functionViolations(file, exists)];
    });
}

function functionViolations(file: SourceFile, exists: (path: string) => boolean): string[] {
  const violations: string[] = [];
  walk(file.ast, (node, ancestors) => {
    if (!FUNCTIONS.test(node.type) || !node.body || isTestCallback(node, ancestors)) return;
    const parent = ancestors.at(-1);
    const isMethod = parent?.type === 'MethodDefinition' || parent?.type === 'Property';
    const whole = isMethod ? parent : node;
    const line = file.lineOf(whole.start);
    const length = file.lineOf(whole.end) - line + 1;
    if (length <= FUNCTION_LINES) return;
    const hot = hotLoopBench(file, line);
    if (hot !== undefined && length <= HOT_LOOP_LINES && exists(hot)) return;
    const named = hot === undefined ? '' : `; hot loop of ${hot}, limit ${HOT_LOOP_LINES}, the bench must exist`;
    violations.push(`${file.path}:${line} a function of ${length} lines (limit ${FUNCTION_LINES}${named})`);
  });
  return violations;
}

function isTestCallback(node: Node, ancestors: readonly Node[]): boolean {
  const call = ancestors.at(-1);
  if (call?.type !== 'CallExpression' || call.callee === node) return false;
  let callee = call.callee as Node;
  // `test.each(…)(…)`, `describe.skipIf(…)(…)`: the first name decides.
  while (callee.type === 'CallExpression' || callee.type === 'MemberExpression') {
    callee = (callee.type === 'CallExpression' ? callee.callee : callee.object) as Node;
  }
  return callee.type === 'Identifier' && TEST_CALLS.test(String(callee.name));
}

/** `// Hot loop: bench/<file>.ts` in the comment right above the function. */
function hotLoopBench(file: SourceFile, line: number): string | undefined {
  const above = file.text.split('\n').slice(0, line - 1);
  const comment: string[] = [];
  while (/^\s*(\/\/|\/\*|\*)/.test(above.at(-1) ?? '')) comment.push(above.pop() ?? '');
  return /Hot loop: (bench\/[\w./-]+\.ts)/.exec(comment.join('\n'))?.[1];
}

/** Lines of top-level array and object literals that hold no function. */
function tableLines(file: SourceFile): number {
  let lines = 0;
  for (const statement of file.ast.body as readonly Node[]) {
    const declaration = (
      statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
    ) as Node | null;
    if (declaration?.type !== 'VariableDeclaration') continue;
    for (const { init } of declaration.declarations as readonly { readonly init: Node | null }[]) {
      const value = init === null ? null : unwrapped(init);
      if (value?.type !== 'ArrayExpression' && value?.type !== 'ObjectExpression') continue;
      let hasFunction = false;
      walk(value, (node) => {
        hasFunction ||= FUNCTIONS.test(node.type);
      });
      if (!hasFunction) lines += file.lineOf(value.end) - file.lineOf(value.start);
    }
  }
  return lines;
}

/** Without `as const`, `satisfies T`, `new Map(…)`, `Object.freeze(…)`. */
function unwrapped(node: Node): Node {
  if (node.type === 'TSAsExpression' || node.type === 'TSSatisfiesExpression')
    return unwrapped(node.expression as Node);
  const first = (node.arguments as readonly Node[] | undefined)?.[0];
  return (node.type === 'NewExpression' || node.type === 'CallExpression') && first ? unwrapped(first) : node;
}
