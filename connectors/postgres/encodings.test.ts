/** Databases that are not in UTF-8: their text comes in UTF-8 where the server knows the encoding, else byte for byte. */
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { postgresScenes, read, rowTexts, sourceOptions } from '../../test/support/postgres-source.ts';

const scene = postgresScenes();

async function database(encoding: string): Promise<{ client: pg.Client; options: ReturnType<typeof sourceOptions> }> {
  const { client: admin, url } = await scene([], '');
  const name = encoding.toLowerCase();
  await admin.query(`create database ${name} template template0 encoding '${encoding}' locale 'C'`);
  const target = new URL(url);
  target.pathname = name;
  const client = new pg.Client(target.href);
  await client.connect();
  onTestFinished(() => client.end());
  return { client, options: sourceOptions(target.href, name, ['public.t']) };
}

const DDL =
  'create table t (k text primary key, v text, list text[], pad char(3), big text); alter table t alter big set storage external;';

/** A row whose texts hold the byte E9, then the key changed while the large column stays: it has to be read by its key. */
async function rowsWith(encoding: string, byte: string): Promise<string[]> {
  const { client, options } = await database(encoding);
  const row = (key: string) =>
    `(${byte} || '${key}', 'v' || ${byte}, array['a', ${byte}, null], ${byte}, repeat(${byte} || 'x', 2))`;
  await client.query(`${DDL} insert into t values ${row('1')}`);
  const reading = read(options);
  await reading.until(() => reading.output.transactions.length === 1);
  await client.query(`insert into t values ${row('2')}; `);
  await client.query(`update t set big = repeat(${byte} || 'x', 3000) where k = ${byte} || '2'`);
  await client.query(`update t set k = ${byte} || '3' where k = ${byte} || '2'`);
  await reading.until(() => reading.output.transactions.length === 4);
  const rows = reading.output.rows();
  const created = rows.at(-1)!.after!;
  expect(created.big).toBe(rows.at(-3)!.after!.big);
  return rowTexts(reading.output).slice(0, 2);
}

test('invariant 9: LATIN1', async () => {
  expect(await rowsWith('LATIN1', 'chr(233)')).toEqual([
    'r null {"k":"é1","v":"vé","list":"json:[\\"a\\",\\"é\\",null]","pad":"é  ","big":"éxéx"}',
    'c null {"k":"é2","v":"vé","list":"json:[\\"a\\",\\"é\\",null]","pad":"é  ","big":"éxéx"}',
  ]);
});

test('invariant 9: no encoding', async () => {
  const list = 'json:[\\"a\\",{\\"$bytes\\":\\"6Q==\\"},null]';
  const row = (key: string) =>
    `null {"k":"bytes:e93${key}","v":"bytes:76e9","list":"${list}","pad":"bytes:e92020","big":"bytes:e978e978"}`;
  expect(await rowsWith('SQL_ASCII', 'chr(233)')).toEqual([`r ${row('1')}`, `c ${row('2')}`]);
});
