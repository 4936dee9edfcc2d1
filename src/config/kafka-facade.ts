/**
 * What TAILRACE_KAFKA_FACADE names: a JSON file that shows the log as a cluster of several brokers, for running test suites
 * of other projects that expect one. No part of `tailrace.yaml`, and in no reference page: it claims replicas that do not
 * exist.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { TailraceError } from '../contracts/errors.ts';

const FACADE_VARIABLE = 'TAILRACE_KAFKA_FACADE';

const port = z.int().min(0).max(65_535);
const user = z.strictObject({
  name: z.string(),
  password: z.string(),
  /** Left out: all. */
  mechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']).optional(),
});
const entrance = z.strictObject({
  /** One for each node, on 127.0.0.1. */
  ports: z.array(port),
  /** Clients are told this name in place of the address. */
  advertiseHost: z.string().default('127.0.0.1'),
  /** Left out: everybody is let in. */
  users: z.array(user).default([]),
  /** Clients must prove again who they are within this time, ms. */
  sessionLifetimeMs: z.int().min(1).optional(),
  /** PEM files, relative to this one. */
  tls: z.strictObject({ key: z.string(), certificate: z.string() }).optional(),
});
const facade = z
  .strictObject({
    nodes: z.array(z.int().min(0)).min(1),
    replicationFactor: z.int().min(1),
    defaultPartitions: z.int().min(1).default(1),
    entrances: z.array(entrance).min(1),
    acls: z.strictObject({ superUsers: z.array(z.string()), allowUnlisted: z.boolean().default(false) }).optional(),
  })
  .refine(({ nodes, entrances }) => entrances.every(({ ports }) => ports.length === nodes.length), {
    error: 'every entrance needs one port for each node',
  })
  .refine(({ nodes, replicationFactor }) => replicationFactor <= nodes.length, {
    error: 'there cannot be more replicas than nodes',
  });

export type KafkaFacade = ReturnType<typeof readKafkaFacade>;

/** Null when the variable is not set. Throws `config.invalid`. */
export function readKafkaFacade(env: Readonly<Record<string, string | undefined>>) {
  const file = env[FACADE_VARIABLE];
  if (file === undefined || file === '') return null;
  const { acls, entrances, ...parsed } = parse(file);
  const pem = (name: string) => readFileSync(resolve(dirname(file), name));
  return {
    ...parsed,
    acls: acls === undefined ? null : { ...acls, rules: [] },
    entrances: entrances.map(({ ports, tls, ...entrance }) => ({
      ...entrance,
      ports,
      tls: tls === undefined ? null : { key: pem(tls.key), cert: pem(tls.certificate) },
    })),
  };
}

function parse(file: string): z.infer<typeof facade> {
  const remedy = `unset ${FACADE_VARIABLE}: it is for running test suites of other projects`;
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new TailraceError('config.invalid', `${FACADE_VARIABLE}: ${file} cannot be read as JSON`, { remedy, cause });
  }
  const parsed = facade.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new TailraceError('config.invalid', `${file}: ${z.prettifyError(parsed.error)}`, { remedy });
}
