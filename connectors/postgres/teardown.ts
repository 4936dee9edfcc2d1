/** Removes what the source made upstream; twice without error. A publication or slot that the user named stays. */
import { SqlSession } from './connections.ts';
import { dropTriggers } from './ddl-trigger.ts';
import { publicationOf, quoteName, type SourceOptions, slotOf } from './names.ts';
import { dropSlot } from './slot.ts';

export async function teardownSource(options: SourceOptions): Promise<void> {
  const sql = new SqlSession(options);
  try {
    if (options.config.slot === undefined) await dropSlot(sql, slotOf(options));
    const { name, managed } = publicationOf(options);
    const [row] = await sql.rows<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
    if (!row!.standby) await dropTriggers(options, sql);
    if (!managed) return;
    const drop = `DROP PUBLICATION IF EXISTS ${quoteName(name)}`;
    if (row!.standby) options.context.log('warn', 'a standby cannot drop the publication', { primary: `${drop};` });
    else await sql.rows(drop);
  } finally {
    await sql.close();
  }
}
