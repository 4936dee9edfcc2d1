/** All consumer groups of the node: finds them, runs their timers, and answers what they refuse. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../contracts/plugin.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import { Group } from './group.ts';
import {
  type JoinRequest,
  type JoinResult,
  keptBytes,
  type MemberIdentity,
  type Respond,
  refusedJoin,
  refusedSync,
  type SyncRequest,
  type SyncResult,
} from './member.ts';

export interface GroupLimits {
  /** Session timeouts that members may ask for, ms. */
  readonly minSessionMs: number;
  readonly maxSessionMs: number;
  /** How long the first members of an empty group wait for others, ms. */
  readonly initialDelayMs: number;
  readonly maxMembers: number;
  readonly maxGroups: number;
  /** What the members of all groups make us keep, in bytes. */
  readonly maxBytes: number;
}

export const DEFAULT_GROUP_LIMITS: GroupLimits = {
  minSessionMs: 6_000,
  maxSessionMs: 1_800_000,
  initialDelayMs: 1_000,
  maxMembers: 1_000,
  maxGroups: 10_000,
  maxBytes: 32 << 20,
};

/** A group that is empty is remembered for this long, ms. */
const EMPTY_MS = 600_000;

interface Entry {
  readonly group: Group;
  /** `forgets`: it was set because the group was empty, with nothing else to wait for. */
  timer: { readonly at: number; readonly forgets: boolean; readonly stop: AbortController } | null;
}

export class GroupCoordinator {
  readonly #clock: Clock;
  readonly #limits: GroupLimits;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, limits: GroupLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Resolves when the rebalance ends. The signal aborts when the client is gone. */
  async join(groupId: string, request: JoinRequest, signal: AbortSignal): Promise<JoinResult> {
    const entry = this.#entryFor(groupId, request);
    if (typeof entry === 'number') return refusedJoin(entry, request.memberId);
    return this.#waiting<JoinResult>(groupId, entry, signal, (now, respond) => entry.group.join(request, now, respond));
  }

  /** Resolves when the leader has sent the assignment. */
  async sync(groupId: string, request: SyncRequest, signal: AbortSignal): Promise<SyncResult> {
    const entry = this.#entries.get(groupId);
    if (entry === undefined) return refusedSync(KafkaError.UNKNOWN_MEMBER_ID);
    return this.#waiting<SyncResult>(groupId, entry, signal, (now, respond) => entry.group.sync(request, now, respond));
  }

  heartbeat(groupId: string, identity: MemberIdentity, generationId: number): KafkaErrorCode {
    const group = this.#entries.get(groupId)?.group;
    return group?.heartbeat(identity, generationId, this.#now) ?? KafkaError.UNKNOWN_MEMBER_ID;
  }

  leave(groupId: string, identity: MemberIdentity): KafkaErrorCode {
    const entry = this.#entries.get(groupId);
    if (entry === undefined) return KafkaError.UNKNOWN_MEMBER_ID;
    const errorCode = entry.group.leave(identity, this.#now);
    this.#arm(groupId, entry);
    return errorCode;
  }

  /** Why the member, or outsider, may not commit offsets now; null: it may. */
  commitRefusal(
    groupId: string,
    identity: MemberIdentity,
    generationId: number,
    transactional = false,
  ): KafkaErrorCode | null {
    const group = this.#entries.get(groupId)?.group;
    if (group === undefined) return generationId < 0 ? null : KafkaError.ILLEGAL_GENERATION;
    const refusal = group.commitRefusal(identity, generationId, transactional);
    if (refusal === null) group.touch(identity.memberId, this.#now);
    return refusal;
  }

  get(groupId: string): Group | undefined {
    return this.#entries.get(groupId)?.group;
  }

  groupIds(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** Forgets a group without members. */
  forget(groupId: string): void {
    const entry = this.#entries.get(groupId);
    if (entry === undefined) return;
    entry.timer?.stop.abort();
    this.#entries.delete(groupId);
  }

  /** Stops all timers. */
  close(): void {
    for (const { timer } of this.#entries.values()) timer?.stop.abort();
  }

  get #now(): number {
    return this.#clock.monotonic();
  }

  #entryFor(groupId: string, request: JoinRequest): Entry | KafkaErrorCode {
    const { minSessionMs, maxSessionMs, maxGroups, maxBytes } = this.#limits;
    const { memberId, sessionTimeoutMs, protocolType, protocols } = request;
    if (sessionTimeoutMs < minSessionMs || sessionTimeoutMs > maxSessionMs) return KafkaError.INVALID_SESSION_TIMEOUT;
    if (protocolType === '' || protocols.length === 0) return KafkaError.INCONSISTENT_GROUP_PROTOCOL;
    if (this.#keptBytes() + keptBytes(protocols) > maxBytes) return KafkaError.GROUP_MAX_SIZE_REACHED;
    const known = this.#entries.get(groupId);
    if (known !== undefined) return known;
    if (memberId !== '') return KafkaError.UNKNOWN_MEMBER_ID;
    if (this.#entries.size >= maxGroups) return KafkaError.COORDINATOR_NOT_AVAILABLE;
    const entry: Entry = { group: this.#newGroup(), timer: null };
    this.#entries.set(groupId, entry);
    return entry;
  }

  #newGroup(): Group {
    const { maxMembers, initialDelayMs } = this.#limits;
    return new Group({ maxMembers, initialDelayMs, newMemberId: (prefix) => `${prefix}-${randomUUID()}` });
  }

  #keptBytes(): number {
    let bytes = 0;
    for (const { group } of this.#entries.values()) {
      for (const { protocols, assignment } of group.members.values()) bytes += keptBytes(protocols) + assignment.length;
    }
    return bytes;
  }

  #waiting<Result>(
    groupId: string,
    entry: Entry,
    signal: AbortSignal,
    ask: (now: number, respond: Respond<Result>) => void,
  ): Promise<Result> {
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const respond = (result: Result) => {
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      };
      const onAbort = () => {
        entry.group.abandon(respond, this.#now);
        this.#arm(groupId, entry);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      ask(this.#now, respond);
      this.#arm(groupId, entry);
    });
  }

  /** Sees to it that the group is looked at when its deadline comes; a timer that is early just looks again. */
  #arm(groupId: string, entry: Entry): void {
    const { group, timer } = entry;
    const { deadline } = group;
    const at = deadline ?? this.#now + EMPTY_MS;
    if (timer !== null && timer.at <= at) return;
    timer?.stop.abort();
    const stop = new AbortController();
    const forgets = deadline === null;
    entry.timer = { at, forgets, stop };
    this.#clock.sleep(Math.max(0, at - this.#now), stop.signal).then(
      () => {
        entry.timer = null;
        group.expire(this.#now);
        if (forgets && group.deadline === null && group.state === 'Empty') this.#entries.delete(groupId);
        else this.#arm(groupId, entry);
      },
      () => {},
    );
  }
}
