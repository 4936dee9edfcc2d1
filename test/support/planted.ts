/** Differences that somebody makes by hand in a target of `items`, past Tailrace. */
import { readFile, writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import mysql from 'mysql2/promise';
import pg from 'pg';

/** Row 301 is taken away, row 302 changed in its `name`, row 500 made. None of them is touched by the load. */
export type Plant = () => Promise<void>;

export const PLANTED = [
  ['missing', '{"id":301}', []],
  ['different', '{"id":302}', ['name']],
  ['extra', '{"id":500}', []],
] as const;

const SQL = [
  'delete from items where id = 301',
  `update items set name = 'planted' where id = 302`,
  `insert into items (id, name, _tr_version) values (500, 'planted', 1)`,
];

export function plantInPostgres(url: string): Plant {
  return async () => {
    const client = new pg.Client(url);
    await client.connect();
    for (const sql of SQL) await client.query(sql);
    await client.end();
  };
}

export function plantInSqlite(path: string): Plant {
  return async () => {
    const database = new DatabaseSync(path, { timeout: 5_000 });
    for (const sql of SQL) database.exec(sql);
    database.close();
  };
}

export function plantInMysql(url: string): Plant {
  return async () => {
    const connection = await mysql.createConnection(url);
    for (const sql of SQL) await connection.query(sql);
    await connection.end();
  };
}

/** Keys `item:<id>`. */
export function plantInRedisHashes(url: string): Plant {
  return async () => {
    const client = new Redis(url);
    const source = await client.hget('item:302', '_tr_source');
    await client.del('item:301');
    await client.hset('item:302', 'name', 'planted');
    await client.hset('item:500', {
      id: '500',
      name: 'planted',
      _tr_version: '1'.padStart(19, '0'),
      _tr_source: source!,
    });
    client.disconnect();
  };
}

/** Keys `doc:<id>`, each with the memory of its version. */
export function plantInRedisDocuments(url: string): Plant {
  return async () => {
    const client = new Redis(url);
    const memory = (await client.get('_tr:row:doc:302'))!;
    const document = (await client.get('doc:302'))!;
    await client.del('doc:301');
    await client.set('doc:302', document.replace(/"name":"[^"]*"/, '"name":"planted"'));
    await client.set('doc:500', '{"id":500}');
    await client.set('_tr:row:doc:500', '1'.padStart(19, '0') + memory.slice(19));
    client.disconnect();
  };
}

export function plantInElasticsearch(url: string): Plant {
  return async () => {
    const ask = async (method: string, path: string, body?: object) => {
      const headers = { 'content-type': 'application/json' };
      const init = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
      const response = await fetch(`${url.replace(/\/$/, '')}${path}`, init);
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
    };
    await ask('DELETE', '/items/_doc/301');
    await ask('POST', '/items/_update/302', { doc: { name: 'planted' } });
    await ask('PUT', '/items/_doc/500', { id: 500, name: 'planted' });
  };
}

/** Lines are changed where they stand: the file has one writer, which knows its length. */
export function plantInFile(path: string): Plant {
  return async () => {
    const text = await readFile(path, 'utf8');
    const changed = text.replaceAll('"key":{"id":301}', '"key":{"id":500}').replaceAll('"item 302"', '"mete 302"');
    await writeFile(path, changed, { flag: 'r+' });
  };
}
