/** Damaged events: the decoder refuses them with a typed error or reads them; it never hangs, and never fails otherwise. */

import { describe, expect, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { classOf, TailraceError } from '../../src/contracts/errors.ts';
import { mysqlScenes, readMysql } from '../../test/support/mysql-source.ts';
import { mysqlTypeCases } from '../../test/support/mysql-types.ts';
import { RecordingOutput } from '../../test/support/recording-output.ts';
import { testSeed } from '../../test/support/seed.ts';
import { EventType, HEADER_BYTES } from './binlog-event.ts';
import { BinlogStream } from './binlog-stream.ts';
import { Charsets } from './charsets.ts';
import { SqlSession } from './connections.ts';
import { CutOffs } from './cut-off.ts';
import { tableName } from './names.ts';
import type { MysqlPosition } from './position.ts';
import { serverFacts } from './server.ts';
import { SourceProgress } from './source-progress.ts';
import { StatementEvents } from './statement-events.ts';
import { StatementTexts } from './statement-text.ts';
import { StreamDecoder } from './stream-decoder.ts';
import { StreamTables } from './stream-tables.ts';

const full = process.env.TAILRACE_FULL !== undefined;
const RUNS = full ? 100_000 : 600;
const REPLICA = { id: 4_000_000_001, uuid: '00000000-0000-4000-8000-000000000001' };

describe.each(['mysql', 'mariadb'] as const)('damaged events of %s', async (flavor) => {
  const { missing, scene } = await mysqlScenes(flavor);

  test.skipIf(missing)('are refused or read', { timeout: full ? 3_600_000 : 120_000 }, async () => {
    const seed = testSeed;
    console.log(`fuzz: seed ${seed} (TAILRACE_SEED)`);
    const random = new Random(seed);
    const small = mysqlTypeCases(flavor).map(({ type, values }) => ({
      type,
      values: values.filter(([, text]) => text.length < 500),
    }));
    const made = await scene(
      ['a'],
      `CREATE TABLE a (id int PRIMARY KEY, ${small.map(({ type }, i) => `v${i} ${type.includes('16000') ? 'int' : type}`).join(', ')})`,
    );
    const { client } = made;
    await client.query('SET GLOBAL binlog_checksum = NONE');
    const { output, until, stop } = readMysql(made.options);
    await until(() => output.transactions.length === 1);
    const from = output.lastPosition as unknown as MysqlPosition;
    await stop();
    const columns = small.map((_, i) => `v${i}`).join(', ');
    for (let k = 0; k < 3; k++) {
      const list = small
        .map(({ type, values }) => (type.includes('16000') ? '1' : (values[k % values.length]?.[0] ?? 'NULL')))
        .join(', ');
      await client.query(`INSERT INTO a (id, ${columns}) VALUES (${k}, ${list}), (${k + 10}, ${list})`);
    }
    if (flavor === 'mysql') await client.query('SET SESSION binlog_transaction_compression = ON');
    await client.query(
      "BEGIN; UPDATE a SET v0 = 1; DELETE FROM a WHERE id = 1; COMMIT; TRUNCATE a; ALTER TABLE a COMMENT 'x'",
    );
    const events = await captured(made.server.url, from);
    await client.query('SET GLOBAL binlog_checksum = CRC32');
    const sql = new RememberingSession(made.server.url);
    const facts = await serverFacts(sql);
    const charsets = await Charsets.load(sql, facts);
    const captures = made.options.tables.map(tableName);
    const decode = async (list: readonly Buffer[]) => {
      const into = new RecordingOutput();
      const tables = new StreamTables({
        source: 'x',
        output: into,
        sql,
        facts,
        charsets,
        captured: captures,
        history: null,
      });
      const statements = new StatementEvents(captures, false, null);
      const decoder = new StreamDecoder({
        output: into,
        tables,
        texts: new StatementTexts(charsets),
        statements,
        progress: new SourceProgress(from, false, () => Promise.resolve([])),
        known: from.file,
        crashed: () => {},
        cutOffs: new CutOffs(),
        failpoint: () => {},
      });
      for (const event of list) await decoder.take(event, 0, event.length);
      return into;
    };
    const head = events.filter((event) => event[4] === EventType.ROTATE || event[4] === EventType.FORMAT_DESCRIPTION);
    const groups = transactions(events);
    expect((await decode([...head, ...groups.flat()])).rows().length).toBeGreaterThan(5);
    let refused = 0;
    for (let i = 0; i < RUNS; i++) {
      const group = [...random.pick(groups)];
      const at = random.between(0, group.length - 1);
      group[at] = damaged(random, group[at]!);
      try {
        await decode([...head, ...group]);
      } catch (error) {
        if (!(error instanceof TailraceError)) throw new Error(`run ${i} of seed ${seed}`, { cause: error });
        expect(['gap', 'retry'], `${error.message} ${error.detail}`).toContain(classOf(error));
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(RUNS / 10);
    await sql.close();
  });
});

/** Asks each question once: the tables are the same from run to run. */
class RememberingSession extends SqlSession {
  readonly #answers = new Map<string, Promise<object[]>>();

  override rows<T extends object>(text: string, values: readonly unknown[] = []): Promise<T[]> {
    const question = JSON.stringify([text, values]);
    const answer = this.#answers.get(question) ?? super.rows<T>(text, values);
    this.#answers.set(question, answer);
    return answer as Promise<T[]>;
  }
}

/** The events after a position, up to the last that there are now. */
async function captured(url: string, from: MysqlPosition): Promise<Buffer[]> {
  const events: Buffer[] = [];
  const stream: BinlogStream = await BinlogStream.start({
    url,
    replica: REPLICA,
    from,
    now: () => performance.now(),
    take: (buf, at, to) => {
      events.push(Buffer.from(buf.subarray(at, to)));
      if (events.at(-1)!.includes("COMMENT 'x'")) stream.stop();
      return undefined;
    },
    afterRead: () => undefined,
  });
  await stream.done;
  stream.close();
  return events;
}

const STARTS: readonly number[] = [
  EventType.GTID,
  EventType.ANONYMOUS_GTID,
  EventType.GTID_TAGGED,
  EventType.MARIADB_GTID,
];

function transactions(events: readonly Buffer[]): Buffer[][] {
  const groups: Buffer[][] = [];
  for (const event of events) {
    if (STARTS.includes(event[4]!)) groups.push([]);
    if (event[4] !== EventType.ROTATE && event[4] !== EventType.FORMAT_DESCRIPTION) groups.at(-1)?.push(event);
  }
  return groups;
}

/** A few bytes changed, or the end cut off; the size in the header is right. */
function damaged(random: Random, event: Buffer): Buffer {
  let copy = Buffer.from(event);
  if (random.chance(0.3)) copy = copy.subarray(0, random.between(HEADER_BYTES, copy.length));
  for (let left = random.between(1, 3); left > 0 && copy.length > HEADER_BYTES; left--) {
    const at = random.between(HEADER_BYTES, copy.length - 1);
    copy[at] = random.chance(0.5) ? random.pick([0, 0xff, 0xfb, 0xfc, 0xfe, 0x80]) : random.between(0, 255);
  }
  if (random.chance(0.1)) copy[4] = random.between(0, 175);
  copy.writeUInt32LE(copy.length, 9);
  return copy;
}
