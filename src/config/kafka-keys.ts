/** The keys of `kafka:` in `tailrace.yaml`. The reference page is made from them. */
import { z } from 'zod';
import type { AclOperation, AclResource, Endpoint } from '../contracts/plan.ts';
import { secret, sizeBytes } from '../lib/schema.ts';

/** What may be asked of each kind of thing, as in Kafka. */
export const ACL_OPERATIONS: Readonly<Record<AclResource, readonly AclOperation[]>> = {
  topic: ['all', 'read', 'write', 'create', 'delete', 'alter', 'describe', 'describe_configs', 'alter_configs'],
  group: ['all', 'read', 'delete', 'describe'],
  transactional_id: ['all', 'write', 'describe'],
  cluster: ['all', 'create', 'alter', 'describe', 'describe_configs', 'alter_configs', 'idempotent_write'],
};

const OPERATIONS = [...new Set(Object.values(ACL_OPERATIONS).flat())];
const MIN_RATE = 1_024;
/** Of names of users: no separators of SASL, and no control characters. */
const USER_NAME = /^[^\s:,=*\p{C}]{1,255}$/u;

/** `host:port`, `[ipv6]:port`. */
function endpoint() {
  return z.string().transform((text, context): Endpoint => {
    const [, bracketed, plain, port = ''] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s[\]/@]+)):(\d{1,5})$/.exec(text) ?? [];
    const host = bracketed ?? plain;
    if (host !== undefined && Number(port) <= 65_535) return { host, port: Number(port) };
    context.addIssue({ code: 'custom', message: 'must be an address and a port, such as 127.0.0.1:9092' });
    return z.NEVER;
  });
}

/** One operation, or a list. */
function operations() {
  const one = z.enum(OPERATIONS);
  return z.union([one, z.array(one).min(1)]).optional();
}

const rule = z.strictObject({
  user: z.string().min(1).describe('Name of a user; `*` is every user.'),
  topic: z
    .string()
    .min(1)
    .optional()
    .describe('Topic; `shop.*` is every topic that begins with `shop.`, `*` every topic.'),
  group: z.string().min(1).optional().describe('Consumer group, or the beginning of its name and `*`.'),
  transactional_id: z.string().min(1).optional().describe('Transactional id, or its beginning and `*`.'),
  cluster: z.literal(true).optional().describe('The broker as a whole.'),
  allow: operations().describe('What the user may do there: Kafka’s operations, or `all`.'),
  deny: operations().describe('What the user may not do, whatever else allows it.'),
  host: z.string().min(1).default('*').describe('Address of the client; `*` is any.'),
});

/** Bytes a second. */
function quota() {
  const rate = () => sizeBytes().refine((bytes) => bytes >= MIN_RATE, { error: 'must be at least 1KB' });
  return z.strictObject({
    produce: rate().optional().describe('Most bytes a second to write, e.g. `10MB`.'),
    fetch: rate().optional().describe('Most bytes a second to read.'),
  });
}

export type AclKeys = z.output<typeof rule>;

export const kafkaKeys = z.strictObject({
  listen: endpoint().describe(
    'Address and port for Kafka clients, e.g. `127.0.0.1:9092`. One that other machines can reach needs `users`.',
  ),
  advertise: endpoint()
    .optional()
    .describe('Address and port that clients are told to connect to, where it is another than `listen`.'),
  tls: z
    .strictObject({
      certificate: z.string().min(1).describe('File with the certificate and those that lead to its authority, PEM.'),
      key: z.string().min(1).describe('File with the private key, PEM, without passphrase.'),
    })
    .optional()
    .describe('Encrypts the connections. Paths are relative to this file.'),
  users: z
    .record(
      z.string().regex(USER_NAME, { error: 'must not have spaces or any of : , = *' }),
      z.strictObject({
        password: secret().min(1).describe('Password, best from a variable.'),
        super: z.boolean().default(false).describe('May do everything, whatever `acls` says.'),
        quota: quota().optional().describe('In place of that of `quotas`.'),
      }),
    )
    .optional()
    .describe(
      'Clients must be one of these: a map from name to user. SASL: SCRAM-SHA-256, SCRAM-SHA-512, and PLAIN with `tls` or on loopback.',
    ),
  acls: z
    .array(rule)
    .optional()
    .describe('Who may do what. What no rule allows is refused. Left out: users may do everything.'),
  quotas: quota()
    .optional()
    .describe('How much each user may write and read, over all its connections. Who goes above it is slowed down.'),
});

export type KafkaKeys = z.output<typeof kafkaKeys>;
