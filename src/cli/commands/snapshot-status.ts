import type { InstanceStatus, SourceSnapshots } from '../../contracts/control.ts';
import { TailraceError } from '../../contracts/errors.ts';
import { printable, quoted } from '../../lib/printable.ts';
import type { AnswerCommand, Outcome } from '../command.ts';
import { counted } from '../format.ts';
import { INSTANCE_OPTIONS, lookAt } from '../instance.ts';
import { snapshotLines } from '../snapshot-text.ts';
import type { Style } from '../style.ts';

export const snapshotStatus: AnswerCommand = {
  kind: 'answer',
  name: 'snapshot status',
  summary: 'show what is being read: rows, share, rate and the time left',
  arguments: '[PIPELINE|SOURCE]',
  details: `Rows are counted, the whole is what the server estimates. The stream of the tables goes on meanwhile.`,
  options: INSTANCE_OPTIONS,
  maxWords: 1,
  async run(context) {
    const [place] = context.words;
    const found = await lookAt(context, '/status', (offline, instance) => offline.status(instance));
    return outcomeOf(snapshotsIn(found, place));
  },
};

function snapshotsIn({ pipelines }: InstanceStatus, place: string | undefined): SourceSnapshots[] {
  const all = pipelines.flatMap(({ name: pipeline, sources }) =>
    sources.map(({ name, state, upstream }) => {
      return { pipeline, source: name, state, snapshots: upstream?.snapshots ?? [] };
    }),
  );
  if (place === undefined) return all;
  const ofSource = all.filter(({ source }) => source === place);
  const found = ofSource.length > 0 ? ofSource : all.filter(({ pipeline }) => pipeline === place);
  if (found.length > 0) return found;
  throw new TailraceError('pipeline.not_found', `there is no pipeline and no source ${quoted(place)}`, {
    remedy: '`tailrace status` lists them',
  });
}

/** Also of the commands that change something: what is to be read then. */
export function outcomeOf(found: readonly SourceSnapshots[]): Outcome {
  const tables = found.reduce((sum, { snapshots }) => sum + snapshots.length, 0);
  const summary = tables === 0 ? 'nothing is being read' : `${counted(tables, 'table')} being read`;
  return { exitCode: 0, summary, result: found, text: (style) => found.map((one) => textOf(one, style)).join('') };
}

function textOf({ source, state, snapshots }: SourceSnapshots, style: Style): string {
  const isAtWork = state === 'streaming' || state === 'snapshot';
  const idle = snapshots.length === 0 ? ['nothing is being read'] : [];
  const words = [...(isAtWork ? [] : [state]), ...idle].join(', ');
  const head = `${style.paint('bold', printable(source))}${words === '' ? '' : `  ${words}`}\n`;
  return `${head}${snapshotLines(snapshots, style, 2)}`;
}
