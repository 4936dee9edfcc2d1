/**
 * The members of one consumer group and their rebalances, as Kafka's classic protocol has them. Synchronous: time comes in
 * with each call, answers go out through callbacks, `deadline` says when `expire` is due. Nothing here is durable; after a
 * restart members find themselves unknown and join again.
 *
 *     Empty ──join──▶ PreparingRebalance ──all joined, or time over──▶ CompletingRebalance ──leader's sync──▶ Stable
 *       ▲                 │    ▲                                          │                                  │
 *       └──nobody left────┘    └────────join, leave, member lost──────────┴──────────────────────────────────┘
 *
 * PreparingRebalance collects JoinGroup requests and answers them all at its end: that is a generation. Its leader computes
 * the assignment and sends it with SyncGroup; the others' SyncGroup requests wait for it in CompletingRebalance.
 * https://cwiki.apache.org/confluence/display/KAFKA/Kafka+Client-side+Assignment+Proposal, KIP-62, 134, 345, 394, 814
 */
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import {
  chooseProtocol,
  type JoinRequest,
  type JoinResult,
  type Member,
  type MemberIdentity,
  metadataOf,
  NO_ASSIGNMENT,
  newMember,
  offersSame,
  type Respond,
  refusedJoin,
  refusedSync,
  type SyncRequest,
  type SyncResult,
} from './member.ts';
import { Membership, touch } from './membership.ts';

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable';

export interface GroupOptions {
  readonly maxMembers: number;
  /** How long the first members of an empty group wait for others, ms: `group.initial.rebalance.delay.ms`. */
  readonly initialDelayMs: number;
  readonly newMemberId: (prefix: string) => string;
}

/** A new member that waits in its first rebalance is not lost before this, ms. */
const NEW_MEMBER_TIMEOUT_MS = 300_000;

export class Group {
  state: GroupState = 'Empty';
  generationId = 0;
  protocolName: string | null = null;
  readonly #options: GroupOptions;
  readonly #members = new Membership();
  /** End of PreparingRebalance. */
  #joinDeadline = 0;
  /** While a group that was empty waits for more members: what may still be added to the wait. Null otherwise. */
  #initialWaitLeft: number | null = null;
  #memberAdded = false;
  /** By then every member must have sent SyncGroup. Null when all have. */
  #syncDeadline: number | null = null;

  constructor(options: GroupOptions) {
    this.#options = options;
  }

  get members(): ReadonlyMap<string, Member> {
    return this.#members.byId;
  }

  get leaderId(): string | null {
    return this.#members.leaderId;
  }

  get protocolType(): string | null {
    return this.#members.protocolType;
  }

  join(request: JoinRequest, now: number, respond: Respond<JoinResult>): void {
    const errorCode = this.#members.joinRefusal(request, this.#options.maxMembers);
    if (errorCode !== null) respond(refusedJoin(errorCode, request.memberId));
    else if (request.memberId === '') this.#joinAsNew(request, now, respond);
    else if (this.#members.promised.has(request.memberId)) this.#add(request.memberId, request, now, respond);
    else this.#rejoin(this.#members.byId.get(request.memberId)!, request, now, respond);
  }

  sync(request: SyncRequest, now: number, respond: Respond<SyncResult>): void {
    const errorCode = this.#syncRefusal(request);
    if (errorCode !== null) {
      respond(refusedSync(errorCode));
      return;
    }
    const member = this.#members.byId.get(request.memberId)!;
    member.synced = true;
    touch(member, now);
    if (this.state === 'Stable') {
      this.#answerSync(member, respond);
    } else {
      member.sync?.(refusedSync(KafkaError.REBALANCE_IN_PROGRESS));
      member.sync = respond;
      member.deadline = null;
      if (member.id === this.leaderId) this.#assign(request.assignments, now);
    }
    if (this.#members.all().every(({ synced }) => synced)) this.#syncDeadline = null;
  }

  heartbeat(identity: MemberIdentity, generationId: number, now: number): KafkaErrorCode {
    const errorCode = this.#members.refusal(identity) ?? this.#generationRefusal(generationId);
    if (errorCode !== null) return errorCode;
    touch(this.#members.byId.get(identity.memberId)!, now);
    return this.state === 'PreparingRebalance' ? KafkaError.REBALANCE_IN_PROGRESS : KafkaError.NONE;
  }

  /** A static member may be named by its instance alone. */
  leave({ memberId, instanceId }: MemberIdentity, now: number): KafkaErrorCode {
    if (this.#members.promised.delete(memberId)) {
      this.#completeJoinIfAllThere(now);
      return KafkaError.NONE;
    }
    const known = memberId === '' && instanceId !== null ? (this.#members.ofInstance(instanceId)?.id ?? '') : memberId;
    const errorCode = this.#members.refusal({ memberId: known, instanceId });
    if (errorCode !== null) return errorCode;
    this.#remove(this.#members.byId.get(known)!, now);
    return KafkaError.NONE;
  }

  /**
   * Why the member, or for no member an outsider, may not commit offsets now; null: it may.
   * @param transactional as part of a transaction, which is fenced by its producer too
   */
  commitRefusal(identity: MemberIdentity, generationId: number, transactional = false): KafkaErrorCode | null {
    const outsider = generationId < 0 && identity.memberId === '' && identity.instanceId === null;
    if (this.state === 'Empty' && generationId < 0) return null;
    if (outsider) return transactional ? null : KafkaError.UNKNOWN_MEMBER_ID;
    const errorCode = this.#members.refusal(identity) ?? this.#generationRefusal(generationId);
    if (errorCode !== null) return errorCode;
    // Its partitions may be another's in a moment.
    return this.state === 'CompletingRebalance' && !transactional ? KafkaError.REBALANCE_IN_PROGRESS : null;
  }

  /** A commit is a sign of life. */
  touch(memberId: string, now: number): void {
    const member = this.#members.byId.get(memberId);
    if (member !== undefined) touch(member, now);
  }

  /** The client of a waiting JoinGroup or SyncGroup is gone: it counts as silent from now on. */
  abandon(respond: Respond<never>, now: number): void {
    for (const member of this.#members.all()) {
      if (member.join !== respond && member.sync !== respond) continue;
      if (member.join === respond) member.join = null;
      else member.sync = null;
      touch(member, now);
    }
  }

  /** When `expire` is due next; null: never. */
  get deadline(): number | null {
    const deadlines = [...this.#members.promised.values()];
    for (const { deadline } of this.#members.all()) if (deadline !== null) deadlines.push(deadline);
    if (this.state === 'PreparingRebalance') deadlines.push(this.#joinDeadline);
    if (this.#syncDeadline !== null) deadlines.push(this.#syncDeadline);
    return deadlines.length === 0 ? null : Math.min(...deadlines);
  }

  expire(now: number): void {
    for (const [memberId, deadline] of this.#members.promised)
      if (deadline <= now) this.#members.promised.delete(memberId);
    for (const member of this.#members.all()) {
      if (member.deadline !== null && member.deadline <= now) this.#remove(member, now);
    }
    if (this.#syncDeadline !== null && this.#syncDeadline <= now) {
      this.#syncDeadline = null;
      for (const member of this.#members.all()) if (!member.synced) this.#remove(member, now);
    }
    if (this.state !== 'PreparingRebalance') return;
    if (this.#joinDeadline <= now) this.#joinTimeOver(now);
    else this.#completeJoinIfAllThere(now);
  }

  #generationRefusal(generationId: number): KafkaErrorCode | null {
    return generationId === this.generationId ? null : KafkaError.ILLEGAL_GENERATION;
  }

  #syncRefusal(request: SyncRequest): KafkaErrorCode | null {
    const errorCode = this.#members.refusal(request) ?? this.#generationRefusal(request.generationId);
    if (errorCode !== null) return errorCode;
    const { protocolType, protocolName } = request;
    if (
      (protocolType !== null && protocolType !== this.protocolType) ||
      (protocolName !== null && protocolName !== this.protocolName)
    ) {
      return KafkaError.INCONSISTENT_GROUP_PROTOCOL;
    }
    return this.state === 'PreparingRebalance' ? KafkaError.REBALANCE_IN_PROGRESS : null;
  }

  #joinAsNew(request: JoinRequest, now: number, respond: Respond<JoinResult>): void {
    const { instanceId, clientId, sessionTimeoutMs } = request;
    const current = instanceId === null ? undefined : this.#members.ofInstance(instanceId);
    if (current !== undefined) {
      this.#replace(current, request, now, respond);
      return;
    }
    const memberId = this.#options.newMemberId(instanceId ?? clientId);
    if (instanceId !== null || !request.memberIdRequired) {
      this.#add(memberId, request, now, respond);
      return;
    }
    this.#members.promised.set(memberId, now + sessionTimeoutMs);
    respond(refusedJoin(KafkaError.MEMBER_ID_REQUIRED, memberId));
  }

  #add(memberId: string, request: JoinRequest, now: number, respond: Respond<JoinResult>): void {
    this.#members.promised.delete(memberId);
    const member = newMember(memberId, request, now + NEW_MEMBER_TIMEOUT_MS);
    this.#members.add(member, request.protocolType);
    this.#memberAdded = true;
    member.join = respond;
    this.#rebalance(now);
  }

  #rejoin(member: Member, request: JoinRequest, now: number, respond: Respond<JoinResult>): void {
    const isLeader = member.id === this.leaderId;
    const same = offersSame(member, request.protocols);
    // It missed the answer of this generation; in a stable group a leader that comes back wants another assignment.
    if (same && (this.state === 'CompletingRebalance' || (this.state === 'Stable' && !isLeader))) {
      touch(member, now);
      respond(this.#joinResult(member, isLeader));
      return;
    }
    this.#update(member, request, respond);
    this.#rebalance(now);
  }

  #update(member: Member, request: JoinRequest, respond: Respond<JoinResult>): void {
    // An earlier request of the same member: its connection is another one.
    member.join?.(refusedJoin(KafkaError.REBALANCE_IN_PROGRESS, member.id));
    member.join = respond;
    if (!member.isNew) member.deadline = null;
    member.protocols = request.protocols;
    member.sessionTimeoutMs = request.sessionTimeoutMs;
    member.rebalanceTimeoutMs = request.rebalanceTimeoutMs;
    member.clientId = request.clientId;
    member.clientHost = request.clientHost;
  }

  /** A static member came back without its member id: it takes its own place over, and the old id is fenced. */
  #replace(member: Member, request: JoinRequest, now: number, respond: Respond<JoinResult>): void {
    const oldId = member.id;
    const oldLeader = this.leaderId;
    member.join?.(refusedJoin(KafkaError.FENCED_INSTANCE_ID, oldId));
    member.sync?.(refusedSync(KafkaError.FENCED_INSTANCE_ID));
    member.join = null;
    member.sync = null;
    this.#members.rename(member, this.#options.newMemberId(member.instanceId!));
    this.#update(member, request, respond);
    if (this.state !== 'Stable' || chooseProtocol(this.#members.all()) !== this.protocolName) {
      this.#rebalance(now);
      return;
    }
    member.join = null;
    touch(member, now);
    const isLeader = member.id === this.leaderId;
    const skipAssignment = isLeader && request.knowsSkipAssignment;
    // A leader that cannot skip the assignment must not think that it leads: nobody would take its assignment.
    const leader = skipAssignment || !isLeader ? this.leaderId! : oldLeader!;
    respond({ ...this.#joinResult(member, skipAssignment), leader, skipAssignment });
  }

  #remove(member: Member, now: number): void {
    member.join?.(refusedJoin(KafkaError.UNKNOWN_MEMBER_ID, member.id));
    member.sync?.(refusedSync(KafkaError.UNKNOWN_MEMBER_ID));
    this.#members.remove(member);
    this.#rebalance(now);
  }

  /** Begins a rebalance, or goes on with the one that is under way. */
  #rebalance(now: number): void {
    if (this.state !== 'PreparingRebalance') this.#prepareRebalance(now);
    this.#completeJoinIfAllThere(now);
  }

  #prepareRebalance(now: number): void {
    for (const member of this.#members.all()) {
      member.synced = false;
      if (this.state === 'CompletingRebalance') member.assignment = NO_ASSIGNMENT;
      if (member.sync === null) continue;
      member.sync(refusedSync(KafkaError.REBALANCE_IN_PROGRESS));
      member.sync = null;
      touch(member, now);
    }
    this.#syncDeadline = null;
    const longest = this.#members.longestRebalanceMs();
    const initial = this.state === 'Empty' ? this.#options.initialDelayMs : 0;
    this.#initialWaitLeft = initial > 0 ? Math.max(0, longest - initial) : null;
    this.#memberAdded = false;
    this.#joinDeadline = now + (initial > 0 ? initial : longest);
    this.state = 'PreparingRebalance';
  }

  #completeJoinIfAllThere(now: number): void {
    if (this.state !== 'PreparingRebalance' || this.#members.promised.size > 0) return;
    if (this.#initialWaitLeft !== null && this.#members.size > 0) return;
    if (this.#members.all().every(({ join }) => join !== null)) this.#completeJoin(now);
  }

  #joinTimeOver(now: number): void {
    const left = this.#initialWaitLeft;
    if (left !== null && left > 0 && this.#memberAdded) {
      const more = Math.min(this.#options.initialDelayMs, left);
      this.#memberAdded = false;
      this.#initialWaitLeft = left - more;
      this.#joinDeadline = now + more;
      return;
    }
    this.#completeJoin(now);
  }

  #completeJoin(now: number): void {
    this.#initialWaitLeft = null;
    for (const member of this.#members.all()) {
      // A static member keeps its place while it is away, until its session ends.
      if (member.join === null && member.instanceId === null) this.#members.remove(member);
    }
    const members = this.#members.all();
    if (members.length > 0 && !this.#members.electLeader()) {
      this.#joinDeadline = now + this.#members.longestRebalanceMs();
      return;
    }
    this.generationId++;
    this.protocolName = chooseProtocol(members);
    if (members.length === 0) {
      this.state = 'Empty';
      return;
    }
    this.state = 'CompletingRebalance';
    this.#syncDeadline = now + this.#members.longestRebalanceMs();
    for (const member of members) {
      const { join } = member;
      // A static member that is away is not waited for.
      member.synced = join === null;
      member.isNew = false;
      member.join = null;
      if (join === null) continue;
      touch(member, now);
      join(this.#joinResult(member, member.id === this.leaderId));
    }
  }

  #assign(assignments: SyncRequest['assignments'], now: number): void {
    const byMember = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]));
    this.state = 'Stable';
    for (const member of this.#members.all()) {
      member.assignment = byMember.get(member.id) ?? NO_ASSIGNMENT;
      const { sync } = member;
      if (sync === null) continue;
      member.sync = null;
      touch(member, now);
      this.#answerSync(member, sync);
    }
  }

  #answerSync({ assignment }: Member, respond: Respond<SyncResult>): void {
    const { protocolType, protocolName } = this;
    respond({ errorCode: KafkaError.NONE, protocolType, protocolName, assignment });
  }

  #joinResult(member: Member, withMembers: boolean): JoinResult {
    const { generationId, protocolType, protocolName } = this;
    const members = withMembers ? this.#members.all() : [];
    return {
      errorCode: KafkaError.NONE,
      memberId: member.id,
      generationId,
      protocolType,
      protocolName,
      leader: this.leaderId!,
      skipAssignment: false,
      members: members.map((each) => {
        return { memberId: each.id, groupInstanceId: each.instanceId, metadata: metadataOf(each, protocolName) };
      }),
    };
  }
}
