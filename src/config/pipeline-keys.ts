/** The keys of a pipeline file, apart from those of the connectors. The reference page is made from them. */
import { z } from 'zod';
import { durationMs, sizeBytes } from '../lib/schema.ts';

const MIN_BATCH_BYTES = 64 * 1024;

const MIN_VERIFY_MS = 1_000;

/** Names make topics, positions in targets and replication slots. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
export const NAME_RULE = 'must have letters, digits, - and _ only, at most 63';

export const name = () => z.string().regex(NAME, { error: NAME_RULE });

const steps = () => z.array(z.unknown()).optional();

const renamedFrom = (what: string) =>
  name()
    .optional()
    .describe(
      `What the ${what} was called before: it goes on where it was, under the names that it has in the log. The line can go when it has run once.`,
    );

const testRow = () => z.record(z.string(), z.unknown()).optional();

const testKeys = z.strictObject({
  name: z.string().min(1).describe('What the test shows.'),
  columns: z
    .record(z.string(), z.record(z.string(), z.string()))
    .default({})
    .describe('Types of columns, by table: `{ products: { price: numeric(12,2) } }`. Default: as the values show.'),
  key: z
    .union([z.string(), z.array(z.string()).min(1)])
    .default('id')
    .describe('Columns of the key of the tables: a list, or one name.'),
  given: z
    .array(
      z.strictObject({
        insert: z.string().optional().describe('Name of the table; with `after`.'),
        update: z
          .string()
          .optional()
          .describe('Name of the table; with `after`, and `before` when the source sends it.'),
        delete: z.string().optional().describe('Name of the table; with `before`.'),
        snapshot: z.string().optional().describe('Name of the table; with `after`: a row that was there already.'),
        before: testRow().describe('The old row: columns and values. A column that is not named was not sent.'),
        after: testRow().describe('The new row.'),
      }),
    )
    .min(1)
    .describe('Changes of the source, in order.'),
  expect: z
    .record(
      z.string(),
      z.array(
        z.strictObject({
          upsert: testRow().describe('A row that has these columns with these values.'),
          row: testRow().describe('A row that has these columns and no others.'),
          delete: z.unknown().optional().describe('The key of a row: its value, or a map of its columns.'),
          refused: z.string().optional().describe('A rule refuses the change; a part of the message.'),
          table: z.string().optional().describe('Beside the others: the table that it is in, without its schema.'),
        }),
      ),
    )
    .describe(
      'What reaches each sink, in order; the only sink is called `sink`. A row that never matched a filter is not listed.',
    ),
});

export const pipelineKeys = z.strictObject({
  name: name().optional().describe('Name of the pipeline, unique in the instance. Default: the name of the file.'),
  source: z.unknown().optional().describe('The one source; its name is the pipeline’s.'),
  sources: z.unknown().optional().describe('Several sources: a map from name to source.'),
  transform: steps().describe('Steps for every row on its way from the log to every sink, in order.'),
  sink: z.unknown().optional().describe('The one sink; its name is `sink`.'),
  sinks: z
    .unknown()
    .optional()
    .describe('Several sinks: a map from name to sink. `{}`: none, Kafka clients alone read the topics.'),
  tests: z.array(testKeys).optional().describe('Tests of the rules, run by `tailrace test`.'),
  renamed_from: renamedFrom('pipeline'),
});

export const sourceKeys = z.strictObject({
  type: z.string().describe('The connector.'),
  tables: z
    .union([z.string(), z.array(z.string())])
    .describe(
      'Tables to capture, as `schema.table`: a list, or one name. `*` stands for any characters, `public.*` say: new tables are taken too when they are made.',
    ),
  snapshot: z
    .enum(['initial', 'never'])
    .default('initial')
    .describe('`initial`: first the rows that are there, then every change. `never`: only changes from now on.'),
  on_gap: z
    .enum(['stop', 'resnapshot'])
    .default('stop')
    .describe('When the source no longer has the changes that follow our position: stop, or read every table again.'),
  transform: steps().describe('Steps before the log: what they drop or mask never reaches the disk.'),
  renamed_from: renamedFrom('source'),
});

export const sinkKeys = z.strictObject({
  type: z.string().describe('The connector.'),
  from: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .describe('Tables that this sink takes, as `table` or `schema.table`: a list, or one name. Default: all.'),
  transform: steps().describe('Steps for this sink only, after those of the pipeline.'),
  batch: z
    .strictObject({
      records: z
        .int()
        .min(1)
        .max(100_000)
        .default(10_000)
        .describe('Most records that are made durable in the target together.'),
      bytes: sizeBytes()
        .refine((bytes) => bytes >= MIN_BATCH_BYTES, { error: 'must be at least 64KB' })
        .prefault('8MB')
        .describe('Most bytes of them, e.g. `4MB`.'),
    })
    .prefault({})
    .describe('Limits of what is made durable in the target together.'),
  max_dead_letters_per_minute: z
    .int()
    .min(0)
    .default(100)
    .describe('More refused records than this in a minute pause the sink.'),
  dead_letters: z
    .enum(['skip', 'block_key', 'stop'])
    .optional()
    .describe(
      'What becomes of a record that is refused. `skip`: a dead letter; later whole rows and deletes of its row go on. ' +
        '`block_key`: a dead letter, and all later changes of its row wait behind it. `stop`: the sink stops there. ' +
        'Default: `skip` where the target keeps the last value of a row, else `block_key`.',
    ),
  consistency: z
    .enum(['eventual', 'transactional'])
    .optional()
    .describe(
      'What somebody who reads the target sees. `eventual`: each row in its own order. `transactional`: only states that the ' +
        'source had, whole transactions in the order of their commits, over all tables; a refused record stops the sink. ' +
        'Default: `eventual`.',
    ),
  rate: z.int().min(1).optional().describe('Most records a second. Default: no limit.'),
  verify: z
    .strictObject({
      every: durationMs()
        .refine((ms) => ms >= MIN_VERIFY_MS, { error: 'must be at least 1s' })
        .prefault('24h')
        .describe('From the beginning of one comparison to that of the next, e.g. `6h`.'),
      rate: z.int().min(1).default(500).describe('Most rows a second, of source and target together.'),
    })
    .optional()
    .describe(
      'Compares all rows with the source in the background, again and again; `tailrace status` shows the result.',
    ),
  renamed_from: renamedFrom('sink'),
});
