import { describe, expect, test } from 'vitest';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { Group } from './group.ts';
import type { JoinRequest, JoinResult, SyncResult } from './member.ts';

const SESSION = 10_000;
const REBALANCE = 20_000;
const text = (value: string) => Buffer.from(value);

/** Calls a group and keeps its answers. */
class Driver {
  now = 0;
  readonly group: Group;
  #ids = 0;

  constructor(options: { initialDelayMs?: number; maxMembers?: number } = {}) {
    this.group = new Group({
      initialDelayMs: 0,
      maxMembers: 10,
      ...options,
      newMemberId: (prefix) => `${prefix}-${++this.#ids}`,
    });
  }

  join(memberId: string, more: Partial<JoinRequest> = {}): { result: JoinResult | null } {
    const answer: { result: JoinResult | null } = { result: null };
    const request: JoinRequest = {
      memberId,
      instanceId: null,
      clientId: 'c',
      clientHost: '/h',
      sessionTimeoutMs: SESSION,
      rebalanceTimeoutMs: REBALANCE,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: text('m') }],
      memberIdRequired: false,
      knowsSkipAssignment: false,
      ...more,
    };
    this.group.join(request, this.now, (result) => {
      expect(answer.result).toBeNull();
      answer.result = result;
    });
    return answer;
  }

  sync(memberId: string, assignments: Record<string, string> = {}, more: object = {}): { result: SyncResult | null } {
    const answer: { result: SyncResult | null } = { result: null };
    const request = {
      memberId,
      instanceId: null,
      generationId: this.group.generationId,
      protocolType: null,
      protocolName: null,
      assignments: Object.entries(assignments).map(([id, value]) => ({ memberId: id, assignment: text(value) })),
      ...more,
    };
    this.group.sync(request, this.now, (result) => {
      expect(answer.result).toBeNull();
      answer.result = result;
    });
    return answer;
  }

  heartbeat(memberId: string, generationId = this.group.generationId, instanceId: string | null = null) {
    return this.group.heartbeat({ memberId, instanceId }, generationId, this.now);
  }

  advance(ms: number): void {
    const end = this.now + ms;
    for (let due = this.group.deadline; due !== null && due <= end; due = this.group.deadline) {
      this.now = Math.max(this.now, due);
      this.group.expire(this.now);
    }
    this.now = end;
  }

  /** A stable group; the first is its leader. */
  stable(...members: Partial<JoinRequest>[]): string[] {
    const joins = members.map((more) => this.join('', more));
    // Those that joined first wait for the next generation.
    const ids = [...this.group.members.keys()];
    for (const id of ids.slice(0, -1)) {
      if (this.group.members.get(id)!.join === null) this.join(id, members[ids.indexOf(id)]);
    }
    expect(joins.at(-1)!.result?.errorCode).toBe(KafkaError.NONE);
    const leader = this.group.leaderId!;
    for (const id of ids) if (id !== leader) this.sync(id);
    this.sync(leader, Object.fromEntries(ids.map((id) => [id, `to ${id}`])));
    expect(this.group.state).toBe('Stable');
    return ids;
  }
}

describe('a consumer group', () => {
  test('one member: joins, leads, assigns to itself, lives by heartbeats', () => {
    const driver = new Driver();
    const { result } = driver.join('');
    expect(result).toMatchObject({
      errorCode: 0,
      memberId: 'c-1',
      leader: 'c-1',
      generationId: 1,
      protocolName: 'range',
    });
    expect(result?.members).toEqual([{ memberId: 'c-1', groupInstanceId: null, metadata: text('m') }]);
    expect(driver.group.state).toBe('CompletingRebalance');
    expect(driver.sync('c-1', { 'c-1': 'p0' }).result?.assignment).toEqual(text('p0'));
    for (let i = 0; i < 5; i++) {
      driver.advance(SESSION - 1);
      expect(driver.heartbeat('c-1')).toBe(KafkaError.NONE);
    }
    driver.advance(SESSION);
    expect(driver.heartbeat('c-1')).toBe(KafkaError.UNKNOWN_MEMBER_ID);
    expect(driver.group.state).toBe('Empty');
    expect(driver.group.deadline).toBeNull();
  });

  test('a member id is given out first where the client can take it, and lapses', () => {
    const driver = new Driver();
    const first = driver.join('', { memberIdRequired: true });
    expect(first.result).toMatchObject({ errorCode: KafkaError.MEMBER_ID_REQUIRED, memberId: 'c-1', generationId: -1 });
    expect(driver.group.members.size).toBe(0);
    expect(driver.join('c-1', { memberIdRequired: true }).result).toMatchObject({ errorCode: 0, memberId: 'c-1' });
    const second = driver.join('', { memberIdRequired: true });
    driver.advance(SESSION);
    expect(driver.join(second.result!.memberId).result?.errorCode).toBe(KafkaError.UNKNOWN_MEMBER_ID);
    expect(driver.join('other').result?.errorCode).toBe(KafkaError.UNKNOWN_MEMBER_ID);
  });

  test('the first members of an empty group are waited for, at most for their rebalance timeout', () => {
    const driver = new Driver({ initialDelayMs: 3_000 });
    const first = driver.join('');
    driver.advance(2_000);
    const second = driver.join('');
    driver.advance(1_000);
    expect([first.result, second.result]).toEqual([null, null]);
    driver.advance(2_999);
    expect(first.result).toBeNull();
    driver.advance(1);
    expect(first.result).toMatchObject({ generationId: 1, leader: 'c-1' });
    expect(first.result?.members).toHaveLength(2);
    expect(second.result?.members).toEqual([]);

    const patient = new Driver({ initialDelayMs: 3_000 });
    const joins = [patient.join('', { rebalanceTimeoutMs: 7_000 })];
    for (let i = 0; i < 5; i++) {
      patient.advance(1_400);
      joins.push(patient.join('', { rebalanceTimeoutMs: 7_000 }));
    }
    expect(joins[0]!.result).not.toBeNull();
  });

  test('a second member makes the first join again; who does not is left out when the time is over', () => {
    const driver = new Driver();
    const [one] = driver.stable({}) as [string];
    const second = driver.join('');
    expect(driver.group.state).toBe('PreparingRebalance');
    expect(driver.heartbeat(one)).toBe(KafkaError.REBALANCE_IN_PROGRESS);
    expect(driver.sync(one).result?.errorCode).toBe(KafkaError.REBALANCE_IN_PROGRESS);
    for (let i = 0; i < 4; i++) {
      driver.advance(REBALANCE / 4);
      driver.heartbeat(one);
    }
    expect(second.result).toMatchObject({ errorCode: 0, generationId: 2, leader: second.result!.memberId });
    expect(driver.heartbeat(one)).toBe(KafkaError.UNKNOWN_MEMBER_ID);
    expect(driver.join(one).result?.errorCode).toBe(KafkaError.UNKNOWN_MEMBER_ID);
  });

  test('everyone gets what the leader assigned; a follower that asks again gets it again', () => {
    const driver = new Driver();
    const [one, two] = driver.stable({}, {}) as [string, string];
    expect(driver.group.generationId).toBe(2);
    expect(driver.sync(one).result?.assignment).toEqual(text(`to ${one}`));
    expect(driver.sync(two).result?.assignment).toEqual(text(`to ${two}`));
    expect(driver.join(two).result).toMatchObject({ generationId: 2, leader: one, members: [] });
    expect(driver.group.state).toBe('Stable');
    // The leader joins again to have the assignment computed again.
    const rejoin = driver.join(one);
    expect(rejoin.result).toBeNull();
    driver.join(two);
    expect(rejoin.result).toMatchObject({ generationId: 3, leader: one });
  });

  test('changed metadata begins a rebalance', () => {
    const driver = new Driver();
    const [one, two] = driver.stable({}, {}) as [string, string];
    const changed = driver.join(two, { protocols: [{ name: 'range', metadata: text('other') }] });
    expect(driver.heartbeat(one)).toBe(KafkaError.REBALANCE_IN_PROGRESS);
    const leader = driver.join(one);
    expect(changed.result?.generationId).toBe(3);
    expect(leader.result?.members.map(({ metadata }) => metadata.toString())).toEqual(['m', 'other']);
  });

  test('the protocol: offered by all, preferred by most', () => {
    const driver = new Driver();
    const offer = (...names: string[]) => ({ protocols: names.map((name) => ({ name, metadata: text(name) })) });
    driver.stable(offer('a', 'b', 'c'), offer('b', 'c'), offer('c', 'b', 'd'));
    expect(driver.group.protocolName).toBe('b');
    const none = driver.join('', offer('a', 'd'));
    expect(none.result?.errorCode).toBe(KafkaError.INCONSISTENT_GROUP_PROTOCOL);
    const other = driver.join('', { ...offer('b'), protocolType: 'connect' });
    expect(other.result?.errorCode).toBe(KafkaError.INCONSISTENT_GROUP_PROTOCOL);
    const [first] = driver.group.members.keys();
    const wrong = { protocolType: 'consumer', protocolName: 'c' };
    expect(driver.sync(first!, {}, wrong).result?.errorCode).toBe(KafkaError.INCONSISTENT_GROUP_PROTOCOL);
  });

  test('a leader that does not assign is lost, and the others get another', () => {
    const driver = new Driver();
    const [one, two] = driver.stable({}, {}) as [string, string];
    const first = driver.join(one);
    driver.join(two);
    expect(first.result?.generationId).toBe(3);
    const waiting = driver.sync(two);
    driver.advance(SESSION);
    expect(waiting.result?.errorCode).toBe(KafkaError.REBALANCE_IN_PROGRESS);
    expect(driver.join(two).result).toMatchObject({ generationId: 4, leader: two });
  });

  test('a member that never syncs is lost with the rebalance timeout, though it heartbeats', () => {
    const driver = new Driver();
    const [one, two] = driver.stable({}, {}) as [string, string];
    driver.join(one);
    driver.join(two);
    driver.sync(one, { [one]: 'all' });
    expect(driver.group.state).toBe('Stable');
    for (let i = 0; i < 4; i++) {
      driver.advance(REBALANCE / 4);
      expect([one, two].map((id) => driver.heartbeat(id)).at(0)).not.toBe(KafkaError.UNKNOWN_MEMBER_ID);
    }
    expect([...driver.group.members.keys()]).toEqual([one]);
    expect(driver.group.state).toBe('PreparingRebalance');
  });

  test('leaving', () => {
    const driver = new Driver();
    const [one, two] = driver.stable({}, {}) as [string, string];
    expect(driver.group.leave({ memberId: 'x', instanceId: null }, 0)).toBe(KafkaError.UNKNOWN_MEMBER_ID);
    expect(driver.group.leave({ memberId: one, instanceId: null }, 0)).toBe(KafkaError.NONE);
    expect(driver.heartbeat(two)).toBe(KafkaError.REBALANCE_IN_PROGRESS);
    expect(driver.join(two).result).toMatchObject({ generationId: 3, leader: two });
    expect(driver.group.leave({ memberId: two, instanceId: null }, 0)).toBe(KafkaError.NONE);
    expect(driver.group.state).toBe('Empty');
    // A given-out id is given back, so that a rebalance does not wait for it.
    const promised = driver.join('', { memberIdRequired: true }).result!.memberId;
    const join = driver.join('');
    expect(join.result).toBeNull();
    expect(driver.group.leave({ memberId: promised, instanceId: null }, 0)).toBe(KafkaError.NONE);
    expect(join.result?.errorCode).toBe(KafkaError.NONE);
  });

  test('a static member keeps its place and its assignment over a restart; its former self is fenced', () => {
    const driver = new Driver();
    const [leader, old] = driver.stable({}, { instanceId: 'i' }) as [string, string];
    const generation = driver.group.generationId;
    const back = driver.join('', { instanceId: 'i' });
    expect(back.result).toMatchObject({ errorCode: 0, generationId: generation, leader, members: [] });
    const { memberId } = back.result!;
    expect(memberId).not.toBe(old);
    expect(driver.group.state).toBe('Stable');
    expect(driver.sync(memberId, {}, { instanceId: 'i' }).result?.assignment).toEqual(text(`to ${old}`));
    expect(driver.heartbeat(old, generation, 'i')).toBe(KafkaError.FENCED_INSTANCE_ID);
    expect(driver.join(old, { instanceId: 'i' }).result?.errorCode).toBe(KafkaError.FENCED_INSTANCE_ID);
    expect(driver.group.commitRefusal({ memberId: old, instanceId: 'i' }, generation)).toBe(
      KafkaError.FENCED_INSTANCE_ID,
    );
    expect(driver.heartbeat(old)).toBe(KafkaError.UNKNOWN_MEMBER_ID);
    expect(driver.group.leave({ memberId: '', instanceId: 'i' }, 0)).toBe(KafkaError.NONE);
    expect(driver.group.leave({ memberId: '', instanceId: 'i' }, 0)).toBe(KafkaError.UNKNOWN_MEMBER_ID);
  });

  test('a static leader that comes back is told to skip the assignment, or not told that it leads', () => {
    const driver = new Driver();
    const [leader] = driver.stable({ instanceId: 'i' }, {}) as [string, string];
    const oldClient = driver.join('', { instanceId: 'i' }).result!;
    expect(oldClient).toMatchObject({ leader, skipAssignment: false, members: [] });
    const newClient = driver.join('', { instanceId: 'i', knowsSkipAssignment: true }).result!;
    expect(newClient).toMatchObject({ leader: newClient.memberId, skipAssignment: true });
    expect(newClient.members).toHaveLength(2);
  });

  test('a static member that is away is kept through a rebalance until its session ends', () => {
    const driver = new Driver();
    const [away, here] = driver.stable({ instanceId: 'i', sessionTimeoutMs: 60_000 }, {}) as [string, string];
    const rejoin = driver.join(here, { protocols: [{ name: 'range', metadata: text('new') }] });
    driver.advance(REBALANCE);
    expect(rejoin.result).toMatchObject({ errorCode: 0, leader: here });
    expect(rejoin.result?.members.map(({ memberId }) => memberId)).toEqual([away, here]);
    driver.sync(here, { [away]: 'kept', [here]: 'mine' });
    for (let i = 0; i < 7; i++) {
      driver.advance(5_000);
      driver.heartbeat(here);
    }
    expect(driver.group.members.has(away)).toBe(true);
    for (let i = 0; i < 2; i++) {
      driver.advance(5_000);
      driver.heartbeat(here);
    }
    expect(driver.group.members.has(away)).toBe(false);
  });

  test('a static member that joins again while its first request waits: the first is fenced', () => {
    const driver = new Driver();
    const [one] = driver.stable({}) as [string];
    const first = driver.join('', { instanceId: 'i' });
    const second = driver.join('', { instanceId: 'i' });
    expect(first.result?.errorCode).toBe(KafkaError.FENCED_INSTANCE_ID);
    driver.join(one);
    expect(second.result).toMatchObject({ errorCode: 0, generationId: 2 });
    expect(driver.group.members.size).toBe(2);
  });

  test('a client that is gone while it waits is silent from then on', () => {
    const driver = new Driver();
    const [one] = driver.stable({}) as [string];
    let abandoned: JoinResult | null = null;
    const respond = (result: JoinResult) => {
      abandoned = result;
    };
    const request = { memberId: '', instanceId: null, clientId: 'gone', clientHost: '', sessionTimeoutMs: SESSION };
    const rest = { rebalanceTimeoutMs: REBALANCE, memberIdRequired: false, knowsSkipAssignment: false };
    const protocols = [{ name: 'range', metadata: text('m') }];
    driver.group.join({ ...request, ...rest, protocolType: 'consumer', protocols }, 0, respond);
    driver.group.abandon(respond, 0);
    const waiting = driver.join(one);
    driver.advance(SESSION - 1);
    expect(waiting.result).toBeNull();
    driver.advance(1);
    expect(waiting.result).toMatchObject({ errorCode: 0, generationId: 2 });
    expect(abandoned).toBeNull();
  });

  test('who waits for the end of a rebalance is not lost meanwhile', () => {
    const driver = new Driver();
    const [one, two] = driver.stable({}, {}) as [string, string];
    const waiting = driver.join(two, { protocols: [{ name: 'range', metadata: text('new') }] });
    // A heartbeat thread goes on beside the request that waits, for a while.
    expect(driver.heartbeat(two)).toBe(KafkaError.REBALANCE_IN_PROGRESS);
    for (let i = 0; i < 4; i++) {
      driver.advance(SESSION / 2 - 1);
      expect(driver.heartbeat(one)).toBe(KafkaError.REBALANCE_IN_PROGRESS);
    }
    expect(driver.group.members.has(two)).toBe(true);
    driver.join(one);
    expect(waiting.result?.errorCode).toBe(KafkaError.NONE);
  });

  test('who waits is answered when it is removed, or asks again on another connection', () => {
    const driver = new Driver();
    const [one, two] = driver.stable({}, {}) as [string, string];
    const changed = { protocols: [{ name: 'range', metadata: text('new') }] };
    const first = driver.join(two, changed);
    const second = driver.join(two, changed);
    expect(first.result?.errorCode).toBe(KafkaError.REBALANCE_IN_PROGRESS);
    driver.group.leave({ memberId: two, instanceId: null }, driver.now);
    expect(second.result?.errorCode).toBe(KafkaError.UNKNOWN_MEMBER_ID);
    driver.join(one);
    const three = driver.join('');
    driver.join(one);
    const { memberId } = three.result!;
    const syncs = [driver.sync(memberId), driver.sync(memberId)];
    expect(syncs[0]!.result?.errorCode).toBe(KafkaError.REBALANCE_IN_PROGRESS);
    driver.group.leave({ memberId, instanceId: null }, driver.now);
    expect(syncs[1]!.result?.errorCode).toBe(KafkaError.UNKNOWN_MEMBER_ID);
  });

  test('commits: members of this generation, outsiders only when nobody is there', () => {
    const driver = new Driver();
    const refusal = (memberId: string, generationId: number) =>
      driver.group.commitRefusal({ memberId, instanceId: null }, generationId);
    expect(refusal('', -1)).toBeNull();
    const [one, two] = driver.stable({}, {}) as [string, string];
    expect(refusal(one, 2)).toBeNull();
    expect(refusal(one, 1)).toBe(KafkaError.ILLEGAL_GENERATION);
    expect(refusal('x', 2)).toBe(KafkaError.UNKNOWN_MEMBER_ID);
    expect(refusal('', -1)).toBe(KafkaError.UNKNOWN_MEMBER_ID);
    expect(refusal(one, -1)).toBe(KafkaError.ILLEGAL_GENERATION);
    driver.join(two, { protocols: [{ name: 'range', metadata: text('new') }] });
    expect(refusal(one, 2)).toBeNull();
    driver.join(one);
    expect(refusal(one, 2)).toBe(KafkaError.ILLEGAL_GENERATION);
    expect(refusal(one, 3)).toBe(KafkaError.REBALANCE_IN_PROGRESS);
  });

  test('a group has a largest size; a static member that comes back is not one more', () => {
    const driver = new Driver({ maxMembers: 2 });
    driver.stable({ instanceId: 'i' }, {});
    expect(driver.join('').result?.errorCode).toBe(KafkaError.GROUP_MAX_SIZE_REACHED);
    expect(driver.join('', { instanceId: 'i' }).result?.errorCode).toBe(KafkaError.NONE);
  });
});
