/** A real PostgreSQL server for the tests of one file, databases in it, and the source's reader at work on them. */
import pg from 'pg';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { sourceConfig } from '../../connectors/postgres/config.ts';
import type { SourceOptions } from '../../connectors/postgres/names.ts';
import { PostgresReader } from '../../connectors/postgres/reader.ts';
import { type PostgresServer, startPostgres } from '../../demo/servers/postgres.ts';
import type { Position } from '../../src/contracts/source.ts';
import { RecordingOutput } from './recording-output.ts';
import { readingOptions, type Reading as SourceReading, startReading } from './source-reading.ts';

export interface Scene {
  readonly server: PostgresServer;
  readonly url: string;
  /** Superuser, in the scene's database. */
  readonly client: pg.Client;
  readonly options: SourceOptions;
  /** Another connection, closed with the test. */
  connect(url?: string): Promise<pg.Client>;
}

export interface SceneOptions extends Partial<Omit<SourceOptions, 'config'>> {
  readonly config?: Record<string, unknown>;
}

export type MakeScene = (
  tables: readonly string[],
  /** Statements; what they can be depends on the server's major version. */
  ddl: string | ((major: number) => string),
  extra?: SceneOptions,
) => Promise<Scene>;

/** To be called once at the top of a test file: one server, a fresh database for each scene. */
export function postgresScenes(settings: Readonly<Record<string, string>> = {}): MakeScene {
  let server: PostgresServer | undefined;
  let databases = 0;
  beforeAll(async () => {
    server = await startPostgres({ settings });
  });
  afterAll(() => server?.stop());
  return async (tables, ddl, { config, ...extra } = {}) => {
    const name = `s${++databases}`;
    const url = await server!.createDatabase(name);
    const connect = async (to = url) => {
      const client = new pg.Client(to);
      client.on('error', () => {});
      await client.connect();
      onTestFinished(() => client.end().catch(() => {}));
      return client;
    };
    const client = await connect();
    await client.query(typeof ddl === 'string' ? ddl : ddl(server!.major));
    return { server: server!, url, client, connect, options: sourceOptions(url, name, tables, extra, config) };
  };
}

export function sourceOptions(
  url: string,
  name: string,
  tables: readonly string[],
  extra: Partial<Omit<SourceOptions, 'config'>> = {},
  config: Record<string, unknown> = {},
): SourceOptions {
  return { config: sourceConfig.parse({ url, ...config }), ...readingOptions(name, tables), ...extra };
}

export type Reading = SourceReading<PostgresReader>;

export interface ReadingOptions {
  /** Of each position that was given; default: at once. */
  readonly acknowledge?: (reader: PostgresReader, position: Position) => void;
  readonly output?: RecordingOutput;
}

/** A reader at work. It ends with the test. */
export function read(options: SourceOptions, from: Position | null = null, how: ReadingOptions = {}): Reading {
  const reader = new PostgresReader(options);
  const output = how.output ?? new RecordingOutput();
  output.onPosition = (position) => {
    if (how.acknowledge === undefined) reader.acknowledge(position);
    else how.acknowledge(reader, position);
  };
  // As the runtime does it: what is saved is durable.
  if (from !== null) reader.acknowledge(from);
  return startReading(reader, output, from);
}

/** Rows as one text each: operation, before, after. */
export function rowTexts(output: RecordingOutput): string[] {
  return output.rows().map(({ op, before, after }) => `${op} ${JSON.stringify(before)} ${JSON.stringify(after)}`);
}

/** The last position given, of a transaction or a heartbeat. */
export function lastPosition(output: RecordingOutput): Position {
  if (output.lastPosition === null) throw new Error('no position was given');
  return output.lastPosition;
}
