/** Configuration of the `postgres` source. */
import { secret, z } from '../../src/sdk/index.ts';
import { CONNECTION_STRING, stringProblem } from './connection-string.ts';

export const sourceConfig = z.strictObject({
  url: secret()
    .refine((text) => /^postgres(ql)?:\/\//.test(text), { error: 'must start with postgres://', abort: true })
    .refine((text) => stringProblem(text, 'source') === null, {
      error: ({ input }) => stringProblem(String(input), 'source')!,
    })
    .describe(CONNECTION_STRING),
  slot: z
    .string()
    .regex(/^[a-z0-9_]{1,63}$/, { error: 'may hold lower-case letters, digits and _, 63 at most' })
    .optional()
    .describe('Replication slot. Default: `tailrace_<instance>_<source>`.'),
  publication: z
    .string()
    .min(1)
    .max(63)
    .optional()
    .describe(
      'A publication that exists and holds the tables. Default: one named as the slot, made and kept up to date.',
    ),
  messages: z
    .strictObject({
      table: z
        .string()
        .regex(/^[^.]+\..+$/, { error: 'must be `schema.table`' })
        .describe(
          'A name under `tables:` that no table of the database has: the messages are its rows, with the columns `lsn` (the key), `prefix`, `transactional` and `content`. They come in the order of the write-ahead log, but one that is written in a savepoint may come behind the rows of the record that follows it there.',
        ),
      prefixes: z.array(z.string()).min(1).optional().describe('Prefixes of the messages to take. Default: all.'),
    })
    .optional()
    .describe('Takes what applications write with pg_logical_emit_message. Default: no.'),
  ddl: z
    .strictObject({
      table: z
        .string()
        .regex(/^[^.]+\..+$/, { error: 'must be `schema.table`' })
        .describe(
          'A name under `tables:` that no table of the database has: each statement is one of its rows, with the columns `lsn` (the key), `tag`, `objects` and `text`.',
        ),
      create: z
        .enum(['auto', 'never'])
        .default('auto')
        .describe('`auto` makes the event triggers where the role may; `check` prints their SQL where it may not.'),
    })
    .optional()
    .describe(
      'Takes CREATE, ALTER and DROP of tables, types, indexes, views, sequences and schemas with their text, by event triggers. Default: no.',
    ),
  origin: z
    .enum(['any', 'none'])
    .default('any')
    .describe(
      '`none` leaves out what was written under a replication origin, by another system or by Tailrace itself (PostgreSQL 16 and later). Snapshots read all rows.',
    ),
  failover: z
    .boolean()
    .default(false)
    .describe(
      'Makes a slot that standbys keep a copy of, so that the stream goes on after a failover (PostgreSQL 17 and later).',
    ),
  standby_url: secret()
    .refine((text) => /^postgres(ql)?:\/\//.test(text), { error: 'must start with postgres://', abort: true })
    .refine((text) => stringProblem(text, 'source') === null, {
      error: ({ input }) => stringProblem(String(input), 'source')!,
    })
    .optional()
    .describe(
      'Connection string of the standby that is to take over: `status` warns while its copy of the slot is not ready.',
    ),
  toast: z
    .enum(['store', 'omit'])
    .default('store')
    .describe(
      'An update comes without large values that it leaves as they were. `store` keeps them beside the log and fills them in; `omit` passes the update on without them, and topics of tables with such columns are not compacted.',
    ),
  snapshot_connections: z
    .int()
    .min(1)
    .max(16)
    .default(2)
    .describe('Connections that read one table side by side; one more takes the snapshot.'),
  snapshot_chunk_rows: z
    .int()
    .min(1)
    .max(10_000_000)
    .optional()
    .describe('Rows that one connection reads at a time. Default: as many as are read in a quarter of a second.'),
});

export type SourceConfig = z.output<typeof sourceConfig>;
