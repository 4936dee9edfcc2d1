/** The Kafka listener: a Kafka broker of one node over the log, for any Kafka client. */
import { TailraceError } from '../contracts/errors.ts';
import type { GroupMembership } from '../contracts/operations.ts';
import { openBroker } from './broker.ts';
import type { Counters } from './connection.ts';
import { forgetTopic } from './forget-topic.ts';
import { groupDesk } from './groups/group-desk.ts';
import { NODE_ID, Nodes } from './nodes.ts';
import type { KafkaListenerOptions } from './options.ts';
import type { Authentication } from './security/session.ts';
import { Users } from './security/users.ts';
import { serve } from './serve.ts';
import { isLoopback } from './server.ts';

export type { Counters } from './connection.ts';
export type { Endpoint, KafkaListenerOptions, Limits, TopicRules } from './options.ts';

export interface KafkaListener {
  readonly host: string;
  readonly port: number;
  /** Since the start. */
  readonly counters: Readonly<Counters>;
  readonly groups: GroupMembership;
  /** Takes no more connections, lets running requests end for two seconds, closes. Idempotent. Does not close the log. */
  close(): Promise<void>;
}

/** Throws `kafka.insecure` for an address that others can reach, and `kafka.port_in_use`. */
export async function startKafkaListener(options: KafkaListenerOptions): Promise<KafkaListener> {
  const authentication = authenticationOf(options);
  const nodes = new Nodes([NODE_ID], 1);
  const broker = await openBroker(options, nodes);
  const { listen, advertise = null, security } = options;
  const door = { nodeId: NODE_ID, listen, advertise };
  const served = await serve(options, broker, [{ nodes, authentication, tls: security?.tls, doors: [door] }]);
  const [{ host, port } = listen] = served.endpoints;
  const groups = groupDesk(broker.groups, broker.offsets, broker.clock, (topic) => forgetTopic(broker, topic));
  return { host, port, counters: served.counters, groups, close: () => served.close() };
}

/** Passwords in the clear only where nobody can listen. */
function authenticationOf({ listen, security = {} }: KafkaListenerOptions): Authentication | null {
  const { users = [], tls } = security;
  const loopback = isLoopback(listen.host);
  if (users.length > 0) {
    const plain = tls !== undefined || loopback ? (['PLAIN'] as const) : [];
    return { users: new Users(users), mechanisms: [...plain, 'SCRAM-SHA-256', 'SCRAM-SHA-512'] };
  }
  if (loopback) return null;
  throw new TailraceError('kafka.insecure', `kafka.listen: ${listen.host} is not a loopback address`, {
    remedy: 'listen on 127.0.0.1, or configure kafka.users so that clients must authenticate',
  });
}
