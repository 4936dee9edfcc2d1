/**
 * How far one table was read: docs/decisions/2026-11-25-mysql-snapshot.md. Immutable; kept in the source's position.
 */
import { z } from '../../src/sdk/index.ts';

const key = z.array(z.string());

export const snapshotState = z.strictObject({
  /** Stands in the markers. */
  id: z.string(),
  /** `initial`: the table was never read, its stream counts from each range's reading on. `refresh`: it is streamed and read once more. */
  kind: z.enum(['initial', 'refresh']),
  /** `KeyOrder.fingerprint`: what was read means nothing under another key. */
  key: z.string(),
  /** All rows up to this key were read; null: none. */
  to: key.nullable(),
  /** SQL condition of the rows that are read; null: all. */
  where: z.string().nullable(),
  /** Become deletes where the last step finds no row. */
  absent: z.array(key),
  /** Read so far. */
  rows: z.number(),
  /** What the server thinks that the table has; null when it does not know. */
  estimate: z.number().nullable(),
});

export type SnapshotState = z.output<typeof snapshotState>;
