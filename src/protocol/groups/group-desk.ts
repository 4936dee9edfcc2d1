/** The groups of the listener for those who look after them. */
import type { GroupMembership } from '../../contracts/operations.ts';
import type { Clock } from '../../contracts/plugin.ts';
import type { GroupCoordinator } from './coordinator.ts';
import type { GroupOffsets } from './offsets.ts';

export function groupDesk(
  groups: GroupCoordinator,
  offsets: GroupOffsets,
  clock: Clock,
  forgetTopic: (topic: string) => Promise<void>,
): GroupMembership {
  return {
    forgetTopic,
    names: () => groups.groupIds(),
    get(name) {
      const group = groups.get(name);
      if (group === undefined) return undefined;
      const members = [...group.members.values()].map(({ id, clientId, clientHost }) => ({
        id,
        clientId,
        host: clientHost,
      }));
      return { state: group.state, members };
    },
    setOffsets(name, wanted) {
      if ((groups.get(name)?.members.size ?? 0) > 0) return null;
      const commits = wanted.map(({ offset, ...place }) => ({
        place,
        committed: { offset, leaderEpoch: -1, metadata: '' },
      }));
      // Begun in this turn: OffsetFetch of who joins now waits for it.
      return offsets.commit(name, commits, clock.now());
    },
  };
}
