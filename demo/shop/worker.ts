/** One connection's share of the shop's life. Owns the rows whose id has its number as remainder. */
import type pg from 'pg';
import type { Random } from './random.ts';

export interface Counts {
  readonly transactions: number;
  /** Rows. */
  readonly inserts: number;
  readonly updates: number;
  readonly deletes: number;
  /** Updates of a primary key. */
  readonly keyChanges: number;
  /** Transactions of 200 rows or more. */
  readonly bulk: number;
  readonly rollbacks: number;
}

type Owned = 'products' | 'customers' | 'orders';

/** Products up to this id are never deleted or renumbered; every connection changes them, so commits of one key interleave. */
export const SHARED_PRODUCTS = 24;
const MOST_ROWS: Record<Owned, number> = { products: 1_200, customers: 1_500, orders: 2_500 };
const NOTES = ['gift', 'naïve café — 日本語 🎁', 'quote " and \\ backslash', "it's\tlate\n", '', null];
const STATES = ['paid', 'packed', 'sent', 'returned'];

export class ShopWorker {
  readonly #client: pg.Client;
  readonly #random: Random;
  readonly #step: number;
  readonly #ids: Record<Owned, number[]> = { products: [], customers: [], orders: [] };
  readonly #next: Record<Owned, number> = { products: 0, customers: 0, orders: 0 };
  readonly counts: { -readonly [K in keyof Counts]: number } = {
    transactions: 0,
    inserts: 0,
    updates: 0,
    deletes: 0,
    keyChanges: 0,
    bulk: 0,
    rollbacks: 0,
  };
  readonly #actions: readonly (readonly [weight: number, action: () => Promise<void>])[] = [
    [24, () => this.#placeOrder(this.#random.between(1, 5))],
    [28, () => this.#changeProduct()],
    [9, () => this.#publishOrNot()],
    [12, () => this.#moveOrder()],
    [3, () => this.#describe()],
    [3, () => this.#addProduct()],
    [5, () => this.#addCustomer()],
    [5, () => this.#changeCustomer()],
    [5, () => this.#deleteFrom('orders')],
    [2, () => this.#deleteFrom('products')],
    [2, () => this.#deleteFrom('customers')],
    [2, () => this.#renumber('products')],
    [1, () => this.#renumber('customers')],
    [2, () => this.#renumber('orders')],
    [1, () => this.#bulk()],
    [2, () => this.#shortLife()],
  ];

  private constructor(client: pg.Client, random: Random, step: number) {
    this.#client = client;
    this.#random = random;
    this.#step = step;
  }

  static async create(
    client: pg.Client,
    random: Random,
    place: { readonly number: number; readonly of: number },
  ): Promise<ShopWorker> {
    const worker = new ShopWorker(client, random, place.of);
    for (const table of ['products', 'customers', 'orders'] as const) {
      const { rows } = await client.query<{ id: string }>(`select id from ${table} order by id`);
      const ids = rows.map(({ id }) => Number(id));
      const top = Math.ceil(((ids.at(-1) ?? 0) + 1) / place.of) * place.of;
      worker.#next[table] = top + place.number;
      const lowest = table === 'products' ? SHARED_PRODUCTS : 0;
      worker.#ids[table] = ids.filter((id) => id > lowest && id % place.of === place.number);
    }
    return worker;
  }

  /** One random transaction; one in thirty is rolled back. Throws what the server answers, rolled back too. */
  async transaction(): Promise<void> {
    const undo = this.#remember();
    await this.#client.query('begin');
    try {
      await this.#choose()();
      if (this.#random.chance(1 / 30)) {
        await this.#client.query('rollback');
        undo();
        this.counts.rollbacks++;
        return;
      }
      await this.#client.query('commit');
      this.counts.transactions++;
    } catch (error) {
      undo();
      await this.#client.query('rollback').catch(() => {});
      throw error;
    }
  }

  /** Counts and known rows as they are now; the result puts them back. */
  #remember(): () => void {
    const counts = { ...this.counts };
    const { products, customers, orders } = this.#ids;
    const ids = { products: [...products], customers: [...customers], orders: [...orders] };
    return () => {
      Object.assign(this.counts, counts);
      Object.assign(this.#ids, ids);
    };
  }

  #choose(): () => Promise<void> {
    const total = this.#actions.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.#random.unit() * total;
    for (const [weight, action] of this.#actions) {
      at -= weight;
      if (at < 0) return action;
    }
    return () => this.#changeProduct();
  }

  async #placeOrder(lines: number): Promise<void> {
    if (this.#ids.orders.length >= MOST_ROWS.orders) return this.#deleteFrom('orders');
    const id = this.#newId('orders');
    const customer = this.#ids.customers.length === 0 ? 1 : this.#random.pick(this.#ids.customers);
    const total = (this.#random.between(100, 999_999) / 100).toFixed(this.#random.between(0, 2));
    await this.#rows(
      'inserts',
      'insert into orders (id, customer_id, status, total, note) values ($1, $2, $3, $4, $5)',
      [id, customer, 'new', total, this.#random.pick(NOTES)],
    );
    const shared = new Set(Array.from({ length: Math.min(lines, 5) }, () => this.#random.between(1, SHARED_PRODUCTS)));
    await this.#rows(
      'inserts',
      `insert into order_items (order_id, line, product_id, quantity, unit_price)
       select $1, line, line % $3 + 1, line % 9 + 1, 1.25 * line from generate_series(1, $2::integer) line`,
      [id, lines, SHARED_PRODUCTS],
    );
    // In order of id, so that two connections cannot wait for each other.
    for (const product of [...shared].sort((a, b) => a - b)) {
      await this.#rows('updates', 'update products set stock = abs(stock - 1) where id = $1', [product]);
    }
  }

  #changeProduct(): Promise<void> {
    const price = (this.#random.between(1, 9_999_999) / 100).toFixed(2);
    return this.#rows(
      'updates',
      'update products set price = $2, stock = $3, updated_at = clock_timestamp() where id = $1',
      [this.#anyProduct(), price, this.#random.between(0, 40)],
    );
  }

  #publishOrNot(): Promise<void> {
    return this.#rows('updates', 'update products set published = not published where id = $1', [this.#anyProduct()]);
  }

  #describe(): Promise<void> {
    const attributes = this.#random.chance(0.2)
      ? null
      : JSON.stringify({ colour: this.#random.between(1, 9), ü: [null] });
    return this.#rows('updates', 'update products set description = $2, attributes = $3 where id = $1', [
      this.#anyProduct(),
      this.#largeText(),
      attributes,
    ]);
  }

  async #addProduct(): Promise<void> {
    if (this.#ids.products.length >= MOST_ROWS.products) return this.#deleteFrom('products');
    const id = this.#newId('products');
    await this.#rows(
      'inserts',
      `insert into products (id, name, price, stock, published, attributes, description, internal_notes)
       values ($1, $2, $3, $4, $5, '{"new": true}', $6, 'secret')`,
      [id, `Product ${id}`, '0.10', this.#random.between(0, 9), this.#random.chance(0.8), this.#largeText()],
    );
  }

  async #addCustomer(): Promise<void> {
    if (this.#ids.customers.length >= MOST_ROWS.customers) return this.#deleteFrom('customers');
    const id = this.#newId('customers');
    await this.#rows(
      'inserts',
      'insert into customers (id, email, name, country, birthday, password_hash) values ($1, $2, $3, $4, $5, $6)',
      [id, `c${id}@shop.example`, `Zoë ${id}`, this.#random.chance(0.2) ? null : 'de', '1999-12-31', 'hash'],
    );
  }

  async #changeCustomer(): Promise<void> {
    const { customers } = this.#ids;
    if (customers.length === 0) return this.#addCustomer();
    const id = this.#random.pick(customers);
    const email = `c${id}.${this.#random.between(1, 999)}@shop.example`;
    await this.#rows('updates', 'update customers set email = $2 where id = $1', [id, email]);
  }

  async #moveOrder(): Promise<void> {
    const { orders } = this.#ids;
    if (orders.length === 0) return this.#placeOrder(1);
    const values = [this.#random.pick(orders), this.#random.pick(STATES), this.#random.pick(NOTES)];
    await this.#rows('updates', 'update orders set status = $2, note = $3 where id = $1', values);
  }

  async #deleteFrom(table: Owned): Promise<void> {
    const ids = this.#ids[table];
    if (ids.length < 50) return this.#changeProduct();
    const [id] = ids.splice(this.#random.between(0, ids.length - 1), 1);
    await this.#rows('deletes', `delete from ${table} where id = $1`, [id]);
  }

  /** A new primary key; an order takes its items along, a product keeps its large description. */
  async #renumber(table: Owned): Promise<void> {
    const ids = this.#ids[table];
    if (ids.length === 0) return this.#changeProduct();
    const at = this.#random.between(0, ids.length - 1);
    const old = ids[at];
    ids.splice(at, 1);
    await this.#rows('keyChanges', `update ${table} set id = $2 where id = $1`, [old, this.#newId(table)]);
  }

  async #bulk(): Promise<void> {
    this.counts.bulk++;
    if (this.#random.chance(0.5)) return this.#placeOrder(this.#random.between(200, 400));
    const some = this.#ids.products.slice(0, this.#random.between(200, 300)).sort((a, b) => a - b);
    await this.#rows('updates', 'update products set price = price + 0.01 where id = any($1)', [some]);
  }

  /** Born, changed and gone within one transaction, and born again under the same key in the end. */
  async #shortLife(): Promise<void> {
    const id = this.#newId('customers');
    const insert =
      "insert into customers (id, email, name, password_hash) values ($1, 'brief@shop.example', 'Brief', 'hash')";
    await this.#rows('inserts', insert, [id]);
    await this.#rows('updates', "update customers set name = 'Briefer' where id = $1", [id]);
    await this.#rows('deletes', 'delete from customers where id = $1', [id]);
    await this.#rows('inserts', insert, [id]);
  }

  #anyProduct(): number {
    const { products } = this.#ids;
    if (products.length === 0 || this.#random.chance(0.3)) return this.#random.between(1, SHARED_PRODUCTS);
    return this.#random.pick(products);
  }

  /** More than 10 kB that do not compress. */
  #largeText(): string {
    let text = '';
    while (text.length < 10_400) text += this.#random.uint32().toString(36);
    return text;
  }

  #newId(table: Owned): number {
    const id = this.#next[table];
    this.#next[table] += this.#step;
    this.#ids[table].push(id);
    return id;
  }

  async #rows(kind: 'inserts' | 'updates' | 'deletes' | 'keyChanges', sql: string, values: unknown[]): Promise<void> {
    const { rowCount } = await this.#client.query(sql, values);
    this.counts[kind] += rowCount ?? 0;
  }
}
