/** Configuration of the `redis` sink. */
import { durationMs, secret, z } from '../../src/sdk/index.ts';
import { isServerUrl, NO_SERVER_URL } from '../../src/sdk/server-url.ts';
import { serverPlace, tableParts } from '../../src/sdk/target/place.ts';
import { keyTemplateProblem, templateProblem } from './template-rules.ts';

const FORMS = ['hash', 'json', 'string', 'set', 'sorted-set', 'stream', 'invalidate'] as const;

export type Form = (typeof FORMS)[number];

/** Each row has a place of its own: a key, or a member of a set. */
const OWN_PLACE: readonly Form[] = ['hash', 'json', 'string', 'set', 'sorted-set'];
const NODE = /^(\[[0-9a-fA-F:]+\]|[^\s:/?#@[\]]+):\d{1,5}$/;
const MOST_GROUPS = 1_024;

const nodes = () => z.array(z.string().regex(NODE, { error: 'must look like host:26379' })).min(1);

const cluster = z.strictObject({
  nodes: nodes().optional().describe('More nodes to ask for the others, `host:port`, beside the one in `url`.'),
  groups: z
    .int()
    .min(1)
    .max(MOST_GROUPS)
    .default(16)
    .describe(
      'Number of hash tags that keys are spread over. `{$group}` in `key` becomes `{0}` … `{15}`: CRC16 (as CLUSTER KEYSLOT has it) of ' +
        'the key without it, modulo this number. Not to be changed while the target holds rows.',
    ),
});

const sentinel = z.strictObject({
  nodes: nodes().describe('The sentinels, `host:port`. The host in `url` is the name that they know the primary by.'),
  user: z.string().min(1).optional().describe('ACL user at the sentinels.'),
  password: secret().min(1).optional().describe('Password at the sentinels.'),
});

export const config = z
  .strictObject({
    url: secret()
      .refine((text) => /^rediss?:\/\/[^/?#]*(\/\d*)?$/.test(text), {
        error: 'must look like redis://user:password@host:6379/0, or rediss:// for TLS',
        abort: true,
      })
      .refine(isServerUrl, { error: NO_SERVER_URL })
      .describe(
        '`redis://user:password@host:port/database`, or `rediss://` for TLS. Names an ACL user or only a password. A private ' +
          'authority is trusted with NODE_EXTRA_CA_CERTS.',
      ),
    cluster: cluster.optional().describe('The server is a Redis Cluster. Without it: one server.'),
    sentinel: sentinel.optional().describe('The primary is found by Redis Sentinel.'),
    key: z
      .string()
      .describe(
        'Key of a row, e.g. `product:{id}`: literal text and, in braces, all columns of the record key and nothing else (sets, ' +
          'streams and `invalidate`: some or none of them). `{$table}` and `{$schema}` are the names of the table. Where more of ' +
          'the template follows, the character that follows is percent-encoded in the column.',
      ),
    as: z
      .enum(FORMS)
      .default('hash')
      .describe(
        'How a row is kept. `hash`: one field a column, holding its text (numbers as digits, bytes as base64, arrays and json ' +
          'as JSON text); a NULL column has no field; `_tr_version` and `_tr_source` are Tailrace’s own. `json`: a string holding ' +
          'the row as a JSON object. `string`: the text of the column `value`; no key while it is NULL. `set`: the row is a member of the ' +
          'set at `key`. `sorted-set`: the same with the column `score` as score; no member while it is NULL. `stream`: each change ' +
          'is an entry of the stream at `key`, exactly once. `invalidate`: a changed row’s key is removed, whatever it holds; a truncate or ' +
          'the end of a snapshot removes all keys that the template makes.',
      ),
    value: z.string().min(1).optional().describe('For `string`: the column.'),
    member: z
      .string()
      .optional()
      .describe(
        'For `set` and `sorted-set`: the member, e.g. `{product_id}`; with `key` it names all columns of the record key.',
      ),
    score: z
      .string()
      .min(1)
      .optional()
      .describe('For `sorted-set`: a column of numbers. Redis keeps scores as doubles.'),
    ttl: durationMs()
      .refine((ms) => ms >= 1_000, { error: 'must be at least 1s' })
      .optional()
      .describe(
        'How long after its last change a key lives. Not for `stream` and `invalidate`. Rows that expired cannot be verified.',
      ),
    max_length: z
      .int()
      .min(1)
      .optional()
      .describe('For `stream`: about the most entries that are kept; older ones are removed by Redis. Default: all.'),
  })
  .superRefine((settings, context) => {
    for (const [path, message] of problems(settings)) context.addIssue({ code: 'custom', message, path: [path] });
  });

export type RedisConfig = z.output<typeof config>;

function problems(
  settings: {
    [name in 'key' | 'value' | 'member' | 'score']?: string | undefined;
  } & {
    as: Form;
    url: string;
    cluster?: unknown;
    sentinel?: unknown;
    ttl?: number | undefined;
    max_length?: number | undefined;
  },
) {
  const { as, key = '', url } = settings;
  const isSet = as === 'set' || as === 'sorted-set';
  const found: [string, string][] = [];
  const needsColumns = OWN_PLACE.includes(as) && !isSet;
  const problem = keyTemplateProblem(key, needsColumns, settings.cluster !== undefined);
  if (problem !== null) found.push(['key', problem]);
  const member = settings.member === undefined ? null : templateProblem(settings.member);
  if (member !== null) found.push(['member', member]);
  if (settings.member?.includes('{$') === true) found.push(['member', 'may only name columns']);
  const wanted: readonly [name: 'value' | 'member' | 'score', boolean][] = [
    ['value', as === 'string'],
    ['member', isSet],
    ['score', as === 'sorted-set'],
  ];
  for (const [name, needed] of wanted) {
    if (needed && settings[name] === undefined) found.push([name, `is needed with \`as: ${as}\``]);
    if (!needed && settings[name] !== undefined) found.push([name, `has no meaning with \`as: ${as}\``]);
  }
  if (settings.ttl !== undefined && !OWN_PLACE.includes(as)) found.push(['ttl', `has no meaning with \`as: ${as}\``]);
  if (settings.max_length !== undefined && as !== 'stream')
    found.push(['max_length', `has no meaning with \`as: ${as}\``]);
  if (settings.cluster !== undefined && settings.sentinel !== undefined)
    found.push(['sentinel', 'is for a server without `cluster`']);
  if (settings.cluster !== undefined && /\/[1-9]\d*$/.test(url.replace(/^\w+:\/\//, '')))
    found.push(['url', 'must name database 0: a cluster has no other']);
  return found;
}

/** Number of groups that keys are spread over. */
export function groupsOf({ cluster: settings }: RedisConfig): number {
  return settings?.groups ?? 1;
}

/** Where each table is written, for lint: what its keys start with. Rows of two tables with one template share keys. */
export function targetsOf({ url, key, member }: RedisConfig, tables: readonly string[]): string[] {
  const server = serverPlace(url, 6_379).replace(/\/0$/, '');
  return tables.map((name) => {
    const { schema, table } = tableParts(name);
    const filled = [key, member ?? ''].map((template) =>
      template.replaceAll('{$table}', () => table).replaceAll('{$schema}', () => schema),
    );
    return JSON.stringify([server, ...filled]);
  });
}
