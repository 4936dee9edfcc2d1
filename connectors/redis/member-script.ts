/** Rows as members of sets and sorted sets, inside Redis. */
import { MEMBER_PREFIX, VERSION_DIGITS } from './names.ts';
import { applyScript, CHECK_WRITER, script } from './scripts.ts';

/**
 * The one shared word is \`set\` or \`zset\`. A row is an operation, its version, the member, and
 * \`w\`: the score, where there are scores; \`t\` (the score was not sent) and \`d\`: nothing.
 */
export const APPLY_MEMBER = applyScript(
  `
local sorted = ARGV[7] == 'zset'`,
  `
  local op, version, member, score = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  at = at + 3
  if op == 'w' and sorted then
    score = ARGV[at]
    at = at + 1
  end
  local memory = '${MEMBER_PREFIX}' .. #key .. ':' .. key .. member
  local known = ''
  if version < bound then known = redis.call('GET', memory) or '' end
  if version < floor or string.sub(known, 1, ${VERSION_DIGITS}) > version then
    stale = stale + 1
  else
    local reply
    if op == 'd' then reply = redis.pcall(sorted and 'ZREM' or 'SREM', key, member)
    elseif op == 't' then reply = redis.pcall('ZSCORE', key, member)
    elseif sorted then reply = redis.pcall('ZADD', key, score, member)
    else reply = redis.pcall('SADD', key, member) end
    if type(reply) == 'table' then
      if not refuse(reply) then return reply end
    else
      if op == 't' and not reply then incomplete = incomplete + 1 end
      if ttl > 0 then redis.call('EXPIRE', key, ttl) end
      if op == 'd' then redis.call('SET', memory, version .. source .. '-', 'EX', hold)
      elseif ttl > 0 then redis.call('SET', memory, version .. source, 'EX', hold + ttl)
      else redis.call('SET', memory, version .. source) end
    end
    if version > bound then bound = version end
  end`,
);

/**
 * Removes members of the table that are older than a version. KEYS: sink, then pairs of a set and the memory of a member. ARGV:
 * writer, table id, version, then the members.
 */
export const SWEEP_MEMBER = script(`${CHECK_WRITER}
local swept = 0
for i = 2, #KEYS, 2 do
  local known = redis.call('GET', KEYS[i + 1])
  local own = known and string.sub(known, ${VERSION_DIGITS + 1}) == ARGV[2]
  if own and string.sub(known, 1, ${VERSION_DIGITS}) < ARGV[3] then
    local kind, member = redis.call('TYPE', KEYS[i]).ok, ARGV[3 + i / 2]
    if kind == 'set' then swept = swept + redis.call('SREM', KEYS[i], member) end
    if kind == 'zset' then swept = swept + redis.call('ZREM', KEYS[i], member) end
    redis.call('DEL', KEYS[i + 1])
  end
end
return swept`);
