/** Connection strings, service files, PG* variables and password files, as libpq reads them. */
import { describe, expect, test } from 'vitest';
import { AUTHORITY, CLIENT_CERTIFICATE, CLIENT_KEY } from '../../test/support/authority.ts';
import { connectionTargets } from './connection-settings.ts';
import { atServer } from './connection-string.ts';
import type { Surroundings } from './surroundings.ts';
import { tlsOptions, waysOf } from './tls-settings.ts';

const FILES: Readonly<Record<string, string>> = {
  '/home/me/.pg_service.conf': `# mine
[shop]
host=db.example
port=6543
user = reader
password=p=w d#/?
dbname=shop db
sslmode=verify-full
sslrootcert=/ca.pem
keepalives_idle=7
target_session_attrs=any

[elsewhere]
target_session_attrs=writable
[broken]
nothing
[nested]
service=shop
[shop]
host=not.this
`,
  '/etc/pg_service.conf': '[shop]\nhost=other\n[system]\nhost=/var/run/postgresql\n',
  '/own.conf': '[shop]\nhost=own\n',
  '/home/me/.pgpass': `# comment
db.example:5432:d:u:right one
*:6000:*:u:a\\:b\\\\c:d
localhost:5432:d:u:of the socket
short:line
`,
  '/open.pgpass': '*:*:*:*:open\n',
  '/ca.pem': AUTHORITY,
  '/home/me/.postgresql/postgresql.crt': CLIENT_CERTIFICATE,
  '/home/me/.postgresql/postgresql.key': CLIENT_KEY,
};

function around(env: Record<string, string> = {}, files = FILES): Surroundings {
  const find = async (path: string) => {
    if (!Object.hasOwn(files, path)) throw Object.assign(new Error(), { code: 'ENOENT' });
    return files[path]!;
  };
  const access = async (path: string) => ({
    mode: (await find(path)) === '' || /open/.test(path) ? 0o644 : 0o600,
    uid: 7,
  });
  return { env, home: '/home/me', user: 'me', readText: find, access };
}

const settings = (url: string, env: Record<string, string> = {}) =>
  connectionTargets(url, 'source', around(env)).then(({ servers }) => servers[0]!);

const refusal = (message: RegExp | string) => ({
  code: 'source.not_ready',
  message: expect.stringMatching(message),
  remedy: expect.any(String),
});

test('a string that says all, and one that says nothing', async () => {
  expect(
    await settings('postgres://u:p%40%2F@h:1/d%20e?application_name=a+b&connect_timeout=3&options=-c%20x%3D1'),
  ).toMatchObject({
    host: 'h',
    port: 1,
    user: 'u',
    password: 'p@/',
    database: 'd e',
    applicationName: 'a b',
    timeoutMs: 3_000,
    options: '-c x=1',
    mode: null,
    channelBinding: 'prefer',
  });
  expect(await settings('postgres://')).toMatchObject({
    host: 'localhost',
    port: 5432,
    user: 'me',
    database: 'me',
    password: null,
  });
  expect(await settings('postgresql://u@/d?host=/run&port=7')).toMatchObject({ host: '/run', port: 7 });
  expect(await settings('postgres://[::1]:5/d')).toMatchObject({ host: '::1', port: 5 });
  expect(await settings('postgres://%2Frun/d')).toMatchObject({ host: '/run' });
  expect(await settings('postgres://u:a@b:c#d@h/d')).toMatchObject({ user: 'u', password: 'a@b:c#d', host: 'h' });
  expect(await settings('postgres://db.example/d?hostaddr=127.0.0.1')).toMatchObject({
    host: 'db.example',
    address: '127.0.0.1',
  });
});

test('a service fills in what the string leaves out, variables what both leave out', async () => {
  const shop = {
    database: 'shop db',
    host: 'db.example',
    port: 6543,
    user: 'reader',
    password: 'p=w d#/?',
    mode: 'verify-full',
    rootCert: '/ca.pem',
  };
  expect(await settings('postgres://?service=shop')).toMatchObject(shop);
  expect(await settings('postgres://', { PGSERVICE: 'shop', PGHOST: 'no', PGDATABASE: 'no' })).toMatchObject(shop);
  const env = { PGSSLMODE: 'disable', PGSSLCERT: '/c.pem', PGSSLKEY: '/c.key', PGOPTIONS: '-c a=b', PGAPPNAME: 'x' };
  expect(await settings('postgres://me:s%40@localhost/d?service=shop', env)).toMatchObject({
    ...shop,
    database: 'd',
    host: 'localhost',
    user: 'me',
    password: 's@',
    cert: '/c.pem',
    key: '/c.key',
    options: '-c a=b',
    applicationName: 'x',
  });
  expect(await settings('postgres://?service=shop&servicefile=/own.conf')).toMatchObject({ host: 'own' });
  expect(await settings('postgres://?service=system', { PGSYSCONFDIR: '/etc' })).toMatchObject({
    host: '/var/run/postgresql',
  });
  expect(
    await settings('postgres://', { PGHOST: 'h', PGPORT: '9', PGUSER: 'u', PGPASSWORD: 'p', PGDATABASE: 'd' }),
  ).toMatchObject({
    host: 'h',
    port: 9,
    user: 'u',
    password: 'p',
    database: 'd',
  });
});

test('the password file: the first line that fits, escapes, sockets; never one that others may read', async () => {
  const password = async (url: string, env = {}) => (await settings(url, env)).password;
  expect(await password('postgres://u@db.example/d')).toBe('right one');
  expect(await password('postgres://u@db.example:6000/x')).toBe('a:b\\c:d');
  expect(await password('postgres://u@/d?host=/run')).toBe('of the socket');
  expect(await password('postgres://other@db.example/d')).toBe(null);
  expect(await password('postgres://u:mine@db.example/d')).toBe('mine');
  await expect(password('postgres://u@h/d?passfile=/open.pgpass')).rejects.toMatchObject(refusal('others may read'));
  await expect(password('postgres://u@h/d', { PGPASSFILE: '/open.pgpass' })).rejects.toMatchObject({
    remedy: 'chmod 600 /open.pgpass',
  });
});

test('several servers: names, addresses and ports by their places; what is asked of the one that is used', async () => {
  const places = async (url: string, env = {}) => {
    const { servers, session } = await connectionTargets(url, 'source', around(env));
    return [session, ...servers.map(({ host, address, port }) => [host, address, port])];
  };
  expect(await places('postgres://u:p@a,b:6000,[::1]:7000/d')).toEqual([
    'primary',
    ['a', null, 5432],
    ['b', null, 6000],
    ['::1', null, 7000],
  ]);
  expect(await places('postgres:///d?host=a,b&hostaddr=1.1.1.1,2.2.2.2&port=7')).toEqual([
    'primary',
    ['a', '1.1.1.1', 7],
    ['b', '2.2.2.2', 7],
  ]);
  const env = { PGHOST: 'a,/run', PGTARGETSESSIONATTRS: 'standby' };
  expect(await places('postgres://', env)).toEqual(['standby', ['a', null, 5432], ['/run', null, 5432]]);
  expect(await places('postgres://a/d')).toEqual(['any', ['a', null, 5432]]);
  expect((await connectionTargets('postgres://a,b/d', 'sink', around())).session).toBe('read-write');
  const { servers } = await connectionTargets('postgres://u@other,db.example/d', 'source', around());
  expect(servers.map(({ password }) => password)).toEqual([null, 'right one']);
});

test('a connection string of one of its servers says the same of all else', async () => {
  const url = 'postgres://us%40er:p%2Fw@a,b:6000/d%20b?sslmode=require&target_session_attrs=standby';
  for (const server of [
    { host: '::1', address: null, port: 5 },
    { host: 'b', address: '1.1.1.1', port: 6000 },
    { host: '/run', address: null, port: 5432 },
  ]) {
    const one = await connectionTargets(atServer(url, 'source', server, 'standby'), 'source', around());
    const same = { user: 'us@er', password: 'p/w', database: 'd b' };
    expect(one).toMatchObject({ session: 'standby', servers: [{ ...server, ...same }] });
  }
});

test('channel binding: of the string, the service, the variable', async () => {
  const binding = async (url: string, env = {}) => (await settings(url, env)).channelBinding;
  expect(await binding('postgres://h?channel_binding=disable', { PGCHANNELBINDING: 'require' })).toBe('disable');
  expect(await binding('postgres://h', { PGCHANNELBINDING: 'require' })).toBe('require');
});

test.each([
  ['postgres://?service=none', /no service none in \/home\/me/],
  ['postgres://?service=elsewhere', /target_session_attrs/],
  ['postgres://?service=broken', /no `key=value`/],
  ['postgres://?service=nested', /names a service/],
  ['postgres://h?channel_binding=yes', /channel_binding/],
  ['postgres://h?sslmode=on', /sslmode/],
  ['postgres://h?sslmode=require&sslrootcert=system', /sslrootcert=system/],
  ['postgres://h?sslmode=prefer&sslnegotiation=direct', /sslnegotiation=direct/],
  ['postgres://h?pgbouncer=true', /the parameter pgbouncer/],
  ['postgres://h?require_auth=md5', /require_auth/],
  ['postgres://a,b:1,c/d?port=1,2', /not as many/],
  ['postgres://a,b/d?hostaddr=::1', /not as many/],
  ['postgres://a,b/d?target_session_attrs=leader', /target_session_attrs/],
  ['postgres://a,b/d?load_balance_hosts=random', /load_balance_hosts/],
  ['postgres://h:0/d', /the port/],
])('invariant 12: %s is refused', async (url, message) => {
  await expect(settings(url)).rejects.toMatchObject(refusal(message));
});

test.each([
  'postgres://user:se/cret@h/d',
  'postgres://user:1/cret@h/d',
  'postgres://user:se%zzcret@h/d',
  'postgres://user:se?cret@h/d',
  'postgres://user:secret@h:secret/d',
])('invariant 12: a slip is told of without the password: %s', async (url) => {
  const error = (await settings(url).catch((thrown: unknown) => thrown)) as Error;
  expect(error).toMatchObject(refusal(''));
  expect(JSON.stringify([error.message, error])).not.toMatch(/cret/);
});

describe('sslmode', () => {
  const tls = async (parameters: string, files = FILES) => {
    const made = around({}, files);
    const { servers } = await connectionTargets(`postgres://h/d?${parameters}`, 'sink', made);
    return tlsOptions(servers[0]!, 'sink', made);
  };

  test.each([
    ['', ['offered']],
    ['sslmode=disable', ['plain']],
    ['sslmode=allow', ['plain', 'tls']],
    ['sslmode=prefer', ['offered', 'plain']],
    ['sslmode=require', ['tls']],
    ['sslmode=verify-full', ['tls']],
    ['ssl=true', ['tls']],
    ['ssl=0', ['plain']],
    ['sslnegotiation=direct', ['tls']],
    ['host=/run&sslmode=require', ['plain']],
  ])('%s: the ways that are tried', async (parameters, ways) => {
    expect(waysOf(await settings(`postgres://?${parameters}`))).toEqual(ways);
  });

  test('whose certificate is trusted, and for which name', async () => {
    for (const mode of ['allow', 'prefer', 'require', 'no-verify']) {
      expect(await tls(`sslmode=${mode}`)).toMatchObject({ rejectUnauthorized: false });
    }
    for (const mode of ['', 'sslmode=verify-full', 'sslrootcert=system']) {
      const options = await tls(mode);
      expect(options.rejectUnauthorized).toBe(undefined);
      expect(options.ca!.length).toBeGreaterThan(100);
    }
    const named = await tls('sslrootcert=/ca.pem');
    expect(named).toMatchObject({ ca: AUTHORITY, servername: 'h', minVersion: 'TLSv1.2' });
    const elsewhere = { subject: { CN: 'elsewhere' }, subjectaltname: 'DNS:elsewhere' } as never;
    expect(named.checkServerIdentity!('x', elsewhere)).toBeInstanceOf(Error);
    for (const mode of ['verify-ca', 'require']) {
      const options = await tls(`sslmode=${mode}&sslrootcert=/ca.pem`);
      expect(options.ca).toBe(AUTHORITY);
      expect(options.checkServerIdentity!('x', elsewhere)).toBe(undefined);
    }
    const roots = { ...FILES, '/home/me/.postgresql/root.crt': 'roots' };
    expect(await tls('sslmode=require', roots)).toMatchObject({ ca: 'roots' });
    expect(await tls('', roots)).toMatchObject({ ca: 'roots' });
    expect(await tls('sslmode=no-verify', roots)).toMatchObject({ rejectUnauthorized: false });
  });

  test('our certificate: that of libpq, or the one that is named; its key is ours alone', async () => {
    expect(await tls('')).toMatchObject({ cert: CLIENT_CERTIFICATE, key: CLIENT_KEY });
    expect(await tls('', {})).not.toHaveProperty('cert');
    const open = { '/c': 'cert', '/open.key': 'key' };
    const refused = { code: 'sink.not_ready', message: expect.any(String), remedy: expect.any(String) };
    await expect(tls('sslcert=/c&sslkey=/open.key', open)).rejects.toMatchObject({
      ...refused,
      remedy: 'chmod 600 /open.key',
    });
    await expect(tls('sslcert=/c', open)).rejects.toMatchObject(refused);
    await expect(tls('sslcert=/none')).rejects.toMatchObject(refused);
    await expect(tls('sslrootcert=/none')).rejects.toMatchObject(refused);
    await expect(tls('sslmode=verify-ca')).rejects.toMatchObject(refused);
  });

  test('versions, a list of revocations, no name', async () => {
    expect(await tls('ssl_max_protocol_version=TLSv1.2&sslsni=0&sslcrl=/ca.pem&sslnegotiation=direct')).toMatchObject({
      maxVersion: 'TLSv1.2',
      crl: AUTHORITY,
      ALPNProtocols: ['postgresql'],
    });
    expect(await tls('sslsni=0')).not.toHaveProperty('servername');
  });
});
