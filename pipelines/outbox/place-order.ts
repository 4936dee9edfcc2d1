/**
 * node place-order.ts FROM TO: places orders. Each is a row and a message, in one transaction. An order of Mallory fails after
 * its message was written, so that there is neither.
 */
import { inTransaction } from './database.ts';

const [from = 1, to = 1] = process.argv.slice(2).map(Number);
const CUSTOMERS = ['ann', 'bob', 'mallory'];

async function place(id: number, customer: string): Promise<void> {
  const order = { id, customer, total: `${id}.50` };
  await inTransaction(async (client) => {
    await client.query('insert into orders values ($1, $2, $3)', [id, customer, order.total]);
    const { rows } = await client.query(
      `insert into outbox (aggregate_type, aggregate_id, type, payload) values ('order', $1, 'created', $2) returning id`,
      [String(id), JSON.stringify(order)],
    );
    // Tailrace has it from the write-ahead log: the row need not stay.
    await client.query('delete from outbox where id = $1', [rows[0].id]);
    if (customer === 'mallory') throw new Error('the card was refused');
  });
}

for (let id = from; id <= to; id++) {
  const customer = CUSTOMERS[(id - 1) % CUSTOMERS.length]!;
  try {
    await place(id, customer);
    console.log(`placed order ${id} of ${customer}`);
  } catch (error) {
    console.log(`order ${id} of ${customer} was not placed: ${(error as Error).message}`);
  }
}
