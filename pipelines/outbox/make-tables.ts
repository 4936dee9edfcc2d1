/** node make-tables.ts: the shop's tables. */
import { inTransaction } from './database.ts';

await inTransaction(async (client) => {
  await client.query(`
    create table orders (id int primary key, customer text not null, total numeric(10,2) not null);
    create table outbox (
      id uuid primary key default gen_random_uuid(),
      aggregate_type text not null,
      aggregate_id text not null,
      type text not null,
      payload jsonb not null
    )`);
});
console.log('made the tables orders and outbox');
