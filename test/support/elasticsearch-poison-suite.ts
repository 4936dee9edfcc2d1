/** Documents that an Elasticsearch server refuses, among others. */
import { expect, test } from 'vitest';
import { NOT_SENT } from '../../src/contracts/row.ts';
import type { OpenSink } from '../../src/contracts/sink.ts';
import { type Cell, change, column, table } from './changes.ts';
import type { ElasticsearchClient } from './elasticsearch-client.ts';
import { apply, SHOP } from './last-value-target.ts';
import { byJson } from './table-model.ts';

const wide = table('t', [...SHOP.columns, column('j', 'json', 'json')]);
const put = (version: number, id: string, j: Cell, a: Cell = 'a') =>
  change(wide, { op: 'update', version, after: [id, a, 'b', j] });
const POISON = '{"secret":1,"secret":2}';

export function elasticsearchPoisonSuite(
  client: ElasticsearchClient,
  newIndex: () => string,
  open: (index: string) => Promise<OpenSink>,
): void {
  test('one document among 1,000 comes back, the others are applied', async () => {
    const index = newIndex();
    const opened = await open(index);
    const rejections = await apply(
      opened,
      Array.from({ length: 1_000 }, (_, i) => put(i + 1, `k${i}`, i === 500 ? POISON : '{}')),
    );
    expect(rejections.map(({ record }) => record.offset)).toEqual([500n]);
    const { error } = rejections[0]!;
    expect(error).toMatchObject({
      code: 'sink.rejected',
      message: expect.stringContaining('document_parsing_exception'),
    });
    expect(error.message).not.toMatch(/secret|k500/);
    expect(error.detail).toContain('Duplicate field');
    expect(await client.documents(index)).toHaveLength(999);
    await opened.sink.close();
  });

  test('invariant 6: changes of the row before and after a refused one are applied, partial ones wait', async () => {
    const index = newIndex();
    const opened = await open(index);
    const rejections = await apply(opened, [
      put(1, '1', '{"n":1}'),
      put(2, '1', POISON, NOT_SENT),
      put(3, '1', NOT_SENT, 'held'),
      put(4, '2', POISON),
      put(5, '2', '{"n":5}'),
      put(6, '2', NOT_SENT, 'a6'),
    ]);
    await opened.sink.close();
    const offsets = rejections.map(({ record }) => Number(record.offset)).sort((a, b) => a - b);
    expect(offsets.filter((offset) => offset !== 3)).toEqual([1, 2]);
    const found = (await client.documents(index)).map(({ _source }) => [_source.id, _source.a, _source.j]);
    expect(found.sort(byJson)).toEqual([
      ['1', 'a', { n: 1 }],
      ['2', 'a6', { n: 5 }],
    ]);
  });
}
