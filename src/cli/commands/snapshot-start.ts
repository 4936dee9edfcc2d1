import { setTimeout as sleep } from 'node:timers/promises';
import type { SourceSnapshots } from '../../contracts/control.ts';
import { TailraceError } from '../../contracts/errors.ts';
import { exactText, parseExact } from '../../lib/exact-json.ts';
import { quoted } from '../../lib/printable.ts';
import type { AnswerCommand, CommandContext } from '../command.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { textOption } from '../places.ts';
import { snapshotLines } from '../snapshot-text.ts';
import { styleOf } from '../style.ts';
import { placeOf, tablesOf, tell } from './snapshot-change.ts';
import { outcomeOf } from './snapshot-status.ts';

const POLL_MS = 250;

export const snapshotStart: AnswerCommand = {
  kind: 'answer',
  name: 'snapshot start',
  summary: 'read tables once more, beside their stream',
  arguments: 'PIPELINE|SOURCE [TABLE…]',
  details: `All tables, those that are named, the rows that a condition holds for, or those of a list of keys. It begins soon, goes on
where it was after a restart, and is shown by \`tailrace snapshot status\`. ${CHANGE_DETAILS}

Of whole tables the targets then delete what the source does not have any more. With --where nothing is deleted, for a target
cannot tell which of its rows the condition would have held for. With --keys those that the source has no row of are deleted.

Keys are written 1,2,3; of several columns, or with commas in them, as JSON: '[["a",1],["b",2]]'. 1,000 at most.`,
  options: {
    where: {
      type: 'string',
      value: 'CONDITION',
      summary: 'only rows that this SQL condition holds for, as behind WHERE',
    },
    keys: {
      type: 'string',
      value: 'KEYS',
      summary: 'only these rows of one table; those that are not there are deleted',
    },
    wait: { type: 'boolean', summary: 'until all was read' },
    ...INSTANCE_OPTIONS,
  },
  maxWords: Number.POSITIVE_INFINITY,
  async run(context) {
    const [where, keys] = [textOption(context, 'where'), textOption(context, 'keys')];
    const rows = { ...(where === undefined ? {} : { where }), ...(keys === undefined ? {} : { keys: keysOf(keys) }) };
    const begun = await tell(context, 'start', { tables: tablesOf(context), ...rows });
    return outcomeOf(context.options.wait === true ? await read(context, begun) : begun);
  },
};

/** Resolves when none of these tables is being read any more. */
async function read(context: CommandContext, begun: readonly SourceSnapshots[]): Promise<readonly SourceSnapshots[]> {
  const { stderr, env } = context.io;
  const names = new Set(begun.flatMap(({ source, snapshots }) => snapshots.map(({ table }) => `${source} ${table}`)));
  for (const place = placeOf(context, 'start'); ; await sleep(POLL_MS)) {
    const path = `/snapshots?place=${encodeURIComponent(place)}`;
    const now = await call<readonly SourceSnapshots[]>(context, { method: 'GET', path });
    const left = now.flatMap(({ source, snapshots }) =>
      snapshots.filter(({ table }) => names.has(`${source} ${table}`)),
    );
    const progress = snapshotLines(left.slice(0, 1), styleOf(stderr, env), 0).trimEnd();
    if (stderr.isTty) stderr.write(`\r\u001b[K${progress}`);
    if (left.length === 0) return now;
  }
}

/** `1,2` → [['1'], ['2']]; JSON: a list of keys, each a list of values or one value. */
function keysOf(text: string): readonly (readonly string[])[] {
  if (!text.startsWith('[')) return text.split(',').map((key) => [key]);
  const wrong = new TailraceError('cli.usage', `--keys: ${quoted(text)} is no list of keys`, {
    remedy: `write --keys 1,2,3 or --keys '[["a",1],["b",2]]'`,
  });
  let parsed: unknown;
  try {
    parsed = parseExact(text);
  } catch {
    throw wrong;
  }
  if (!Array.isArray(parsed)) throw wrong;
  return parsed.map((key: unknown) => (Array.isArray(key) ? key : [key]).map(exactText));
}
