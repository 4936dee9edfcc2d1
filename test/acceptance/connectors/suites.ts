/** The suites of all built-in connectors, for whoever only looks at their cases: no server is there. */
import { connectors } from '../../../connectors/index.ts';
import {
  type AcceptanceSuite,
  type SinkDriver,
  type SourceDriver,
  sinkAcceptance,
  sourceAcceptance,
} from '../../../src/testkit/index.ts';
import { elasticsearchSinkDriver } from './elasticsearch.driver.ts';
import { driver as file } from './file.driver.ts';
import { mysqlSinkDriver } from './mysql.driver.ts';
import { mysqlSourceDriver } from './mysql-source.driver.ts';
import { postgresSinkDriver } from './postgres.driver.ts';
import { postgresSourceDriver } from './postgres-source.driver.ts';
import { redisSinkDriver } from './redis.driver.ts';
import { driver as sqlite } from './sqlite.driver.ts';

const noServer = (): never => {
  throw new Error('no server is there');
};

const sinks: Readonly<Record<string, SinkDriver>> = {
  elasticsearch: elasticsearchSinkDriver(noServer),
  file,
  mysql: mysqlSinkDriver(noServer),
  postgres: postgresSinkDriver(noServer),
  redis: redisSinkDriver(noServer),
  sqlite,
};

const sources: Readonly<Record<string, SourceDriver>> = {
  mysql: mysqlSourceDriver(noServer),
  postgres: postgresSourceDriver(noServer),
};

/** In the order of their names. */
export async function builtInSuites(): Promise<{
  readonly sinks: readonly AcceptanceSuite[];
  readonly sources: readonly AcceptanceSuite[];
}> {
  const loaded = await Promise.all(
    Object.entries(connectors).map(async ([type, load]) => ({ type, ...(await load()) })),
  );
  return {
    sinks: loaded.flatMap(({ type, sink }) => (sink === undefined ? [] : [sinkAcceptance(sink, sinks[type]!)])),
    sources: loaded.flatMap(({ type, source }) =>
      source === undefined ? [] : [sourceAcceptance(source, sources[type]!)],
    ),
  };
}
