/** The disk of the server is full. Only in `npm run chaos -- postgres`, and as root: it mounts a small file system. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { startPostgres } from '../../demo/servers/postgres.ts';
import { Follower } from '../../test/support/postgres-follower.ts';
import { sourceOptions } from '../../test/support/postgres-source.ts';

const canMount = process.env.TAILRACE_FULL !== undefined && process.getuid?.() === 0;
const SIZE_MB = 220;
const LEFT_BYTES = 1 << 20;

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end().catch(() => {}));
  return client;
}

test.skipIf(!canMount)(
  'the disk of the server is full, then has room again: the source goes on, each row comes once',
  async () => {
    const mount = mkdtempSync(join(tmpdir(), 'tailrace-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MB}m`, 'tmpfs', mount]);
    onTestFinished(() => {
      execFileSync('umount', ['-l', mount]);
      rmSync(mount, { recursive: true, force: true });
    });
    const server = await startPostgres({ dataDir: join(mount, 'data'), settings: { max_wal_size: '64MB' } });
    onTestFinished(() => server.stop());
    const client = await connected(server.url);
    await client.query('create table t (id int primary key, v text)');
    const follower = new Follower(sourceOptions(server.url, 's', ['public.t']));
    await follower.run(() => follower.transactions.length === 1);
    const ballast = join(mount, 'ballast');
    const { bavail, bsize } = statfsSync(mount);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize - LEFT_BYTES));
    const written: number[] = [];
    for (let id = 0, isFull = false; !isFull; id++) {
      isFull = await client.query(`insert into t values (${id}, repeat('x', 100000))`).then(
        () => written.push(id) < 0,
        () => true,
      );
    }
    const ids = () => follower.transactions.flatMap(({ rows }) => rows.map(({ after }) => after!.id!));
    const following = follower.run(() => ids().includes('1000000'));
    rmSync(ballast);
    await server.restart();
    const again = await connected(server.url);
    await again.query(`insert into t values (1000000, 'end')`);
    await following;
    const { rows } = await again.query<{ id: number }>('select id from t order by id');
    expect(rows.map(({ id }) => id)).toEqual(expect.arrayContaining(written));
    expect(ids()).toEqual(rows.map(({ id }) => `${id}`));
  },
);
