/** node change.ts: Ann moves, customer 3 registers after placing an order, Bob leaves. */
import { inTransaction } from './database.ts';

await inTransaction(async (client) => {
  await client.query(`
    update customers set city = 'Paris' where id = 1;
    insert into customers values (3, 'Cid', 'Bonn');
    delete from customers where id = 2`);
});
console.log('changed the customers, and no order');
