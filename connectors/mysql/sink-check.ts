/** Pre-flight of the sink. Changes nothing. */
import type { Finding, SinkOpenOptions } from '../../src/sdk/index.ts';
import { type Connection, query } from './connections.ts';
import { connectSink } from './sink.ts';
import { databaseOf, type SinkConfig } from './sink-config.ts';
import { asSinkError } from './sink-errors.ts';
import { placeOf } from './source-errors.ts';

const PATH = ['url'];
/** The sink makes tables of its own. ALTER is for columns that come later, and for tables of others. */
const NEEDED = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'CREATE'];
const SOMETIMES = ['ALTER'];

export async function checkSink({ config }: SinkOpenOptions<SinkConfig>): Promise<readonly Finding[]> {
  let connection: Connection | undefined;
  try {
    connection = await connectSink(config);
    const [row] = await query<{ readonly: string; version: string }>(
      connection,
      'SELECT @@global.read_only AS readonly, VERSION() AS version',
    );
    if (row!.readonly === '1') {
      const remedy = 'name the primary server in `url`, or SET GLOBAL read_only = OFF;';
      return [{ level: 'problem', message: 'the target is read-only', remedy, path: PATH }];
    }
    const found = await privilegeFindings(connection, databaseOf(config));
    if (found.some(({ level }) => level === 'problem')) return found;
    return [...found, { level: 'ok', message: `${row!.version} at ${placeOf(config.url)} accepts tables`, path: PATH }];
  } catch (error) {
    const { code, message, remedy } = asSinkError(error, config.url);
    return [{ level: 'problem', message, remedy: remedy ?? 'try again when the server answers', path: PATH, code }];
  } finally {
    connection?.destroy();
  }
}

/** Nothing of a user who acts through a role or has rights on single tables: those are not all told here. */
async function privilegeFindings(connection: Connection, database: string): Promise<readonly Finding[]> {
  const user = `CONCAT("'", SUBSTRING_INDEX(CURRENT_USER(), '@', 1), "'@'", SUBSTRING_INDEX(CURRENT_USER(), '@', -1), "'")`;
  const schema = 'information_schema';
  const [others] = await query<{ role: string | null; tables: string }>(
    connection,
    `SELECT CURRENT_ROLE() AS role, COUNT(*) AS tables FROM ${schema}.TABLE_PRIVILEGES
     WHERE GRANTEE = ${user} AND TABLE_SCHEMA = DATABASE()`,
  );
  if (!['NONE', null].includes(others!.role) || others!.tables !== '0') return [];
  const granted = await query<{ privilege: string }>(
    connection,
    `SELECT PRIVILEGE_TYPE AS privilege FROM ${schema}.USER_PRIVILEGES WHERE GRANTEE = ${user}
     UNION SELECT PRIVILEGE_TYPE FROM ${schema}.SCHEMA_PRIVILEGES
     WHERE GRANTEE = ${user} AND DATABASE() LIKE TABLE_SCHEMA`,
  );
  const held = new Set(granted.map(({ privilege }) => privilege));
  const finding = (level: 'problem' | 'warning', names: readonly string[]): readonly Finding[] => {
    const missing = names.filter((name) => !held.has(name));
    if (missing.length === 0) return [];
    const message = `the user lacks ${missing.join(', ')} on the database ${database}`;
    return [{ level, message, remedy: `GRANT ${missing.join(', ')} ON ${database}.* TO its user;`, path: PATH }];
  };
  return [...finding('problem', NEEDED), ...finding('warning', SOMETIMES)];
}
