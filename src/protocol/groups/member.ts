/** One member of a consumer group. */
import type { KafkaErrorCode } from '../../wire/messages/error-codes.ts';

/** An assignment protocol that a member offers; the metadata is the client's own (topics it wants). */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

export interface JoinRequest {
  /** Empty: not a member yet. */
  readonly memberId: string;
  /** Names a static member (KIP-345): it keeps its place when it restarts. */
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  /** In order of preference. */
  readonly protocols: readonly MemberProtocol[];
  /** A new dynamic member is given its id first and joins with it (KIP-394). */
  readonly memberIdRequired: boolean;
  /** The client knows that a leader may be told to keep the assignment (KIP-814). */
  readonly knowsSkipAssignment: boolean;
}

export interface JoinResult {
  readonly errorCode: KafkaErrorCode;
  readonly memberId: string;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leader: string;
  readonly skipAssignment: boolean;
  /** For the leader: everyone's metadata for the chosen protocol. Else empty. */
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly metadata: Uint8Array;
  }[];
}

/** Who speaks, as in SyncGroup, Heartbeat and OffsetCommit. */
export interface MemberIdentity {
  readonly memberId: string;
  readonly instanceId: string | null;
}

export interface SyncRequest extends MemberIdentity {
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[];
}

export interface SyncResult {
  readonly errorCode: KafkaErrorCode;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Uint8Array;
}

export type Respond<Result> = (result: Result) => void;

export const NO_ASSIGNMENT = new Uint8Array(0);

export interface Member {
  id: string;
  readonly instanceId: string | null;
  clientId: string;
  clientHost: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocols: readonly MemberProtocol[];
  assignment: Uint8Array;
  /** Waits for the rebalance to end. */
  join: Respond<JoinResult> | null;
  /** Waits for the leader's assignment. */
  sync: Respond<SyncResult> | null;
  /** Has never been in a generation. */
  isNew: boolean;
  /** Has asked for its assignment in this generation. */
  synced: boolean;
  /** Removed when nothing is heard until then, ms on the monotonic clock. Null while it waits for us. */
  deadline: number | null;
}

export function newMember(id: string, request: JoinRequest, deadline: number): Member {
  return {
    id,
    instanceId: request.instanceId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    sessionTimeoutMs: request.sessionTimeoutMs,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    protocols: request.protocols,
    assignment: NO_ASSIGNMENT,
    join: null,
    sync: null,
    isNew: true,
    synced: false,
    deadline,
  };
}

export function metadataOf(member: Member, protocol: string | null): Uint8Array {
  return member.protocols.find(({ name }) => name === protocol)?.metadata ?? NO_ASSIGNMENT;
}

/** Whether the member offers exactly these protocols with exactly this metadata. */
export function offersSame(member: Member, protocols: readonly MemberProtocol[]): boolean {
  return (
    member.protocols.length === protocols.length &&
    member.protocols.every(({ name, metadata }, at) => {
      const other = protocols[at]!;
      return name === other.name && Buffer.compare(metadata, other.metadata) === 0;
    })
  );
}

/** Bytes that a member's request makes us keep. */
export function keptBytes(protocols: readonly MemberProtocol[]): number {
  return protocols.reduce((sum, { name, metadata }) => sum + name.length + metadata.length, 0);
}

/** The protocol that all members offer and most prefer; null when there is none in common. */
export function chooseProtocol(members: readonly Member[]): string | null {
  const [first] = members;
  if (first === undefined) return null;
  const offeredByAll = (name: string) =>
    members.every(({ protocols }) => protocols.some((protocol) => protocol.name === name));
  const candidates = first.protocols.map(({ name }) => name).filter(offeredByAll);
  const votes = new Map(candidates.map((name) => [name, 0]));
  for (const { protocols } of members) {
    const vote = protocols.find(({ name }) => votes.has(name));
    if (vote !== undefined) votes.set(vote.name, votes.get(vote.name)! + 1);
  }
  let chosen: string | null = null;
  for (const [name, count] of votes) if (chosen === null || count > votes.get(chosen)!) chosen = name;
  return chosen;
}

export function refusedJoin(errorCode: KafkaErrorCode, memberId: string): JoinResult {
  return {
    errorCode,
    memberId,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    members: [],
  };
}

export function refusedSync(errorCode: KafkaErrorCode): SyncResult {
  return { errorCode, protocolType: null, protocolName: null, assignment: NO_ASSIGNMENT };
}
