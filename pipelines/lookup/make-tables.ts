/** node make-tables.ts: the shop's tables, with the first customers and orders. */
import { inTransaction } from './database.ts';

await inTransaction(async (client) => {
  await client.query(`
    create table customers (id int primary key, name text not null, city text);
    create table orders (id int primary key, customer_id int, total numeric(10,2) not null);
    insert into customers values (1, 'Ann', 'Rome'), (2, 'Bob', 'Oslo');
    insert into orders values (1, 1, 12.50), (2, 2, 7.00), (3, 3, 99.00)`);
});
console.log('made the tables customers and orders');
