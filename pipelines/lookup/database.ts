/** The shop's database, for the programs in this folder. */
import pg from 'pg';

/** Runs statements in one transaction: all of them or none. */
export async function inTransaction(act: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client(process.env.SHOP_PG_URL);
  await client.connect();
  try {
    await client.query('begin');
    await act(client);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    await client.end();
  }
}
