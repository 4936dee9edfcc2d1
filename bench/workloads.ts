/**
 * The backlogs that captures are measured on, written while no reader runs.
 * nd: 1,000 transactions × 1,000 narrow rows · ns: 100,000 single-row transactions · wd: 200 × 1,000 wide rows.
 */
import type pg from 'pg';

export interface Workload {
  readonly name: 'nd' | 'ns' | 'wd';
  readonly rows: number;
  readonly table: string;
  readonly write: (client: pg.Client) => Promise<void>;
}

const NARROW = 'id bigint primary key, a int, b text';
const WIDE =
  'id bigint primary key, i1 int, i2 int, i3 bigint, i4 smallint, t1 text, t2 text, t3 varchar(40), t4 text, n1 numeric(12,2), ' +
  'n2 numeric(20,6), z1 timestamptz, z2 timestamptz, d1 date, j1 jsonb, u1 uuid, b1 bool, b2 bool, y1 bytea, f1 float8';

const narrowRow = `g, (g % 1000)::int, lpad(g::text, 20, 'x')`;
const wideRow =
  `g, (g % 1000)::int, (g * 7 % 100000)::int, g * 1000003, (g % 100)::smallint, md5(g::text), repeat('ab', 10), ` +
  `left(md5((g + 1)::text), 30), 'constant text', (g % 100000) / 100.0, (g % 1000000) / 1000000.0, ` +
  `'2026-01-01 00:00:00+00'::timestamptz + g * interval '1 second', '2026-06-01 12:00:00.123456+00'::timestamptz, ` +
  `date '2026-01-01' + (g % 365)::int, jsonb_build_object('id', g, 'tag', 'x'), md5(g::text)::uuid, g % 2 = 0, g % 3 = 0, ` +
  `decode(md5(g::text), 'hex'), g / 7.0`;

/** `count` transactions of `each` rows, committed inside one procedure call so that the client costs nothing. */
async function fill(client: pg.Client, table: string, columns: string, row: string, count: number, each: number) {
  await client.query(`drop table if exists ${table}; create table ${table} (${columns})`);
  return () =>
    client.query(
      `do $$ begin for t in 0..${count - 1} loop insert into ${table} select ${row} ` +
        `from generate_series(t::bigint * ${each} + 1, t::bigint * ${each} + ${each}) g; commit; end loop; end $$`,
    );
}

export async function prepare(client: pg.Client): Promise<Workload[]> {
  const nd = await fill(client, 'nd', NARROW, narrowRow, 1_000, 1_000);
  const ns = await fill(client, 'ns', NARROW, narrowRow, 100_000, 1);
  const wd = await fill(client, 'wd', WIDE, wideRow, 200, 1_000);
  const workload = (name: Workload['name'], rows: number, write: () => Promise<unknown>): Workload => ({
    name,
    rows,
    table: `public.${name}`,
    write: async () => void (await write()),
  });
  return [workload('nd', 1_000_000, nd), workload('ns', 100_000, ns), workload('wd', 200_000, wd)];
}
