import { describe, expect, test } from 'vitest';
import { changesOf, newEncoder, recordsOf, type SentColumn, valueJson, writeRows } from '../../test/support/encoded.ts';
import fc from '../../test/support/fast-check.ts';
import type { RowMemory, TableMemory, WrittenRow } from '../contracts/row-memory.ts';
import type { Column, TableSchema } from '../contracts/schema.ts';

const unsent = { aboveBytes: 0, aboveRowBytes: -1 };
const column = (name: string, more: Partial<Column> = {}): Column => ({
  name,
  kind: 'text',
  native: 'text',
  nullable: true,
  unsent,
  ...more,
});
const key = (name: string, keyOrdinal: number): Column => {
  const { unsent: _, ...rest } = column(name, { kind: 'int32', native: 'integer', keyOrdinal });
  return rest;
};

/** Has what it is told to have, and says what it was asked and given. */
class ToldMemory implements RowMemory, TableMemory {
  columns: readonly number[] = [];
  readonly values = new Map<number, string>();
  readonly seen: string[] = [];
  isSkipping = false;

  table(_: string, { columns }: TableSchema): TableMemory {
    this.columns = columns.flatMap(({ unsent: rule }, i) => (rule === undefined ? [] : [i]));
    return this;
  }

  skips(): boolean {
    return this.isSkipping;
  }

  recall(op: string, recordKey: Uint8Array, place: number): Uint8Array | undefined {
    this.seen.push(`recall ${op} ${Buffer.from(recordKey)} ${this.columns[place]}`);
    const value = this.values.get(this.columns[place]!);
    return value === undefined ? undefined : Buffer.from(value);
  }

  keep({ op, key: recordKey, bytes, from, to, recalled }: WrittenRow): void {
    const texts = from.map((start, i) =>
      start < 0 ? '-' : `${recalled[i] ? '+' : ''}${Buffer.from(bytes.subarray(start, to[i]))}`,
    );
    this.seen.push(`keep ${op} ${Buffer.from(recordKey)} ${texts.join(' ')}`);
  }

  forget(recordKey: Uint8Array): void {
    this.seen.push(`forget ${Buffer.from(recordKey)}`);
  }

  clear(): void {
    this.seen.push('clear');
  }
}

function tableOf(encoder: ReturnType<typeof newEncoder>, columns: readonly Column[]): TableSchema {
  return encoder.register({ source: 'shop', schema: 'public', table: 't', columns });
}

describe('columns that were not sent', () => {
  test('invariant 9: what the memory has stands where the column belongs, and what it has not stays absent', () => {
    const cell = fc.constantFrom('sent', 'null', 'known', 'unknown');
    const row = fc.record({
      cells: fc.array(cell, { minLength: 1, maxLength: 8 }),
      keyAt: fc.nat(8),
      size: fc.nat(40),
    });
    fc.assert(
      fc.property(row, ({ cells, keyAt, size }) => {
        const memory = new ToldMemory();
        const encoder = newEncoder({ memory });
        const at = Math.min(keyAt, cells.length);
        const columns = cells.map((_, i) => column(`c${i}`));
        columns.splice(at, 0, key('id', 1));
        const table = tableOf(encoder, columns);
        const expected: [string, unknown][] = [];
        const after = columns.map(({ name }, i): SentColumn => {
          if (i === at) expected.push([name, 7]);
          if (i === at) return { text: '7' };
          const kind = cells[i < at ? i : i - 1]!;
          const text = `${name}${'"é'.repeat(size)}`;
          if (kind === 'sent' || kind === 'known') expected.push([name, text]);
          if (kind === 'null') expected.push([name, null]);
          if (kind === 'known') memory.values.set(i, JSON.stringify(text));
          return kind === 'sent' ? { text } : kind === 'null' ? null : undefined;
        });
        writeRows(encoder, table, [
          { op: 'u', after },
          { op: 'c', after: columns.map((_, i) => (i === at ? { text: '8' } : null)) },
        ]);
        const batches = encoder.take();
        const [record] = recordsOf(batches, 'shop.public.t');
        expect(Object.entries(valueJson(record!).after as object)).toEqual(expected);
        expect(Buffer.from(record!.key!).toString()).toBe('{"id":7}');
        const kept = memory.seen.find((line) => line.startsWith('keep u'))!;
        expect(kept.match(/ \+"/g)?.length ?? 0).toBe(memory.values.size);
        expect(changesOf(batches, 'shop.public.t').length).toBe(2);
      }),
    );
  });

  test('it is asked by the record key, told of every row that may change it, and of no other', () => {
    const memory = new ToldMemory();
    const encoder = newEncoder({ memory });
    const table = tableOf(encoder, [column('a'), key('x', 2), key('y', 1), column('b')]);
    const keys = [{ text: '1' }, { text: '2' }];
    memory.values.set(3, '"old"');
    writeRows(encoder, table, [
      { op: 'u', before: [{ text: 'older' }, ...keys, undefined], after: [{ text: 'A' }, ...keys, undefined] },
      { op: 'd', before: [undefined, ...keys, undefined] },
      { op: 'c', after: [undefined, { text: '3' }, { text: '4' }, { text: 'B' }] },
    ]);
    memory.isSkipping = true;
    writeRows(encoder, table, [
      { op: 'r', after: [null, ...keys, null] },
      { op: 'd', before: [undefined, ...keys, undefined] },
      { op: 'u', after: [undefined, ...keys, { text: 'B' }] },
    ]);
    encoder.begin({ id: '1', kind: 'stream', timeUs: 1, position: '0/1' });
    encoder.marker({ op: 'truncate', table });
    expect(memory.seen).toEqual([
      'recall u {"y":2,"x":1} 3',
      'keep u {"y":2,"x":1} "A" +"old"',
      'forget {"y":2,"x":1}',
      'recall c {"y":4,"x":3} 0',
      'keep c {"y":4,"x":3} - "B"',
      'recall u {"y":2,"x":1} 0',
      'keep u {"y":2,"x":1} - "B"',
      'clear',
    ]);
  });
});
