/** Who is in a consumer group: members by id, static members by instance, ids that are given out, and the leader. */
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import type { JoinRequest, Member, MemberIdentity } from './member.ts';

export class Membership {
  readonly byId = new Map<string, Member>();
  /** Member ids given out, not yet joined with; when they lapse. */
  readonly promised = new Map<string, number>();
  leaderId: string | null = null;
  /** Of the members that are there; the last one's while there are none. */
  protocolType: string | null = null;
  readonly #instances = new Map<string, string>();

  get size(): number {
    return this.byId.size;
  }

  /** A copy: members may leave while it is walked. */
  all(): Member[] {
    return [...this.byId.values()];
  }

  ofInstance(instanceId: string): Member | undefined {
    const id = this.#instances.get(instanceId);
    return id === undefined ? undefined : this.byId.get(id);
  }

  /** The first member leads. */
  add(member: Member, protocolType: string): void {
    if (this.size === 0) this.protocolType = protocolType;
    this.byId.set(member.id, member);
    if (member.instanceId !== null) this.#instances.set(member.instanceId, member.id);
    this.leaderId ??= member.id;
  }

  remove(member: Member): void {
    this.byId.delete(member.id);
    if (member.instanceId !== null) this.#instances.delete(member.instanceId);
    if (this.leaderId === member.id) this.leaderId = this.byId.keys().next().value ?? null;
  }

  /** A static member goes on under another id; whoever uses the old one is fenced. */
  rename(member: Member, id: string): void {
    const led = this.leaderId === member.id;
    this.byId.delete(member.id);
    member.id = id;
    this.byId.set(id, member);
    this.#instances.set(member.instanceId!, id);
    if (led) this.leaderId = id;
  }

  /** The leader must be waiting for the rebalance to end. False: nobody is. */
  electLeader(): boolean {
    const present = this.all().filter(({ join }) => join !== null);
    if (!present.some(({ id }) => id === this.leaderId)) this.leaderId = present[0]?.id ?? this.leaderId;
    return present.length > 0;
  }

  /** Why the speaker is no member; null: it is one. */
  refusal({ memberId, instanceId }: MemberIdentity): KafkaErrorCode | null {
    if (instanceId !== null) {
      const current = this.#instances.get(instanceId);
      if (current === undefined) return KafkaError.UNKNOWN_MEMBER_ID;
      if (current !== memberId) return KafkaError.FENCED_INSTANCE_ID;
    }
    return this.byId.has(memberId) ? null : KafkaError.UNKNOWN_MEMBER_ID;
  }

  /** Why the request cannot join; null: it can. */
  joinRefusal(
    { memberId, instanceId, protocolType, protocols }: JoinRequest,
    maxMembers: number,
  ): KafkaErrorCode | null {
    const promised = this.promised.has(memberId);
    const isNew = memberId === '' || promised;
    if (promised && instanceId !== null) return KafkaError.UNKNOWN_MEMBER_ID;
    const replaces = memberId === '' && instanceId !== null && this.#instances.has(instanceId);
    if (isNew && !replaces && this.size >= maxMembers) return KafkaError.GROUP_MAX_SIZE_REACHED;
    const refusal = isNew ? null : this.refusal({ memberId, instanceId });
    if (refusal !== null) return refusal;
    if (this.size === 0) return null;
    const others = this.all().filter(({ id }) => id !== memberId);
    const common = protocols.some(({ name }) =>
      others.every((other) => other.protocols.some((protocol) => protocol.name === name)),
    );
    return protocolType === this.protocolType && common ? null : KafkaError.INCONSISTENT_GROUP_PROTOCOL;
  }

  longestRebalanceMs(): number {
    return this.all().reduce((longest, { rebalanceTimeoutMs }) => Math.max(longest, rebalanceTimeoutMs), 0);
  }
}

/** A sign of life. While a member waits for us there is nothing to hear from it. */
export function touch(member: Member, now: number): void {
  if (member.join === null && member.sync === null) member.deadline = now + member.sessionTimeoutMs;
}
