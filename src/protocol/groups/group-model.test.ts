/**
 * Random histories of clients against what a consumer group promises: every request is answered once, generations only
 * rise, a partition has one owner in a generation, who is left behind cannot commit, and who behaves is never thrown out.
 */

import { describe, expect, test } from 'vitest';
import fc from '../../../test/support/fast-check.ts';
import { Random } from '../../../test/support/random-message.ts';
import { testSeed } from '../../../test/support/seed.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { Group } from './group.ts';
import type { JoinResult, SyncResult } from './member.ts';

const SESSION = 10_000;
const REBALANCE = 8_000;
const PARTITIONS = 12;
const FULL = process.env.TAILRACE_FULL !== undefined;
const HISTORIES = FULL ? 20_000 : 100;
const CHURNS = FULL ? 2_000 : 200;

type Phase = 'out' | 'joining' | 'joined' | 'syncing' | 'stable';

/** A consumer as clients write them. It has no other knowledge of the group than the answers it got. */
class Client {
  readonly world: World;
  readonly instanceId: string | null;
  phase: Phase = 'out';
  memberId = '';
  generation = -1;
  owned: readonly number[] = [];
  topics = 'a';
  /** Increases when the client is killed: answers to a former life are not heard. */
  life = 0;
  respond: ((result: never) => void) | null = null;
  members: readonly string[] = [];
  isLeader = false;

  constructor(world: World, instanceId: string | null) {
    this.world = world;
    this.instanceId = instanceId;
  }

  /** Sends what a client in this phase sends next. */
  step(): void {
    if (this.phase === 'out') this.#join();
    else if (this.phase === 'joined') this.#sync();
    else if (this.phase === 'stable') this.#heartbeat();
  }

  leave(): void {
    if (this.phase === 'joining' || this.phase === 'syncing' || this.memberId === '') return;
    this.world.group.leave({ memberId: this.memberId, instanceId: this.instanceId }, this.world.now);
    this.world.settle();
    this.forget();
  }

  /** The process dies; its connections break. */
  kill(): void {
    if (this.respond !== null) {
      this.world.group.abandon(this.respond, this.world.now);
      this.world.unanswered--;
    }
    this.forget();
  }

  forget(): void {
    this.life++;
    this.respond = null;
    this.phase = 'out';
    this.memberId = '';
    this.generation = -1;
    this.owned = [];
  }

  resubscribe(): void {
    this.topics = this.topics === 'a' ? 'b' : 'a';
    if (this.phase === 'stable' || this.phase === 'joined') this.#rejoin();
  }

  #rejoin(): void {
    this.phase = 'out';
    this.owned = [];
    this.#join();
  }

  #join(): void {
    this.phase = 'joining';
    const { life } = this;
    const respond = this.world.once((result: JoinResult) => {
      if (life === this.life) this.#onJoined(result);
    });
    this.respond = respond as (result: never) => void;
    const request = {
      memberId: this.memberId,
      instanceId: this.instanceId,
      clientId: 'c',
      clientHost: '',
      sessionTimeoutMs: SESSION,
      rebalanceTimeoutMs: REBALANCE,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from(this.topics) }],
      memberIdRequired: true,
      knowsSkipAssignment: true,
    };
    this.world.group.join(request, this.world.now, respond);
    this.world.settle();
  }

  #onJoined(result: JoinResult): void {
    this.respond = null;
    this.phase = 'out';
    if (result.errorCode === KafkaError.MEMBER_ID_REQUIRED) {
      this.memberId = result.memberId;
      return;
    }
    if (result.errorCode !== KafkaError.NONE) {
      this.world.refused(this, result.errorCode);
      return;
    }
    expect(result.generationId).toBeGreaterThanOrEqual(this.generation);
    this.memberId = result.memberId;
    this.generation = result.generationId;
    this.isLeader = result.leader === result.memberId;
    this.members = result.members.map(({ memberId }) => memberId);
    this.phase = 'joined';
    this.world.joined(this, result);
  }

  #sync(): void {
    this.phase = 'syncing';
    const { life, generation } = this;
    const respond = this.world.once((result: SyncResult) => {
      if (life === this.life) this.#onSynced(result, generation);
    });
    this.respond = respond as (result: never) => void;
    const shares = this.members.map((memberId, at) => {
      const share = Array.from({ length: PARTITIONS }, (_, i) => i).filter((i) => i % this.members.length === at);
      return { memberId, assignment: Buffer.from(share) };
    });
    const identity = { memberId: this.memberId, instanceId: this.instanceId, generationId: generation };
    const request = { ...identity, protocolType: 'consumer', protocolName: 'range', assignments: shares };
    this.world.group.sync(request, this.world.now, respond);
    this.world.settle();
  }

  #onSynced(result: SyncResult, generation: number): void {
    this.respond = null;
    this.phase = 'out';
    if (result.errorCode !== KafkaError.NONE) {
      this.world.refused(this, result.errorCode);
      return;
    }
    this.phase = 'stable';
    this.owned = [...result.assignment];
    this.world.owns(this.memberId, generation, this.owned);
  }

  #heartbeat(): void {
    const identity = { memberId: this.memberId, instanceId: this.instanceId };
    const errorCode = this.world.group.heartbeat(identity, this.generation, this.world.now);
    if (errorCode === KafkaError.NONE) return;
    if (errorCode === KafkaError.REBALANCE_IN_PROGRESS) this.#rejoin();
    else this.world.refused(this, errorCode);
  }
}

class World {
  now = 0;
  readonly group: Group;
  readonly clients: Client[];
  /** Throws for what must not happen to the client. */
  onRefused: (client: Client, errorCode: number) => void = () => {};
  unanswered = 0;
  rebalances = 0;
  #ids = 0;
  /** Leader, and owner of each partition, by generation. */
  readonly #leaders = new Map<number, string>();
  readonly #owners = new Map<string, string>();
  /** Identities that commits are tried with later. */
  readonly former: { memberId: string; instanceId: string | null; generation: number }[] = [];

  constructor(dynamic: number, fixed: number) {
    this.group = new Group({ initialDelayMs: 0, maxMembers: 100, newMemberId: (prefix) => `${prefix}-${++this.#ids}` });
    this.clients = [
      ...Array.from({ length: dynamic }, () => new Client(this, null)),
      ...Array.from({ length: fixed }, (_, i) => new Client(this, `i${i}`)),
    ];
  }

  once<Result>(answer: (result: Result) => void): (result: Result) => void {
    let answered = false;
    this.unanswered++;
    return (result) => {
      expect(answered).toBe(false);
      answered = true;
      this.unanswered--;
      answer(result);
    };
  }

  refused(client: Client, errorCode: number): void {
    this.onRefused(client, errorCode);
    if (errorCode === KafkaError.REBALANCE_IN_PROGRESS || errorCode === KafkaError.ILLEGAL_GENERATION) {
      client.phase = 'out';
      client.owned = [];
    } else {
      client.forget();
    }
  }

  joined(client: Client, result: JoinResult): void {
    this.former.push({ memberId: client.memberId, instanceId: client.instanceId, generation: client.generation });
    if (!this.#leaders.has(client.generation)) this.rebalances++;
    if (!client.isLeader) {
      expect(result.members).toEqual([]);
      return;
    }
    // A static leader that came back leads under another id.
    const leader = this.#leaders.get(client.generation);
    if (!result.skipAssignment) expect(leader ?? client.memberId).toBe(client.memberId);
    this.#leaders.set(client.generation, client.memberId);
    expect(client.members).toContain(client.memberId);
    expect(new Set(client.members).size).toBe(client.members.length);
  }

  owns(memberId: string, generation: number, partitions: readonly number[]): void {
    for (const partition of partitions) {
      const place = `${generation}/${partition}`;
      const owner = this.#owners.get(place);
      expect(owner ?? nameOf(memberId), place).toBe(nameOf(memberId));
      this.#owners.set(place, nameOf(memberId));
    }
  }

  advance(ms: number): void {
    const end = this.now + ms;
    this.settle(end);
    this.now = end;
  }

  /** Lets deadlines pass, up to a time. */
  settle(until = this.now): void {
    for (let due = this.group.deadline; due !== null && due <= until; due = this.group.deadline) {
      this.now = Math.max(this.now, due);
      this.group.expire(this.now);
    }
  }

  /** Only the members of the current generation may commit, and no partition belongs to two of them. */
  check(): void {
    for (const { memberId, instanceId, generation } of this.former) {
      const refusal = this.group.commitRefusal({ memberId, instanceId }, generation);
      const current = generation === this.group.generationId && this.group.members.has(memberId);
      if (refusal === null) expect(current, `${memberId} of ${generation} commits`).toBe(true);
    }
    const owners = new Map<number, string>();
    for (const client of this.clients) {
      const current = client.phase === 'stable' && client.generation === this.group.generationId;
      if (!current || !this.group.members.has(client.memberId)) continue;
      for (const partition of client.owned) {
        expect(owners.get(partition), `partition ${partition}`).toBeUndefined();
        owners.set(partition, client.memberId);
      }
    }
  }
}

/** A static member goes on under another id when it comes back. */
function nameOf(memberId: string): string {
  return memberId.startsWith('c-') ? memberId : memberId.replace(/-\d+$/, '');
}

describe('consumer groups, random histories', () => {
  const action = fc.oneof(
    { weight: 10, arbitrary: fc.constant('step' as const) },
    { weight: 1, arbitrary: fc.constantFrom('leave' as const, 'kill' as const, 'resubscribe' as const) },
  );
  const command = fc.record({
    client: fc.nat(5),
    action,
    ms: fc.oneof({ weight: 5, arbitrary: fc.nat(500) }, { weight: 1, arbitrary: fc.nat(12_000) }),
  });

  test('clients that crash, stall, leave and come back', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 120, size: 'max' }), (commands) => {
        const world = new World(4, 2);
        for (const { client, action: act, ms } of commands) {
          world.clients[client]![act]();
          world.check();
          world.advance(ms);
          world.check();
        }
        // Nothing waits for ever: when everyone falls silent the group empties and every request has its answer.
        for (const client of world.clients) client.kill();
        world.former.length = 0;
        world.advance(SESSION + 10 * REBALANCE + 300_000);
        expect(world.unanswered).toBe(0);
        expect(world.group.state).toBe('Empty');
        expect(world.group.deadline).toBeNull();
      }),
      { numRuns: HISTORIES },
    );
  });

  test('fifty clients come and go; no live one is thrown out, and all are stable in the end', () => {
    const seed = testSeed;
    console.log(`groups: seed ${seed} (TAILRACE_SEED)`);
    const random = new Random(seed);
    const world = new World(40, 10);
    const active = new Set<Client>();
    world.onRefused = (client, errorCode) => {
      const where = `seed ${seed}, member ${client.memberId}`;
      expect([KafkaError.REBALANCE_IN_PROGRESS, KafkaError.ILLEGAL_GENERATION], where).toContain(errorCode);
    };
    for (let churn = 0; churn < CHURNS; churn++) {
      const client = world.clients[random.below(world.clients.length)]!;
      if (!active.has(client)) active.add(client);
      else if (random.next() < 0.3) client.resubscribe();
      else if (client.phase === 'stable' || client.phase === 'joined') {
        client.leave();
        active.delete(client);
      }
      for (let rounds = random.below(8); rounds > 0; rounds--) round(world, active, random);
      world.check();
    }
    for (let i = 0; i < 20; i++) round(world, active, random);
    const stable = [...active].filter(({ phase }) => phase === 'stable');
    expect(stable.length).toBe(active.size);
    expect(new Set(stable.map(({ generation }) => generation)).size).toBe(1);
    expect(stable.flatMap(({ owned }) => owned).sort((a, b) => a - b)).toEqual(
      Array.from({ length: PARTITIONS }, (_, i) => i),
    );
    console.log(`${CHURNS} times a client came, left or changed: ${world.rebalances} rebalances`);
    expect(world.rebalances).toBeGreaterThan(CHURNS / 10);
  });
});

/** Every client acts within a second, in random order. */
function round(world: World, active: ReadonlySet<Client>, random: Random): void {
  const order = [...active].map((client) => [random.next(), client] as const).sort(([a], [b]) => a - b);
  for (const [, client] of order) {
    client.step();
    world.advance(random.below(20));
  }
  world.check();
}
