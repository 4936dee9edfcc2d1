/** What `tailrace check` says of the target. */
import { type Finding, type SinkOpenOptions, TailraceError } from 'tailrace/sdk';
import { base64, EtcdClient } from './client.ts';
import type { SinkConfig } from './config.ts';
import { SERVICE_PREFIX } from './names.ts';

const CHECK_MS = 10_000;

/** Changes nothing. */
export async function checkSink({ config }: SinkOpenOptions<SinkConfig>): Promise<readonly Finding[]> {
  try {
    const version = await asked(new EtcdClient('sink', config), config);
    return [{ level: 'ok', message: `etcd ${version} takes rows`, path: ['url'] }];
  } catch (error) {
    if (!(error instanceof TailraceError)) throw error;
    const { code, message, remedy = 'try again later' } = error;
    return [{ level: 'problem', code, message, remedy, path: ['url'] }];
  }
}

/** The server's version. Rights are looked at before the comparison, which no key can meet: nothing is written. */
async function asked(client: EtcdClient, { prefix }: SinkConfig): Promise<string> {
  const signal = AbortSignal.timeout(CHECK_MS);
  const { version = '' } = await client.call<{ readonly version?: string }>('/v3/maintenance/status', {}, signal);
  const keys = [`${prefix.split('{')[0]}check`, `${SERVICE_PREFIX}check`].map(base64);
  const never = { key: keys[0]!, target: 'MOD', result: 'EQUAL', mod_revision: '9223372036854775807' } as const;
  const touched = keys.map((key) => ({ request_put: { key, value: '' } }));
  await client.txn([never], [...touched, { request_range: { key: keys[0]! } }], signal);
  return version;
}
