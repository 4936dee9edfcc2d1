/** TLS as the connection string asks for it, against a real server: for statements, replication and COPY, source and sink. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  EXPIRED_CERTIFICATE,
  NAMED_CERTIFICATE,
  REVOCATIONS,
  SERVER_KEY,
  STRANGER_CERTIFICATE,
} from '../../test/support/authority.ts';
import { openOptions } from '../../test/support/changes.ts';
import { read, sourceOptions } from '../../test/support/postgres-source.ts';
import { startEavesdropper, startMute, TlsPostgres } from '../../test/support/tls-postgres.ts';
import { source } from './index.ts';
import { inspectSink } from './inspect-sink.ts';
import { isEncrypted, openClient } from './open-client.ts';
import { checkSink, openSink } from './sink.ts';
import { sinkConfig } from './sink-config.ts';

let tls: TlsPostgres;
let roots: string;
beforeAll(async () => {
  tls = await TlsPostgres.start();
  roots = `sslrootcert=${tls.server.dataDir}/authority.crt`;
});
afterAll(() => tls?.server.stop());

/** What both sides say of the string when they cannot connect with it: the same, but for whose it is. */
async function refusals(url: string): Promise<{ code: string; message: string; remedy: string }[]> {
  const ofSource = await source.check(sourceOptions(url, 's', ['public.t']) as never);
  const ofSink = await checkSink(openOptions(sinkConfig.parse({ url })));
  return [...ofSource, ...ofSink]
    .filter(({ level }) => level === 'problem')
    .map(({ code = '', message, remedy = '' }) => ({ code, message, remedy }));
}

async function expectRefused(url: string, message: RegExp, remedy: RegExp, kind = 'not_ready'): Promise<void> {
  expect(await refusals(url)).toEqual(
    ['source', 'sink'].map((side) => ({
      code: `${side}.${kind}`,
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(remedy),
    })),
  );
}

async function isTls(url: string): Promise<boolean> {
  const client = await openClient({ url, side: 'source', applicationName: 'x' });
  const { rows } = await client.query<{ ssl: boolean }>('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
  expect(isEncrypted(client)).toBe(rows[0]!.ssl);
  await client.end();
  return rows[0]!.ssl;
}

test('every connection of source and sink is encrypted, and what is read does not depend on it', async () => {
  const client = new pg.Client(tls.server.url);
  await client.connect();
  onTestFinished(() => client.end());
  await client.query(
    `create table t (id int primary key, v text); insert into t select i, repeat(i::text, 500) from generate_series(1, 3000) i`,
  );
  const reading = read(sourceOptions(tls.url(roots), 's', ['public.t']));
  await reading.until(() => reading.output.transactions.length === 1);
  await client.query(`update t set v = v || '!'`);
  await reading.until(() => reading.output.transactions.length === 2);
  const { sink } = await openSink(openOptions(sinkConfig.parse({ url: tls.url(roots) })));
  const inspector = await inspectSink(openOptions(sinkConfig.parse({ url: tls.url(roots) })));
  const { rows } = await client.query(
    `select a.backend_type as kind, s.ssl from pg_stat_activity a join pg_stat_ssl s using (pid) where a.application_name like 'tailrace%'`,
  );
  expect(new Set(rows.map(({ kind }) => kind))).toEqual(new Set(['client backend', 'walsender']));
  expect(rows.length).toBeGreaterThanOrEqual(4);
  expect(rows.every(({ ssl }) => ssl)).toBe(true);
  await sink.close();
  await inspector.close();
  await reading.stop();
  const values = reading.output.rows().map(({ after }) => after!);
  expect(values.map(({ id, v }) => `${id} ${v}`).sort()).toEqual(
    Array.from({ length: 3_000 }, (_, i) => `${i + 1}`)
      .flatMap((id) => [`${id} ${id.repeat(500)}`, `${id} ${id.repeat(500)}!`])
      .sort(),
  );
});

describe('sslmode', () => {
  test.each([
    ['', true],
    ['sslmode=disable', false],
    ['sslmode=allow', false],
    ['sslmode=prefer', true],
    ['sslmode=require', true],
    ['sslmode=no-verify', true],
    ['sslmode=verify-ca', true],
    ['sslmode=verify-full', true],
    ['sslmode=verify-full&ssl_max_protocol_version=TLSv1.2', true],
  ])('%s', async (mode, encrypted) => {
    expect(await isTls(tls.url(`${mode}&${roots}`))).toBe(encrypted);
  });

  test('allow and prefer take what the server takes', async () => {
    const login = 'postgres 127.0.0.1/32';
    await tls.set({ rules: `hostssl postgres ${login} reject\nhostnossl template1 ${login} reject` });
    const at = (database: string, mode: string) => tls.url(`sslmode=${mode}`).replace('/postgres?', `/${database}?`);
    expect(await isTls(at('postgres', 'prefer'))).toBe(false);
    expect(await isTls(at('template1', 'allow'))).toBe(true);
    await expectRefused(at('postgres', 'require'), /refused the login \(SQLSTATE 28000\)/, /./, 'auth');
    await expectRefused(at('template1', 'disable'), /refused the login \(SQLSTATE 28000\)/, /./, 'auth');
  });

  test('TLS from the first byte (version 17)', async ({ skip }) => {
    skip(tls.server.major < 17);
    expect(await isTls(tls.url(`sslnegotiation=direct&${roots}`))).toBe(true);
  });
});

describe('the server’s certificate', () => {
  test('nobody vouches for it: by default no word is said to such a server', async () => {
    await expectRefused(tls.url(), /localhost:\d+ .*nobody who is trusted vouches/, /sslrootcert=/);
    await expectRefused(tls.url('sslmode=verify-full&sslrootcert=system'), /nobody who is trusted/, /sslrootcert=/);
  });

  test('another authority', async () => {
    const other = tls.url(`sslrootcert=${tls.server.dataDir}/other.crt`);
    await expectRefused(other, /nobody who is trusted vouches/, /sslrootcert=/);
    await expectRefused(`${other}&sslmode=verify-ca`, /nobody who is trusted vouches/, /sslrootcert=/);
  });

  test('another name', async () => {
    await tls.set({ certificate: NAMED_CERTIFICATE });
    await expectRefused(tls.url(roots), /not for localhost \(ERR_TLS_CERT_ALTNAME_INVALID\)/, /hostaddr=/);
    expect(await isTls(tls.url(`${roots}&sslmode=verify-ca`))).toBe(true);
    expect(await isTls(tls.url(`${roots}&hostaddr=127.0.0.1`, 'db.example'))).toBe(true);
  });

  test('an address instead of the name', async () => {
    expect(await isTls(tls.url(roots, '127.0.0.1'))).toBe(true);
  });

  test('expired; revoked', async () => {
    const list = await tls.file('revocations.crl', REVOCATIONS);
    await expectRefused(tls.url(`${roots}&sslcrl=${list}`), /was revoked \(CERT_REVOKED\)/, /renew/);
    await tls.set({ certificate: EXPIRED_CERTIFICATE });
    await expectRefused(tls.url(roots), /has expired \(CERT_HAS_EXPIRED\)/, /renew/);
    expect(await isTls(tls.url('sslmode=require'))).toBe(true);
  });

  test('files that are none', async () => {
    const file = await tls.file('none.pem', 'nothing');
    await expectRefused(tls.url(`sslrootcert=${file}`), /./, /sslrootcert/);
    await expectRefused(
      tls.url(`${roots}&sslcert=${file}&sslkey=${file}`),
      /a file of certificates or keys/,
      /sslcert, sslkey/,
    );
    await expectRefused(tls.url('sslrootcert=/nowhere'), /\/nowhere, cannot be read \(ENOENT\)/, /sslrootcert/);
  });

  test('no common version of TLS', async () => {
    await expectRefused(
      tls.url('sslmode=require&ssl_min_protocol_version=TLSv1&ssl_max_protocol_version=TLSv1.1'),
      /version of TLS/,
      /ssl_min_protocol_version/,
    );
  });
});

test('our certificate: of the role, of somebody else, none', async () => {
  await tls.set({ rules: 'hostssl all postgres 127.0.0.1/32 scram-sha-256 clientcert=verify-full' });
  const key = await tls.file('client.key', CLIENT_KEY);
  const certificate = async (name: string, text: string) =>
    tls.url(`${roots}&sslkey=${key}&sslcert=${await tls.file(name, text)}`);
  const ours = await certificate('client.crt', CLIENT_CERTIFICATE);
  expect(await isTls(ours)).toBe(true);
  await expectRefused(await certificate('stranger.crt', STRANGER_CERTIFICATE), /refused the login/, /./, 'auth');
  await expectRefused(tls.url(roots), /refused the login/, /./, 'auth');
  const foreign = tls.url(
    `${roots}&sslkey=${await tls.file('s.key', SERVER_KEY)}&sslcert=${await tls.file('c.crt', CLIENT_CERTIFICATE)}`,
  );
  await expectRefused(foreign, /a file of certificates or keys/, /sslkey/);
});

describe('channel binding', () => {
  test('is used, and can be required', async () => {
    expect(await isTls(tls.url(`${roots}&channel_binding=require`))).toBe(true);
    expect(await isTls(tls.url(`${roots}&channel_binding=disable`))).toBe(true);
    await expectRefused(tls.url('sslmode=disable&channel_binding=require'), /channel binding/, /scram-sha-256/);
  });

  test.each(['password', 'trust'])('a server that asks for %s offers none: nothing goes out', async (method) => {
    await tls.set({ rules: `host all postgres 127.0.0.1/32 ${method}` });
    await expectRefused(tls.url(`${roots}&channel_binding=require`), /channel binding/, /scram-sha-256/);
    expect(await isTls(tls.url(roots))).toBe(true);
  });

  test('somebody who sits between is found out, though no certificate is checked', async () => {
    const port = await startEavesdropper(tls.server.port, SERVER_KEY, NAMED_CERTIFICATE);
    const url = tls.url('sslmode=require').replace(`:${tls.server.port}/`, `:${port}/`);
    await expectRefused(url, /./, /./, 'auth');
    expect(await isTls(`${url}&channel_binding=disable`)).toBe(true);
  });
});

test.each([
  ['when asked for TLS', null, ''],
  ['in the handshake', Buffer.from('S'), ''],
  ['to the start-up', null, 'sslmode=disable'],
])('a server that does not answer %s', async (_, answer, mode) => {
  const port = await startMute(answer);
  await expectRefused(
    `postgres://u:p@127.0.0.1:${port}/d?connect_timeout=0.3&${mode}`,
    /cannot be reached/,
    /./,
    'unreachable',
  );
});

test('bytes that somebody put behind the answer to the request for TLS are not taken for the server’s', async () => {
  const port = await startMute(Buffer.concat([Buffer.from('S'), Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0])]));
  await expectRefused(
    `postgres://u:p@127.0.0.1:${port}/d`,
    /not PostgreSQL, or somebody/,
    /host and port/,
    'unreachable',
  );
});

test('a service, variables and a password file', async () => {
  const { port, dataDir } = tls.server;
  const service = `[here]\nhost=localhost\nport=${port}\ndbname=postgres\nsslrootcert=${dataDir}/authority.crt\n`;
  vi.stubEnv('PGSERVICEFILE', await tls.file('service.conf', service));
  vi.stubEnv('PGUSER', 'postgres');
  vi.stubEnv('PGPASSFILE', await tls.file('passwords', `localhost:${port}:*:postgres:password\n`));
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(await isTls('postgres://?service=here')).toBe(true);
  vi.stubEnv('PGSERVICE', 'here');
  expect(await isTls('postgres://')).toBe(true);
  await expectRefused('postgres://?service=there', /no service there/, /correct the name/);
  vi.stubEnv('PGPASSFILE', await tls.file('no-passwords', ''));
  await expectRefused('postgres://?service=here', /service here/, /password/, 'auth');
});
