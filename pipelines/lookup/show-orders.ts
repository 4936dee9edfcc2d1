/** node show-orders.ts CITY: the orders in the target, as soon as that of customer 1 has this city. */
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

const [city = 'Rome'] = process.argv.slice(2);

function orders() {
  if (!existsSync('shop.db')) return [];
  const database = new DatabaseSync('shop.db', { timeout: 5_000 });
  try {
    const made = database.prepare(`select 1 from sqlite_schema where name = 'orders'`).get();
    return made === undefined ? [] : database.prepare('select id, customer, city from orders order by id').all();
  } finally {
    database.close();
  }
}

let found = orders();
while (found.length < 3 || !found.some((order) => order.city === city)) {
  await sleep(100);
  found = orders();
}
for (const { id, customer, city: where } of found)
  console.log(`order ${id}: ${customer ?? 'nobody'}, ${where ?? 'nowhere'}`);
