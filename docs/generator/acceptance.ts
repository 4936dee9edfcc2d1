/** The page of the acceptance kit: its cases, and what of them each built-in connector is asked. */

import type { AcceptanceSuite } from '../../src/testkit/index.ts';
import { stepCases } from '../../src/testkit/step/cases.ts';
import { builtInSuites } from '../../test/acceptance/connectors/suites.ts';
import { table } from './markdown.ts';

export async function acceptancePage(): Promise<string> {
  const { sinks, sources } = await builtInSuites();
  const steps = stepCases.map(({ id, title }) => [`\`${id}\``, title]);
  return `# Acceptance kit

What [\`tailrace plugin test\`](commands.md) asks of a plugin, and what \`tailrace/testkit\` holds for its own tests. The
built-in connectors pass it: ✓ passes; a number: does not apply, for the reason below the table.

## Sinks

${matrix(sinks)}

## Sources

${matrix(sources)}

## Steps

${table(['case', 'what must hold'], steps)}
`;
}

function matrix(suites: readonly AcceptanceSuite[]): string {
  const reasons: string[] = [];
  const mark = (reason: string): string => {
    if (!reasons.includes(reason)) reasons.push(reason);
    return String(reasons.indexOf(reason) + 1);
  };
  const rows = suites[0]!.cases.map(({ id, title }, i) => [
    `\`${id}\``,
    title,
    ...suites.map(({ cases }) => (cases[i]!.skip === null ? '✓' : mark(cases[i]!.skip))),
  ]);
  const header = ['case', 'what must hold', ...suites.map(({ name }) => name)];
  return [table(header, rows), '', ...reasons.map((reason, i) => `${i + 1}. ${reason}`)].join('\n');
}
