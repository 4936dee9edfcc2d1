/** What every sink with `consistency: transactional` must do: its readers see only states that the source had. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { TailraceError } from '../../src/contracts/errors.ts';
import { SCHEMA_POLICIES, type SchemaPolicy } from '../../src/sdk/target/schema-policy.ts';
import { TABLE_MODES, type TableMode } from '../../src/sdk/target/table-mode.ts';
import { testSeed } from './seed.ts';
import type { SqlTarget } from './sql-sink-suite.ts';
import { type Accounts, ADDED, TABLES, TOTAL, writeTransfers } from './transfers.ts';
import type { TransfersJob } from './transfers-child.ts';
import { seeded } from './verification-scene.ts';

const CHILD = fileURLToPath(new URL('transfers-child.ts', import.meta.url));
const TRANSACTIONS = 200;
const KILLS = Number(process.env.TAILRACE_KILLS ?? 2);
const FAILPOINTS = ['sink.after-flush', 'sink.after-write', 'sink.before-flush'];
/** Of the child: the target must be made ready. */
const NOT_READY = 3;

export interface WatchedTarget extends SqlTarget {
  /** The rows of the statement, which has one column of numbers; null when a table is not there. */
  numbers(sql: string): Promise<readonly number[] | null>;
}

interface Settings {
  readonly mode: TableMode;
  readonly schema_changes: SchemaPolicy;
}

const ALL: readonly Settings[] = TABLE_MODES.flatMap((mode) =>
  SCHEMA_POLICIES.map((schema_changes) => ({ mode, schema_changes })),
);

/** All in full; else one, another for each target and seed. */
function chosen(place: number): readonly Settings[] {
  return process.env.TAILRACE_FULL === '1' ? ALL : [ALL[(testSeed + place) % ALL.length]!];
}

/** @param place of the target among all that are tried: each gets other settings */
export function transactionalSuite(newTarget: (settings: object) => Promise<WatchedTarget>, place: number): void {
  test.each(chosen(place))(
    'transfers between tables: the sum is right in each state that is seen, with kills ($mode, $schema_changes)',
    async (settings) => {
      const dir = await mkdtemp(join(tmpdir(), 'tailrace-transfers-'));
      try {
        const random = seeded(testSeed);
        const written = await writeTransfers(join(dir, 'log'), TRANSACTIONS, random);
        const target = await newTarget(settings);
        const config = { ...(target.job.config as object), ...settings };
        const shared = { ...target.job, dataDir: join(dir, 'log'), consistency: 'transactional', records: 50 } as const;
        const watched = new WatchedDelivery(target, { ...shared, config }, settings);
        for (let kill = 0; kill < KILLS; kill++) {
          await watched.run(`${FAILPOINTS[kill % FAILPOINTS.length]}:${2 + Math.floor(random() * 20)}`);
        }
        await watched.run('');
        for (const [i, table] of TABLES.entries()) await checkEnd(target, table, settings, written[i]!);
        // Both tables were found to lack the column, and no other.
        expect(watched.mended).toBe(settings.schema_changes === 'stop' ? TABLES.length : 0);
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    },
    180_000,
  );
}

class WatchedDelivery {
  readonly #target: WatchedTarget;
  readonly #job: TransfersJob;
  readonly #settings: Settings;
  /** How often the target had to be made ready. */
  mended = 0;

  constructor(target: WatchedTarget, job: TransfersJob, settings: Settings) {
    this.#target = target;
    this.#job = job;
    this.#settings = settings;
  }

  /** Runs the child until it ends or is killed, and looks at the target all the while. */
  async run(failpoint: string): Promise<void> {
    for (;;) {
      const remedy = await this.#watch(failpoint);
      if (remedy === null) return;
      const table = TABLES.find((name) => /^ALTER TABLE (\S+) /.exec(remedy)![1]!.includes(name))!;
      await this.#target.exec(remedy.replace(/^ALTER TABLE \S+ /, `ALTER TABLE ${this.#target.quoted(table)} `));
      this.mended++;
    }
  }

  /** What must be done at the target before it can go on; null: nothing. */
  async #watch(failpoint: string): Promise<string | null> {
    const env = { ...process.env, TAILRACE_FAILPOINT: failpoint };
    const words = [CHILD, JSON.stringify(this.#job)];
    const child = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let errors = '';
    let output = '';
    child.stderr.on('data', (text) => (errors += String(text)));
    child.stdout.on('data', (text) => (output += String(text)));
    const closed = once(child, 'close');
    let running = true;
    closed.then(() => (running = false));
    while (running) {
      await this.#look();
      await turn();
    }
    const [code, signal] = await closed;
    await this.#look();
    if (code === NOT_READY) return output;
    if (code === 0 || signal === 'SIGKILL') return null;
    throw new TailraceError('internal.bug', `child ended with ${code}: ${errors}`);
  }

  /** Of all balances, in one statement; null while the tables are not there. */
  async #look(): Promise<void> {
    const all = TABLES.map((table) => balancesSql(this.#target.quoted(table), this.#settings.mode)).join(' UNION ALL ');
    const sum = await this.#target.numbers(`SELECT sum(balance) AS n FROM (${all}) AS b`);
    expect([null, TOTAL]).toContain(sum?.[0] ?? null);
  }
}

/** The accounts that a reader of the table takes for open. */
function balancesSql(table: string, mode: TableMode): string {
  if (mode === 'mirror') return `SELECT balance FROM ${table}`;
  if (mode === 'soft_delete') return `SELECT balance FROM ${table} WHERE _tr_deleted_at IS NULL`;
  const last = `SELECT id AS last_id, max(_tr_version) AS last_version FROM ${table} WHERE id IS NOT NULL GROUP BY id`;
  return `SELECT h.balance FROM ${table} AS h JOIN (${last}) AS l ON l.last_id = h.id AND l.last_version = h._tr_version
    WHERE h._tr_op <> 'delete' AND h._tr_version >= (SELECT coalesce(max(_tr_below), 0) FROM ${table})`;
}

/** Nothing is lost, nothing doubled. */
async function checkEnd(
  target: WatchedTarget,
  table: string,
  { mode, schema_changes }: Settings,
  { rows, changes }: Accounts,
): Promise<void> {
  const names = schema_changes === 'ignore' ? [] : [ADDED];
  const ours = { mirror: [], soft_delete: ['_tr_deleted_at'], history: ['_tr_version', '_tr_op'] }[mode];
  const found = await target.rows(table, ['id', 'balance', ...ours, ...names]);
  if (names.length > 0) expect(found.some((row) => row.at(-1) !== null)).toBe(true);
  if (mode === 'history') expect(found).toHaveLength(changes);
  const there = new Map<string, number>();
  for (const [id, balance, mark, op] of mode === 'history' ? found.sort(byVersion) : found) {
    if (op === 'truncate') there.clear();
    else if (op === 'delete' || (mode === 'soft_delete' && mark !== null)) there.delete(id!);
    else there.set(id!, Number(balance));
  }
  const sorted = [...there].map(([id, balance]) => [Number(id), balance] as const).sort(([a], [b]) => a - b);
  expect(sorted).toEqual(rows);
}

const byVersion = (a: readonly (string | null)[], b: readonly (string | null)[]) =>
  BigInt(a[2]!) < BigInt(b[2]!) ? -1 : 1;
