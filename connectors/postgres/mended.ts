/** A source that stopped at a gap: can it go on from there, because of what somebody has done since? */
import type { Position } from '../../src/sdk/index.ts';
import { SqlSession } from './connections.ts';
import { isMended } from './continuity.ts';
import { publicationOf, type SourceOptions } from './names.ts';
import { readPosition } from './position.ts';
import { capturedTables } from './set-up.ts';

/** Throws as a start would; `source.gap` with the way out where there is one by now. */
export async function isSourceMended(options: SourceOptions, position: Position): Promise<boolean> {
  const sql = new SqlSession(options);
  try {
    const tables = await capturedTables(options, sql);
    return await isMended(sql, publicationOf(options).name, tables, readPosition(position));
  } finally {
    await sql.close();
  }
}
