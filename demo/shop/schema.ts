/**
 * The shop's database. `products.description` holds more than 10 kB that most updates leave alone, so PostgreSQL sends
 * it as unchanged. Triggers write one `audit` row per changed row, which is how the verification knows what happened.
 */
import pg from 'pg';

export const TABLES = ['products', 'customers', 'orders', 'order_items', 'audit'] as const;
export type ShopTable = (typeof TABLES)[number];

const SCHEMA = `
create table products (
  id bigint primary key,
  name text not null,
  price numeric(12, 2) not null,
  stock integer not null,
  published boolean not null,
  attributes jsonb,
  description text not null,
  internal_notes text,
  updated_at timestamptz not null default clock_timestamp()
);
alter table products alter column description set storage external;
create table customers (
  id bigint primary key,
  email text not null,
  name text not null,
  country text,
  birthday date,
  password_hash text not null
);
create table orders (
  id bigint primary key,
  customer_id bigint not null,
  status text not null,
  total numeric not null,
  note text,
  created_at timestamp not null default clock_timestamp()
);
create table order_items (
  order_id bigint not null references orders on delete cascade on update cascade,
  line integer not null,
  product_id bigint not null,
  quantity integer not null,
  unit_price numeric(12, 2) not null,
  primary key (order_id, line)
);
create table audit (
  id bigserial primary key,
  "table" text not null,
  op text not null,
  key text not null,
  txid bigint not null,
  ordinal integer not null
);

create function shop_audit() returns trigger language plpgsql as $$
declare
  key text;
  place integer := coalesce(nullif(current_setting('shop.ordinal', true), ''), '0')::integer + 1;
begin
  perform set_config('shop.ordinal', place::text, true);
  if tg_table_name = 'order_items' then
    key := case when tg_op = 'DELETE' then old.order_id || '/' || old.line else new.order_id || '/' || new.line end;
  else
    key := case when tg_op = 'DELETE' then old.id else new.id end;
  end if;
  insert into audit ("table", op, key, txid, ordinal)
  values (tg_table_name, lower(left(tg_op, 1)), key, (pg_current_xact_id()::text)::bigint, place);
  return null;
end
$$;
create trigger audit after insert or update or delete on products for each row execute function shop_audit();
create trigger audit after insert or update or delete on customers for each row execute function shop_audit();
create trigger audit after insert or update or delete on orders for each row execute function shop_audit();
create trigger audit after insert or update or delete on order_items for each row execute function shop_audit();
`;

export interface SeedSizes {
  readonly products: number;
  readonly customers: number;
  readonly orders: number;
}

/** Creates and fills the tables unless they are there. True when it did. */
export async function createShop(url: string, seed: number, sizes: SeedSizes): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query(
      "select 1 from pg_tables where schemaname = 'public' and tablename = 'audit'",
    );
    if (rowCount !== 0) return false;
    await client.query('begin');
    await client.query(SCHEMA);
    await fill(client, seed, sizes);
    await client.query('commit');
    return true;
  } finally {
    await client.end();
  }
}

/** `md5` of seed, row and column instead of random(): the same seed makes the same shop. */
async function fill(client: pg.Client, seed: number, { products, customers, orders }: SeedSizes): Promise<void> {
  await client.query(
    `insert into products (id, name, price, stock, published, attributes, description, internal_notes)
     select id, 'Product ' || id, (id * 7919 % 100000) / 100.0, id % 50, id % 5 <> 0,
       case when id % 7 = 0 then null else jsonb_build_object('colour', id % 9, 'tags', jsonb_build_array('a', id)) end,
       (select string_agg(md5($1 || '/' || id || '/' || n), '' order by n) from generate_series(1, 340) n),
       'note ' || id
     from generate_series(1, $2::bigint) id`,
    [String(seed), products],
  );
  await client.query(
    `insert into customers (id, email, name, country, birthday, password_hash)
     select id, 'c' || id || '@shop.example', 'Customer ' || id, case when id % 11 = 0 then null else 'c' || id % 20 end,
       date '1950-01-01' + (id * 37 % 20000)::integer, md5($1 || '/secret/' || id)
     from generate_series(1, $2::bigint) id`,
    [String(seed), customers],
  );
  await client.query(
    `insert into orders (id, customer_id, status, total, note)
     select id, id % $2::bigint + 1, 'new', id * 13 % 1000 + 0.5, case when id % 3 = 0 then 'gift' end
     from generate_series(1, $1::bigint) id`,
    [orders, customers],
  );
  await client.query(
    `insert into order_items (order_id, line, product_id, quantity, unit_price)
     select id, line, (id * 31 + line) % $2::bigint + 1, line, 9.99
     from generate_series(1, $1::bigint) id, generate_series(1, 2) line`,
    [orders, products],
  );
}
