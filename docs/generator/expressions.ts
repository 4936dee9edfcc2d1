/** docs/reference/expressions.md: steps, expressions and how they differ from PostgreSQL's SQL. */
import { type RulesReference, rulesReference } from '../../src/rules/reference.ts';
import { table } from './markdown.ts';

const code = (text: string) => `\`${text}\``;
const list = (items: readonly string[]) => items.map((item) => `* ${item}`).join('\n');

export function expressionsPage(): string {
  const reference = rulesReference();
  const parts = [
    '# Rules and expressions',
    INTRODUCTION,
    '## Steps',
    table(
      ['step', 'what it does', 'example'],
      reference.steps.map(({ verb, summary, example }) => [code(verb), summary, code(example)]),
    ),
    ...expressions(reference),
    '## Columns that were not sent',
    NOT_SENT,
    '## Deviations from PostgreSQL',
    list(reference.deviations),
    '## Limits',
    `An expression has at most ${reference.limits.join(', ')}.`,
  ];
  return `${parts.join('\n\n')}\n`;
}

function expressions({ operators, functions, facts, casts, typeNames }: RulesReference): string[] {
  return [
    '## Expressions',
    COLUMNS,
    'Operators, from the one that binds weakest to the strongest:',
    table(
      ['form', 'meaning'],
      operators.map(({ form, meaning }) => [code(form), meaning]),
    ),
    '### Functions',
    table(
      ['call', 'result'],
      functions.map(({ usage, summary }) => [usage.map(code).join(', '), summary]),
    ),
    '### Facts of the event',
    table(
      ['name', 'value'],
      facts.map(({ name, summary }) => [code(`$${name}`), summary]),
    ),
    '### Types and casts',
    `Names: ${typeNames.map(code).join(', ')}; \`numeric(10,2)\`, \`varchar(20)\` and \`char(20)\` with limits.`,
    table(
      ['from', 'becomes by itself', 'with a cast'],
      casts.map(({ from, itself, asked }) => [from, itself.join(', '), asked.join(', ')]),
    ),
  ];
}

const INTRODUCTION = `A \`transform:\` is a list of steps, each a map with one key. It stands under a source (before the log), in the
pipeline, or under a sink. Expressions are a part of PostgreSQL's SQL; values, types, NULLs and errors are PostgreSQL's
unless the list of deviations says otherwise.`;

const COLUMNS = `Columns are named as they are called, in double quotes if need be; \`before.x\` is the column of the old row (NULL for
an insert). Text is in single quotes, \`'it''s'\`. Numbers are exact: \`1.50\` is a \`numeric\` with two digits. A text takes the
type of what it is compared with: \`created_at > '2024-02-29'\`.`;

const NOT_SENT = `A source may leave a large column out of an update that did not change it. It is not known then, and not NULL:

${list([
  'The old row is asked first: with it the value is known, because it did not change.',
  'A condition is decided by its other parts where these are enough (`false and …`). Otherwise the change becomes a dead letter.',
  'A column that `set`, `cast` or `mask` makes of nothing but such columns is not sent either; one made of others too, when the old row shows that they did not change. Otherwise the change becomes a dead letter.',
  'A row that passes a filter without such a column becomes a dead letter unless the old row passed too: it may be new to the target, which could not fill the column in. Leave the column out after the filter, or let the source send whole old rows.',
])}`;
