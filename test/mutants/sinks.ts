/** Mutants of the sinks and of what they share. */
import type { Mutant } from './mutant.ts';

const REDIS = 'connectors/redis/redis.test.ts';
const REDIS_FAULTS = 'connectors/redis/faults.test.ts';
const REDIS_FORMS = 'connectors/redis/forms.test.ts';
const REDIS_FAILOVER = 'connectors/redis/failover.test.ts';
const ELASTICSEARCH = 'connectors/elasticsearch/sink.test.ts';
const OPENSEARCH = 'connectors/elasticsearch/opensearch.test.ts';

export const sinkMutants: readonly Mutant[] = [
  {
    // What the new target has deleted is not remembered in its place.
    invariant: 7,
    file: 'connectors/mysql/sink-rebuild.ts',
    find: 'await query(connection, `UPDATE ${table} SET table_name = ? WHERE table_name = ?`, [name, shadow]);',
    replace: '',
    test: ['connectors/mysql/sink.test.ts', 'built beside itself'],
  },
  {
    // Half a transaction of the source is shown.
    invariant: 3,
    file: 'src/pipeline/sink-task.ts',
    find: `if (!reader.endsWhole || `,
    replace: `if (`,
    test: ['connectors/sqlite/sink.test.ts', 'consistency: transactional'],
  },
  {
    // A refused row whose version before is swept away, in the same write.
    invariant: 7,
    file: 'src/sdk/target/steps.ts',
    find: 'return [...sweepExcept, ...fresh];',
    replace: 'return [...sweepExcept];',
    test: ['src/sdk/target/fold.test.ts', 'invariant 7: a sweep spares what is refused in the same write'],
  },
  {
    // A late write comes back below the floor.
    invariant: 7,
    file: 'src/sdk/target/floors.ts',
    find: 'records.filter(({ change }) => change.version >= floor)',
    replace: 'records',
    test: ['src/sdk/target/floors.test.ts', 'invariant 7: what is older than the floor is refused'],
  },
  {
    // What was not sent is NULL without a word.
    invariant: 9,
    file: 'src/sdk/target/history.ts',
    find: 'const names = unsent.length === 0 ? null',
    replace: 'const names = unsent.length >= 0 ? null',
    test: ['src/sdk/target/history.test.ts', 'invariant 9: a column that was not sent is NULL and named'],
  },
  {
    // No look at the remembered deletes.
    invariant: 7,
    file: 'connectors/postgres/sink-rows.ts',
    find: 'return oldest >= this.#newestDelete.get(label)!;',
    replace: 'return true;',
    test: ['connectors/postgres/sink.test.ts', 'invariant 7: a deleted row does not come back by COPY'],
  },
  {
    // A part of a row goes past the refused whole.
    invariant: 6,
    file: 'src/sdk/target/apply-in-order.ts',
    find: 'if (isSingle && refused.holds(first)) return;',
    replace: '',
    test: ['src/sdk/target/apply-in-order.test.ts', 'invariant 6'],
  },
  {
    // An older change of a batch hides a newer one.
    invariant: 7,
    file: 'src/sdk/target/fold.ts',
    find: 'if (last !== undefined && version < last.record.change.version) continue;',
    replace: '',
    test: ['src/sdk/target/fold.test.ts', 'invariant 7'],
  },
  {
    // A part of a row is written past the refused whole.
    invariant: 6,
    file: 'src/sdk/target/apply-rows.ts',
    find: 'records.filter((record) => !refused.holds(record)).map(unfolded)',
    replace: 'records.map(unfolded)',
    test: ['src/sdk/target/apply-rows.test.ts', 'invariant 6'],
  },
  {
    // Stored documents go through JavaScript's numbers.
    invariant: 9,
    file: 'src/sdk/target/json-text.ts',
    find: 'members.set(name, text.slice(from, to));',
    replace: 'members.set(name, JSON.stringify(JSON.parse(text.slice(from, to))));',
    test: ['src/sdk/target/json-text.test.ts', 'invariant 9'],
  },
  {
    invariant: 7,
    file: 'connectors/redis/hash-script.ts',
    find: 'outdated = held and held > version',
    replace: 'outdated = false',
    test: [REDIS, 'invariant 7: a late change is refused'],
  },
  {
    // A delete is not remembered as the highest one, so nobody looks for it.
    invariant: 7,
    file: 'connectors/redis/scripts.ts',
    find: `  redis.call('HSET', KEYS[2], 'deletes', top)`,
    replace: '',
    test: [REDIS, 'invariant 7: a late change is refused'],
  },
  {
    // Versions are never compared, as if all were new.
    invariant: 7,
    file: 'connectors/redis/scripts.ts',
    find: `if not state[3] or state[3] < top then redis.call('HSET', KEYS[2], 'highest', top) end`,
    replace: `bound = ''`,
    test: [REDIS, 'invariant 7: a late change is refused'],
  },
  {
    invariant: 7,
    file: 'connectors/redis/value-script.ts',
    find: 'string.sub(known, 1, ${VERSION_DIGITS}) > version',
    replace: 'false',
    test: [REDIS, 'invariant 7: a late change is refused'],
  },
  {
    // A sweep that died in its middle counts as done.
    invariant: 7,
    file: 'connectors/redis/sweep.ts',
    find: 'if (below <= bounds.swept) return;',
    replace: 'if (below <= bounds.floor) return;',
    test: [REDIS, 'invariant 7: a sweep that was cut short'],
  },
  {
    // A sweep takes the rows whose newest change is a dead letter.
    invariant: 7,
    file: 'connectors/redis/sweep.ts',
    find: 'found.filter((name) => !spared.has(name))',
    replace: 'found',
    test: ['connectors/redis/sink.test.ts', 'invariant 7: the sweep of a snapshot spares rows whose newest change'],
  },
  {
    // The position moves before the dead letters are durable.
    invariant: 2,
    file: 'connectors/redis/sink.ts',
    find: 'this.#next = mergePositions(this.#next, batch.next);',
    replace: 'for (const { offsets } of groups) await offsets.save(batch.next, signal);',
    test: [REDIS_FAULTS, 'invariant 2'],
  },
  {
    invariant: 12,
    file: 'connectors/redis/address.ts',
    find: `\${db === 0 ? '' : \`/\${db}\`}`,
    replace: ' ${password}',
    test: [REDIS_FAULTS, 'invariant 12'],
  },
  {
    // Nothing but the server's own, short memory of deletes.
    invariant: 7,
    file: 'connectors/elasticsearch/rows.ts',
    find: 'record.change.version < index.deletes',
    replace: 'record.change.version < 0n',
    test: [ELASTICSEARCH, 'invariant 7: a delete is remembered'],
  },
  {
    invariant: 7,
    file: 'connectors/elasticsearch/sweep.ts',
    find: 'if (below <= BigInt(index.state.swept)) return;',
    replace: 'if (below <= BigInt(index.state.floor)) return;',
    test: [ELASTICSEARCH, 'invariant 7: one that was cut short'],
  },
  {
    // A sweep takes the documents whose newest change is a dead letter.
    invariant: 7,
    file: 'connectors/elasticsearch/sweep.ts',
    find: 'if (!spared.has(id)) await',
    replace: 'await',
    test: [OPENSEARCH, 'invariant 7: the sweep of a snapshot spares rows'],
  },
  {
    // With a filter on the answer the server writes the numbers anew.
    invariant: 9,
    file: 'connectors/elasticsearch/rows.ts',
    find: 'const query = { _source: String(source) };',
    replace: `const query = { _source: String(source), filter_path: 'docs.found,docs._version,docs._source' };`,
    test: [ELASTICSEARCH, 'invariant 9: _source holds every value'],
  },
  {
    invariant: 2,
    file: 'connectors/elasticsearch/sink.ts',
    find: 'this.#next = mergePositions(this.#next, batch.next);',
    replace: 'await offsets.save(batch.next, signal);',
    test: [ELASTICSEARCH, 'invariant 2'],
  },
  {
    // Entries of a stream do not say that they are there.
    invariant: 2,
    file: 'connectors/redis/plain-scripts.ts',
    find: `for field, value in pairs(marks) do redis.call('HSET', KEYS[1], field, value) end`,
    replace: '',
    test: [REDIS_FORMS, 'invariant 2: what was appended'],
  },
  {
    // An expired row is forgotten with its version.
    invariant: 7,
    file: 'connectors/redis/hash-script.ts',
    find: "redis.call('SET', '${DELETED_PREFIX}' .. key, version, 'EX', hold + ttl)",
    replace: '',
    test: [REDIS_FORMS, 'invariant 7: an expired'],
  },
  {
    invariant: 7,
    file: 'connectors/redis/member-script.ts',
    find: 'string.sub(known, 1, ${VERSION_DIGITS}) > version',
    replace: 'false',
    test: [REDIS_FORMS, 'invariant 7: a late change of a'],
  },
  {
    // The sink goes on where one group stands, whatever the others have lost.
    invariant: 2,
    file: 'connectors/redis/groups.ts',
    find: 'if (found < least) least = found;',
    replace: '',
    test: [REDIS_FAILOVER, 'invariant 2: the groups of a failed primary'],
  },
  {
    // Documents of a data stream that are not told from their repeats.
    invariant: 2,
    file: 'connectors/elasticsearch/document-id.ts',
    find: 'return `${topic}-${partition}-${offset}`;',
    replace: 'return `${topic}-${partition}-${offset}-${performance.now()}`;',
    test: [OPENSEARCH, 'invariant 2: a change is a document'],
  },
];
