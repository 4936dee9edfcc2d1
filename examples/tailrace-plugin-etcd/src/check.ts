/** What `tailrace check` says of the target. */
import type { Finding, SinkOpenOptions } from 'tailrace/sdk';
import { base64, EtcdClient } from './client.ts';
import type { SinkConfig } from './config.ts';
import { SERVICE_PREFIX } from './names.ts';

const CHECK_MS = 10_000;

/** Changes nothing. */
export async function checkSink({ config }: SinkOpenOptions<SinkConfig>): Promise<readonly Finding[]> {
  const client = new EtcdClient('sink', config);
  const signal = AbortSignal.timeout(CHECK_MS);
  const { version } = await client.call<{ readonly version?: string }>('/v3/maintenance/status', {}, signal);
  // Rights are looked at before the comparison, which no key can meet.
  const literal = config.prefix.split('{')[0]!;
  const names = [`${literal}check`, `${SERVICE_PREFIX}check`];
  const never = {
    key: base64(names[1]!),
    target: 'MOD',
    result: 'EQUAL',
    mod_revision: '9223372036854775807',
  } as const;
  const ops = names.flatMap((name) => {
    const key = base64(name);
    return [{ request_put: { key, value: '' } }];
  });
  await client.txn([never], ops, signal);
  return [
    { level: 'ok', message: `etcd ${version ?? ''} answers, and the rows’ keys may be written`.replace('  ', ' ') },
  ];
}
