/** Every type: what a snapshot reads and what the stream brings, against an expectation written down beforehand. */
import { describe, expect, test } from 'vitest';
import { mysqlScenes, readMysql } from '../../test/support/mysql-source.ts';
import { mysqlTypeCases } from '../../test/support/mysql-types.ts';

describe.each(['mysql', 'mariadb'] as const)('types of %s', async (flavor) => {
  const { missing, scene } = await mysqlScenes(flavor);

  test.skipIf(missing)('invariant 9: snapshot and stream give the same exact texts', { timeout: 120_000 }, async () => {
    const cases = mysqlTypeCases(flavor);
    expect(cases.length).toBeGreaterThanOrEqual(60);
    const names = cases.map((_, i) => `t${i}`);
    const ddl = cases.map(({ type }, i) => `CREATE TABLE t${i} (id int PRIMARY KEY, v ${type});`).join('\n');
    const { client, options, database } = await scene(names, ddl);
    const insert = (offset: number) =>
      cases
        .map(({ values }, i) => {
          const rows = values.map(([sql], k) => `(${offset + k}, ${sql})`);
          return `INSERT INTO t${i} VALUES ${[...rows, `(${offset + 99}, NULL)`].join(', ')};`;
        })
        .join('\n');
    await client.query('SET SESSION time_zone = "+00:00"');
    await client.query(insert(0));
    const { output, until } = readMysql(options);
    await until(() => output.transactions.length >= cases.length);
    await client.query(insert(1000));
    await until(() => output.transactions.length >= 2 * cases.length);
    const found = new Map<string, string | null | undefined>();
    for (const { table, after } of output.rows()) found.set(`${table} ${after?.id}`, after?.v);
    const texts = (offset: number) =>
      cases.map(({ type, values }, i) => {
        const at = (k: number) => found.get(`${database}.t${i} ${offset + k}`);
        return [type, ...values.map((_, k) => shortened(at(k))), at(99)];
      });
    const expected = cases.map(({ type, values }) => [type, ...values.map(([, text]) => shortened(text)), null]);
    expect(texts(1000)).toEqual(expected);
    expect(texts(0)).toEqual(expected);
    // One description for both, so that they have one schema.
    expect(output.schemas.map(({ table }) => table).sort()).toEqual([...names].sort());
  });

  test.skipIf(missing)('invariant 9: types beside each other, in either order', { timeout: 180_000 }, async () => {
    const kept = mysqlTypeCases(flavor).filter(({ type }) => !/16000|char\(300|binary\(300/.test(type));
    const orders = [kept, [...kept].reverse()];
    const columns = (cases: typeof kept) => cases.map(({ type }, i) => `c${i} ${type}`).join(', ');
    const ddl = orders.map((cases, i) => `CREATE TABLE w${i} (${columns(cases)}, id int PRIMARY KEY)`).join('; ');
    const { client, options, database } = await scene(['w0', 'w1'], ddl);
    const insert = (id: number) =>
      orders
        .map((cases, i) => `INSERT INTO w${i} VALUES (${cases.map(({ values }) => values[0]![0]).join(', ')}, ${id})`)
        .join('; ');
    await client.query(insert(1));
    const { output, until } = readMysql(options);
    await until(() => output.transactions.length >= 2);
    await client.query(insert(2));
    await until(() => output.transactions.length >= 4);
    for (const { table, after } of output.rows()) {
      const cases = orders[table === `${database}.w0` ? 0 : 1]!;
      const found = cases.map(({ type }, i) => [type, shortened(after?.[`c${i}`])]);
      expect(found).toEqual(cases.map(({ type, values }) => [type, shortened(values[0]![1])]));
    }
    expect(output.schemas).toHaveLength(2);
  });
});

const shortened = (text: string | null | undefined) =>
  text !== null && text !== undefined && text.length > 200 ? `${text.slice(0, 100)}… ${text.length}` : text;
