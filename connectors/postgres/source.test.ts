import { describe, expect, test } from 'vitest';
import { postgresScenes, read, rowTexts } from '../../test/support/postgres-source.ts';

const scene = postgresScenes();

describe('snapshot and stream', () => {
  test('rows that were there, then changes, each once and in order', async () => {
    const { client, options } = await scene(
      ['public.t'],
      `create table t (id int primary key, v text);
      insert into t values (1, 'one'), (2, E'tab\\there\\nline \\\\ back'), (3, null)`,
    );
    const { output, until } = read(options);
    await until(() => output.transactions.length >= 1);
    expect(output.transactions[0]).toMatchObject({
      kind: 'snapshot',
      markers: ['snapshot-begin public.t', 'snapshot-end public.t'],
    });
    expect(rowTexts(output)).toEqual([
      'r null {"id":"1","v":"one"}',
      'r null {"id":"2","v":"tab\\there\\nline \\\\ back"}',
      'r null {"id":"3","v":null}',
    ]);
    await client.query(`begin; insert into t values (4, 'four'); update t set v = 'uno' where id = 1; commit`);
    await client.query('begin; update t set id = 33 where id = 3; delete from t where id = 2; truncate t; commit');
    await until(() => output.transactions.length >= 3);
    expect(rowTexts(output).slice(3)).toEqual([
      'c null {"id":"4","v":"four"}',
      'u null {"id":"1","v":"uno"}',
      'd {"id":"3"} null',
      'c null {"id":"33","v":null}',
      'd {"id":"2"} null',
    ]);
    expect(output.transactions[2]?.markers).toEqual(['truncate public.t']);
  });
});
