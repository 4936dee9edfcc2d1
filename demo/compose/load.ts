/**
 * The shop of docker-compose.yml: makes its tables where they are missing, then lives until it is told to stop. SHOP_PG_URL:
 * its database; SHOP_RATE: transactions a second.
 */
import { writeFileSync } from 'node:fs';
import { ShopLoad } from '../shop/load.ts';
import { createShop } from '../shop/schema.ts';

const OPEN = process.env.SHOP_OPEN_FILE ?? '/tmp/shop-is-open';
const SEED = 1;
const SIZES = { products: 200, customers: 300, orders: 500 };

const { SHOP_PG_URL: url = '', SHOP_RATE: rate = '50' } = process.env;
await createShop(url, SEED, SIZES);
const load = await ShopLoad.start({ url, seed: SEED, rate: Number(rate) });
writeFileSync(OPEN, '');
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void load.stop());
await load.ended;
const { transactions, seconds } = load.counts();
console.log(`${transactions} transactions in ${Math.round(seconds)} s`);
