/** Faults by which a source of PostgreSQL loses history, or could have. */
import { expect } from 'vitest';
import type { Change, GapScene } from '../support/gap-scene.ts';

export interface Fault {
  readonly what: string;
  /** First major version that has it. */
  readonly since?: number;
  readonly config?: Record<string, unknown>;
  /** Statements, before the source starts. */
  readonly before?: string;
  readonly inject: (scene: GapScene) => Promise<void>;
  /** Default: `source.gap`. */
  readonly code?: string;
  readonly message: RegExp;
  /** Default: to read the tables anew. */
  readonly remedy?: RegExp;
  /** Does as the remedy says. Default: `on_gap: resnapshot`. */
  readonly mend?: (scene: GapScene, remedy: string) => Promise<Change>;
  /** What is to be true then. Default: the target equals the source. */
  readonly mended?: (scene: GapScene) => Promise<void>;
}

export const GAP_DDL = `create type mood as enum ('glad', 'sad');
  create table t (id int primary key, v text, m mood[]); insert into t select i, 'v' from generate_series(1, 50) i;
  create table u (id int primary key)`;

export const RESNAPSHOT = /set `on_gap: resnapshot` on the source/;
const EQUAL = { missing: 0, different: 0, extra: 0 };

const sql =
  (...statements: readonly string[]) =>
  async ({ client, slot }: GapScene): Promise<void> => {
    for (const statement of statements) await client.query(statement.replaceAll('PUB', slot).replaceAll('SLOT', slot));
  };

/** Sets it for the whole server until the condition on the slot holds. */
async function untilSlot(
  { client, slot }: GapScene,
  setting: string,
  value: string,
  condition: string,
  meanwhile: string,
) {
  await client.query(`alter system set ${setting} = '${value}'`);
  await client.query('select pg_reload_conf()');
  try {
    for (let isSo = false; !isSo; ) {
      await client.query(meanwhile);
      await client.query('checkpoint');
      const { rows } = await client.query(
        `select ${condition} as is_so from pg_replication_slots where slot_name = $1`,
        [slot],
      );
      isSo = rows[0].is_so;
    }
  } finally {
    await client.query(`alter system reset ${setting}`);
    await client.query('select pg_reload_conf()');
  }
}

/** Goes on from where it was: nothing is read anew, and nothing is missing. */
async function expectWentOn(scene: GapScene): Promise<void> {
  expect(await scene.differences()).toMatchObject(EQUAL);
  expect(scene.status().upstream?.snapshots).toEqual([]);
  expect(scene.status().rows).toBeLessThan(20);
}

/** Runs the statement that stands in the remedy. */
async function comment({ client }: GapScene, remedy: string): Promise<void> {
  await client.query(/COMMENT ON PUBLICATION .*?';/.exec(remedy)![0]);
}

const REMADE = ['drop publication PUB', 'create publication PUB for table only t'];

export const UNDER_WAY_FAULTS: readonly Fault[] = [
  {
    what: 'PG-03 the slot is dropped',
    inject: (scene) => scene.dropSlot(),
    message: /replication slot \w+ does not exist any more/,
  },
  {
    what: 'PG-07 the publication is dropped',
    inject: sql('drop publication PUB', 'insert into t (id) values (99)'),
    message: /publication/,
  },
  {
    what: 'PG-08 the publication is made anew, with a change between',
    inject: sql(REMADE[0]!, 'insert into t (id) values (99)', REMADE[1]!),
    message: /publication/,
  },
  {
    what: 'PG-08 the publication is made anew, with nothing between: it goes on without a snapshot',
    inject: sql(...REMADE, `update t set v = 'w' where id = 3`),
    message: /was dropped and made anew|did not exist at the next change/,
    remedy: /COMMENT ON PUBLICATION/,
    mend: async (scene, remedy) => {
      await comment(scene, remedy);
      return {};
    },
    mended: expectWentOn,
  },
  {
    what: 'PG-07 the publication leaves out deletes',
    inject: sql(`alter publication PUB set (publish = 'insert, update')`, 'delete from t where id = 5'),
    message: /leaves out some kinds of changes/,
  },
  {
    what: 'PG-07 the publication leaves out deletes for a while',
    inject: sql(
      `alter publication PUB set (publish = 'insert, update')`,
      'delete from t where id = 5',
      `alter publication PUB set (publish = 'insert, update, delete, truncate')`,
    ),
    message: /leaves out some kinds of changes|was altered/,
  },
  {
    what: 'PG-07 a table leaves the publication and comes back',
    inject: sql(
      'alter publication PUB set table only u',
      'delete from t where id = 5',
      'alter publication PUB set table only t',
    ),
    message: /does not publish public\.t|was taken out of the publication/,
  },
  {
    what: 'PG-10 the column list of a publication of the user is narrowed',
    since: 15,
    config: { publication: 'mine' },
    before: 'create publication mine for table t',
    inject: sql(
      'alter publication mine set table t (id)',
      `insert into t (id) values (99)`,
      'alter publication mine set table t',
    ),
    message: /was taken out of the publication mine/,
  },
  {
    what: 'PG-11 the table loses its replica identity',
    inject: sql('alter table t replica identity nothing', 'insert into t (id) values (99)'),
    code: 'source.unsupported',
    message: /public\.t has no key in the stream/,
    remedy: /give public\.t a primary key again, and set `on_gap: resnapshot`/,
    mend: async ({ client }) => {
      await client.query('alter table t replica identity default');
      return { onGap: 'resnapshot' };
    },
    mended: async (scene) => expect(await scene.differences()).toMatchObject(EQUAL),
  },
  {
    what: 'PG-14 the table is renamed',
    inject: sql('alter table t rename to t2', 'insert into t2 (id) values (99)'),
    message: /public\.t was renamed to public\.t2|does not publish public\.t any more/,
    mend: async ({ client }) => {
      await client.query('alter table t2 rename to t');
      return { onGap: 'resnapshot' };
    },
    mended: async (scene) => expect(await scene.differences()).toMatchObject(EQUAL),
  },
];

export const STOPPED_FAULTS: readonly Fault[] = [
  {
    what: 'PG-01 the server removes log that the slot needs',
    inject: (scene) =>
      untilSlot(
        scene,
        'max_slot_wal_keep_size',
        '1MB',
        `wal_status = 'lost'`,
        `select pg_switch_wal() from pg_logical_emit_message(true, 'filler', repeat('x', 100000))`,
      ),
    message: /was invalidated by the server/,
  },
  {
    what: 'PG-02 the slot is idle for too long',
    since: 18,
    inject: (scene) =>
      untilSlot(scene, 'idle_replication_slot_timeout', '1s', 'invalidation_reason is not null', 'select'),
    message: /was invalidated by the server/,
  },
  {
    what: 'PG-03 the slot is dropped and made anew',
    inject: sql(
      `select pg_drop_replication_slot('SLOT')`,
      'insert into t (id) values (99)',
      `select pg_create_logical_replication_slot('SLOT', 'pgoutput')`,
    ),
    message: /by somebody else or made anew/,
  },
  {
    what: 'PG-04 the data directory is put back to an earlier state',
    inject: async (scene) => {
      const putBack = await scene.keepData();
      await scene.start();
      await scene.client.query('insert into t (id) values (98)');
      await scene.caughtUp();
      await scene.client.query('insert into t (id) values (99)');
      await scene.caughtUp();
      await scene.stop();
      await putBack();
    },
    message: /was moved to/,
  },
  {
    what: 'PG-07 another publication has the tables all the time: it goes on without a snapshot',
    before: 'create publication other for table t',
    inject: async (scene) => {
      await scene.start();
      // Until the slot is past the transaction that made it.
      for (let isPast = false; !isPast; ) {
        await scene.client.query(`update t set v = v || '.' where id = 4`);
        await scene.caughtUp();
        const { rows } = await scene.client.query(
          `select age(p.xmin) > age(s.catalog_xmin) as is_past from pg_publication p, pg_replication_slots s where pubname = 'other' and slot_name = $1`,
          [scene.slot],
        );
        isPast = rows[0].is_past;
        if (!isPast) await scene.client.query('checkpoint');
      }
      await scene.stop();
      await sql('drop publication PUB', `update t set v = 'seen by the other' where id = 6`)(scene);
    },
    message: /the publication \w+ was dropped/,
    remedy: /other has published the tables all the time.*COMMENT ON PUBLICATION "other".*set `publication: other`/,
    mend: async (scene, remedy) => {
      await comment(scene, remedy);
      return { set: { publication: 'other' } };
    },
    mended: expectWentOn,
  },
  {
    what: 'PG-08 the publication is made anew with a change between, and somebody says that it was not',
    inject: async (scene) => {
      await sql(REMADE[0]!, 'insert into t (id) values (99)', REMADE[1]!)(scene);
      await scene.start();
      await scene.untilState('gap', 10_000);
      await comment(scene, scene.status().problem!.remedy!);
      await scene.stop();
    },
    message: /did not exist at the next change/,
  },
  {
    what: 'PG-14 the table is dropped and made anew',
    inject: sql(
      'drop table t',
      'create table t (id int primary key, v text, m mood[])',
      'insert into t (id) values (7)',
    ),
    message: /is another table than the one that was captured/,
  },
  {
    what: 'PG-20 the type of a column is dropped before its rows were read',
    inject: sql(`insert into t (id, m) values (99, '{glad}')`, 'alter table t drop column m', 'drop type mood'),
    code: 'source.unsupported',
    message: /the type of public\.t\.m was dropped/,
  },
];
