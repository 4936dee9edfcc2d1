import { z } from 'zod';
import type { SnapshotPlaces } from '../../contracts/control.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { SnapshotCommand } from '../../contracts/upstream.ts';
import { snapshotsAnswer } from '../answers/snapshots.ts';
import { listOf } from '../fields.ts';
import { route } from '../route.ts';

/** They stand in the source's position while they are read. */
const MAX_KEYS = 1_000;

export const snapshots = route({
  method: 'GET',
  path: '/snapshots',
  summary: 'What the sources are reading, and how far they are.',
  access: 'state',
  query: z.strictObject({ place: z.string().optional().describe('a pipeline or a source; absent: all') }),
  answers: z.array(snapshotsAnswer).readonly(),
  answer: ({ snapshots: places, query }) => ({ status: 200, body: offered(places).list(query.place ?? null) }),
});

export const startSnapshot = route({
  method: 'POST',
  path: '/snapshots/:place/start',
  summary: 'Reads tables of a source or pipeline once more, beside their stream; answers when that is sure to happen.',
  access: 'change',
  body: z.strictObject({
    tables: listOf(z.string()).nullable().default(null).describe('`schema.table`; null: all'),
    where: z.string().optional().describe('an SQL condition: only rows that it holds for; nothing is swept then'),
    keys: z
      .array(z.array(z.string()).min(1))
      .min(1, { error: 'needs a key' })
      .max(MAX_KEYS)
      .optional()
      .describe('only these rows, a text for each column of the key; those that are not there become deletes'),
  }),
  answers: z.array(snapshotsAnswer).readonly(),
  answer: ({ snapshots: places, params, body }) => tell(places, params.place!, startOf(body)),
});

export const cancelSnapshot = route({
  method: 'POST',
  path: '/snapshots/:place/cancel',
  summary: 'Ends readings that were started; rows that were read stay, nothing is swept.',
  access: 'change',
  body: z.strictObject({ tables: listOf(z.string()).nullable().default(null).describe('`schema.table`; null: all') }),
  answers: z.array(snapshotsAnswer).readonly(),
  answer: ({ snapshots: places, params, body }) => tell(places, params.place!, { do: 'cancel', ...body }),
});

export const pauseSnapshots = changing(
  'pause',
  'Pauses all reading of a source or pipeline, also over restarts; it streams on.',
);
export const resumeSnapshots = changing('resume', 'Goes on reading where it was paused.');

function changing(what: 'pause' | 'resume', summary: string) {
  return route({
    method: 'POST',
    path: `/snapshots/:place/${what}`,
    summary,
    access: 'change',
    answers: z.array(snapshotsAnswer).readonly(),
    answer: ({ snapshots: places, params }) => tell(places, params.place!, { do: what }),
  });
}

interface Start {
  readonly tables: string[] | null;
  readonly where?: string | undefined;
  readonly keys?: string[][] | undefined;
}

function startOf({ tables, where, keys }: Start): SnapshotCommand {
  if (where !== undefined && keys !== undefined) {
    throw new TailraceError('api.invalid_request', '`where` and `keys` exclude each other', {
      remedy: 'leave out one',
    });
  }
  if (where !== undefined) return { do: 'start', tables, rows: { where } };
  if (keys === undefined) return { do: 'start', tables };
  if (tables?.length !== 1) {
    throw new TailraceError('api.invalid_request', '`keys` are those of one table', {
      remedy: 'name one under `tables`',
    });
  }
  return { do: 'start', tables, rows: { keys, absent: 'delete' } };
}

async function tell(places: SnapshotPlaces | undefined, place: string, command: SnapshotCommand) {
  return { status: 200, body: await offered(places).tell(place, command) };
}

function offered(places: SnapshotPlaces | undefined): SnapshotPlaces {
  if (places !== undefined) return places;
  throw new TailraceError('instance.not_running', 'no pipelines run here that could be read again');
}
