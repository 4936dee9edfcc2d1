import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ColumnStore } from './column-store.ts';

test('invariant 10: what an open transaction has beyond its part of the memory is on disk, and is there after the commit', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-columns-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const value = Buffer.alloc(16 << 10, 'v');
  const written = (cacheBytes: number) => {
    const path = join(dir, `${cacheBytes}.db`);
    const store = ColumnStore.open(path, cacheBytes);
    onTestFinished(() => store.close());
    const cells = store.cells('topic');
    for (let i = 0; i < 256; i++) cells.put(Buffer.from(`key ${i}`), 1, value);
    const bytes = statSync(`${path}-wal`).size;
    store.commit();
    expect(Buffer.compare(cells.get(Buffer.from('key 0'), 1)!, value)).toBe(0);
    return bytes;
  };
  const total = 256 * value.length;
  expect(written(512 << 10)).toBeGreaterThan(total - (1 << 20));
  expect(written(4 * total)).toBeLessThan(1 << 20);
});
