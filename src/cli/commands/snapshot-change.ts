import type { SourceSnapshots } from '../../contracts/control.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { AnswerCommand, CommandContext } from '../command.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { outcomeOf } from './snapshot-status.ts';

export const snapshotPause: AnswerCommand = {
  kind: 'answer',
  name: 'snapshot pause',
  summary: 'stop reading at the end of a step; the stream goes on',
  arguments: 'PIPELINE|SOURCE',
  details: `It stays paused over restarts, until it is resumed. ${CHANGE_DETAILS}`,
  options: INSTANCE_OPTIONS,
  maxWords: 1,
  run: async (context) => outcomeOf(await tell(context, 'pause')),
};

export const snapshotResume: AnswerCommand = {
  kind: 'answer',
  name: 'snapshot resume',
  summary: 'go on reading where it was paused',
  arguments: 'PIPELINE|SOURCE',
  details: CHANGE_DETAILS,
  options: INSTANCE_OPTIONS,
  maxWords: 1,
  run: async (context) => outcomeOf(await tell(context, 'resume')),
};

export const snapshotCancel: AnswerCommand = {
  kind: 'answer',
  name: 'snapshot cancel',
  summary: 'end what `snapshot start` has begun',
  arguments: 'PIPELINE|SOURCE [TABLE…]',
  details: `Rows that were read stay; nothing is swept. A table that is read for the first time cannot be cancelled: rows that were
not read would be missing for ever. ${CHANGE_DETAILS}`,
  options: INSTANCE_OPTIONS,
  maxWords: Number.POSITIVE_INFINITY,
  run: async (context) => outcomeOf(await tell(context, 'cancel', { tables: tablesOf(context) })),
};

export function tell(context: CommandContext, what: string, body: object = {}): Promise<readonly SourceSnapshots[]> {
  const path = `/snapshots/${encodeURIComponent(placeOf(context, what))}/${what}`;
  return call(context, { method: 'POST', path, body });
}

export function placeOf({ words }: CommandContext, what: string): string {
  const [place = ''] = words;
  if (place !== '') return place;
  throw new TailraceError('cli.usage', `tailrace snapshot ${what} needs the name of a pipeline or source`, {
    remedy: '`tailrace status` lists them',
  });
}

/** The words behind the place; null without: all tables. */
export function tablesOf({ words }: CommandContext): readonly string[] | null {
  const tables = words.slice(1).flatMap((word) => word.split(','));
  return tables.length === 0 ? null : tables;
}
