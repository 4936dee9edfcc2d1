/** The invariants of the README are those the code cites, the tests prove and the mutants break. */
import type { Mutant } from '../mutants.ts';
import type { Node, SourceFile } from './source-file.ts';
import { walk } from './source-file.ts';

export function invariantViolations(
  readme: string,
  files: readonly SourceFile[],
  mutants: readonly Mutant[],
): string[] {
  const listed = listedInvariants(readme);
  const cited = citedInvariants(files);
  const tested = testedInvariants(files);
  const mutated = new Set(mutants.map(({ invariant }) => invariant));
  const violations: string[] = [];
  const numbers = [...new Set([...listed, ...cited.keys(), ...tested.keys(), ...mutated])].sort((a, b) => a - b);
  for (const number of numbers) {
    const where = cited.get(number) ?? tested.get(number) ?? 'test/mutants.ts';
    if (!listed.has(number)) violations.push(`invariant ${number} is not listed in the README, but named in ${where}`);
    if (!cited.has(number)) violations.push(`invariant ${number} is cited nowhere in src/ or connectors/`);
    if (!tested.has(number)) violations.push(`invariant ${number} has no test named "invariant ${number}: …"`);
    if (!mutated.has(number)) violations.push(`invariant ${number} has no mutant in test/mutants.ts`);
  }
  return violations;
}

/** Numbers of the list under the heading "Invariants". */
export function listedInvariants(readme: string): Set<number> {
  const section = /^## Invariants\n([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(readme)?.[1] ?? '';
  return new Set([...section.matchAll(/^(\d+)\. /gm)].map((match) => Number(match[1])));
}

/** Comments of product code outside the contracts, which state and do not enforce: number → first place. */
function citedInvariants(files: readonly SourceFile[]): Map<number, string> {
  const found = new Map<number, string>();
  for (const file of files) {
    if (file.isTest || !/^(src|connectors)\//.test(file.path) || file.path.startsWith('src/contracts/')) continue;
    for (const [number, offset] of citations(file.text)) {
      if (!found.has(number)) found.set(number, `${file.path}:${file.lineOf(offset)}`);
    }
  }
  return found;
}

/** `Invariant 4`, `Invariants 1, 4 and 11`. */
export function citations(text: string): [number: number, offset: number][] {
  return [...text.matchAll(/\bInvariants? (\d+(?:(?:, | and |, and )\d+)*)/g)].flatMap((match) =>
    [...(match[1] ?? '').matchAll(/\d+/g)].map((number): [number, number] => [Number(number[0]), match.index]),
  );
}

/**
 * Strings of test files that start with `invariant N:`, or are just `invariant N` (the beginning of a name put together from
 * a table); `invariants 1, 4: …` names several.
 */
function testedInvariants(files: readonly SourceFile[]): Map<number, string> {
  const found = new Map<number, string>();
  for (const file of files) {
    // The test of this check is full of such names.
    if (!file.isTest || file.path === 'test/architecture.test.ts') continue;
    walk(file.ast, (node) => {
      const numbers = /^invariants? ([\d, and]+)(:|$)/i.exec(textOf(node))?.[1]?.match(/\d+/g) ?? [];
      for (const number of numbers) found.set(Number(number), `${file.path}:${file.lineOf(node.start)}`);
    });
  }
  return found;
}

function textOf(node: Node): string {
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node.type !== 'TemplateLiteral') return '';
  const [head] = node.quasis as readonly { readonly value: { readonly cooked: string } }[];
  return head?.value.cooked ?? '';
}
