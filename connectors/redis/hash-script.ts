/** Rows as hashes, inside Redis. */
import { VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import { DELETED_PREFIX, SOURCE_FIELD } from './names.ts';
import { applyScript, CHECK_WRITER, script } from './scripts.ts';

/**
 * The shared words are the names of the columns. A row is
 *   its version and the values of all columns; or
 *   \`w\` (all columns, some NULL) or \`p\` (some columns), its version, the numbers of fields to set and to remove, fields with their
 *   values, fields to remove; or
 *   \`d\` and the version of the delete.
 */
export const APPLY_HASH = applyScript(
  `
local ops = {w = true, p = true, d = true}
local fields = {'', '${VERSION_COLUMN}', '', '${SOURCE_FIELD}', source}
for c = 1, shared do fields[4 + 2 * c] = ARGV[6 + c] end
local last = 5 + 2 * shared`,
  `
  local version = ARGV[at]
  local op = ops[version] and version
  local set, remove = 0, 0
  if op then
    version = ARGV[at + 1]
    at = at + 2
    if op ~= 'd' then
      set, remove = tonumber(ARGV[at]) * 2, tonumber(ARGV[at + 1])
      at = at + 2
    end
  else
    at = at + 1
    set = shared
  end
  local from = at
  at = at + set + remove
  local outdated, wrong = version < floor, false
  if not outdated and (version < bound or op == 'd') then
    local held = redis.pcall('HGET', key, '${VERSION_COLUMN}')
    if type(held) == 'table' then
      if not refuse(held) then return held end
      wrong = true
    else
      outdated = held and held > version
      if not outdated and version < deletes then
        outdated = (redis.call('GET', '${DELETED_PREFIX}' .. key) or '') > version
      end
    end
  end
  if outdated then
    stale = stale + 1
  elseif not wrong then
    local reply
    if op == 'd' then
      redis.call('DEL', key)
      remember_deletes()
      redis.call('SET', '${DELETED_PREFIX}' .. key, version, 'EX', hold)
    elseif not op then
      fields[1], fields[3] = key, version
      for c = 1, shared do fields[5 + 2 * c] = ARGV[from + c - 1] end
      reply = redis.pcall('HSET', unpack(fields, 1, last))
    else
      if op == 'p' and redis.call('EXISTS', key) == 0 then incomplete = incomplete + 1 end
      reply = redis.pcall('HSET', key, '${VERSION_COLUMN}', version, '${SOURCE_FIELD}', source, unpack(ARGV, from, from + set - 1))
    end
    if type(reply) == 'table' then
      if not refuse(reply) then return reply end
    elseif op ~= 'd' then
      if remove > 0 then redis.call('HDEL', key, unpack(ARGV, from + set, at - 1)) end
      if ttl > 0 then
        redis.call('EXPIRE', key, ttl)
        redis.call('SET', '${DELETED_PREFIX}' .. key, version, 'EX', hold + ttl)
      end
    end
    if version > bound then bound = version end
  end`,
);

/**
 * Deletes rows of the table that are older than a version. KEYS: sink, then candidates. ARGV: writer, table id, version.
 * Candidates that are no hashes, or not of the table, stay. Returns the number of deleted rows.
 */
export const SWEEP_HASH = script(`${CHECK_WRITER}
local swept = 0
for i = 2, #KEYS do
  local held = redis.pcall('HMGET', KEYS[i], '${VERSION_COLUMN}', '${SOURCE_FIELD}')
  if not held.err and held[1] and held[2] == ARGV[2] and held[1] < ARGV[3] then swept = swept + redis.call('DEL', KEYS[i]) end
end
return swept`);
