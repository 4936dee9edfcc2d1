import { expect, test } from 'vitest';
import type { Files, OpenFile } from '../lib/files.ts';
import { OpenFiles } from './open-files.ts';

/** Counts what is open. */
function counting() {
  const open = new Set<string>();
  let most = 0;
  const files = {
    async open(path: string): Promise<OpenFile> {
      if (path === 'absent') throw new Error('ENOENT');
      open.add(path);
      most = Math.max(most, open.size);
      return { close: async () => void open.delete(path) } as OpenFile;
    },
    remove: async () => {},
  } as unknown as Files;
  return { files, open, most: () => most };
}

test('files stay open between uses, the least recently used is closed above the limit', async () => {
  const { files, open } = counting();
  const pool = new OpenFiles(files, 3);
  for (const path of ['a', 'b', 'c', 'a', 'd']) await pool.use(path, async () => {});
  await pool.close('b');
  expect([...open].sort()).toEqual(['a', 'c', 'd']);
  await pool.closeAll();
  expect(open.size).toBe(0);
});

test('who keeps something beside a file is told when it is closed for others', async () => {
  const pool = new OpenFiles(counting().files, 1);
  const told: string[] = [];
  const use = (path: string) =>
    pool.use(
      path,
      async () => {},
      () => told.push(path),
    );
  for (const path of ['a', 'a', 'b', 'c']) await use(path);
  await pool.close('c');
  expect(told).toEqual(['a', 'b']);
});

test('a file in use is not closed, neither by the limit nor by a removal', async () => {
  const { files, open } = counting();
  const pool = new OpenFiles(files, 1);
  const gate = Promise.withResolvers<void>();
  const using = ['a', 'b'].map((path) => pool.use(path, () => gate.promise));
  await pool.use('c', async () => {});
  await pool.remove('a');
  expect(open.has('a')).toBe(true);
  gate.resolve();
  await Promise.all(using);
  await pool.close('a');
  expect(open.has('a')).toBe(false);
  await pool.closeAll();
  expect(open.size).toBe(0);
});

test('a file that cannot be opened is tried again', async () => {
  const { files } = counting();
  const pool = new OpenFiles(files, 1);
  await expect(pool.use('absent', async () => {})).rejects.toThrow('ENOENT');
  await expect(pool.use('absent', async () => {})).rejects.toThrow('ENOENT');
  await pool.closeAll();
  expect(pool.open).toBe(0);
});
