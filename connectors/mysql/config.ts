/** Configuration of the `mysql` source. */
import { secret, z } from '../../src/sdk/index.ts';
import { isServerUrl, NO_SERVER_URL } from '../../src/sdk/server-url.ts';

const MAX_SERVER_ID = 2 ** 32 - 1;

export const sourceConfig = z.strictObject({
  url: secret()
    .refine((text) => /^(mysql|mariadb):\/\//.test(text), {
      error: 'must start with mysql:// or mariadb://',
      abort: true,
    })
    .refine(isServerUrl, { error: NO_SERVER_URL })
    .describe(
      'Connection string, `mysql://user:password@host:port/`; with `ssl-mode` (DISABLED, REQUIRED, VERIFY_CA, ' +
        'VERIFY_IDENTITY) and `ssl-ca` as the `mysql` client has them.',
    ),
  server_id: z
    .int()
    .min(1)
    .max(MAX_SERVER_ID)
    .optional()
    .describe(
      'As which replica the binary log is read: no other reader of this server may use it. Default: made of the names of instance and source.',
    ),
  after_crash: z
    .enum(['stop', 'continue'])
    .default('stop')
    .describe(
      'When the server crashed while `sync_binlog` or `innodb_flush_log_at_trx_commit` was not 1, so that its tables and its ' +
        'binary log may differ. `stop`: the source stops with a gap (`on_gap: resnapshot` reads the tables again); `continue`: ' +
        'for servers whose process may crash, but not their machine.',
    ),
  snapshot_connections: z.int().min(1).max(16).default(2).describe('Connections that read one table side by side.'),
  snapshot_chunk_rows: z
    .int()
    .min(1)
    .max(10_000_000)
    .optional()
    .describe('Rows that one connection reads at a time. Default: as many as make about two megabytes.'),
  unlogged_cascades: z
    .enum(['refuse', 'ignore'])
    .default('refuse')
    .describe(
      'Rows that a foreign key (CASCADE, SET NULL) changes are not in the binary log of most versions. `refuse`: tables with ' +
        'such keys are not captured; `ignore`: they are, without those changes.',
    ),
});

export type SourceConfig = z.output<typeof sourceConfig>;
