/** Rows as strings (JSON documents, or one column), inside Redis. */
import { ROW_PREFIX, VERSION_DIGITS } from './names.ts';
import { applyScript, CHECK_WRITER, script } from './scripts.ts';

/**
 * A row is an operation, its version, and
 * \`w\`: the value; \`c\`: what the row's memory held when it was read, then the value: reported as changed when it holds something else
 * now; \`t\` (the value was not sent) and \`d\`: nothing.
 */
export const APPLY_VALUE = applyScript(
  `
local function put(name, value, seconds)
  if seconds then redis.call('SET', name, value, 'EX', seconds) else redis.call('SET', name, value) end
end`,
  `
  local op, version, expected, value = ARGV[at], ARGV[at + 1]
  at = at + 2
  if op == 'c' then
    expected = ARGV[at]
    at = at + 1
  end
  if op == 'w' or op == 'c' then
    value = ARGV[at]
    at = at + 1
  end
  local memory = '${ROW_PREFIX}' .. key
  local known = ''
  if version < bound or op == 'c' then known = redis.call('GET', memory) or '' end
  if version < floor or string.sub(known, 1, ${VERSION_DIGITS}) > version then
    stale = stale + 1
  else
    local held = redis.pcall('STRLEN', key)
    if type(held) == 'table' then
      if not refuse(held) then return held end
    elseif op == 'd' then
      redis.call('DEL', key)
      redis.call('SET', memory, version .. source .. '-', 'EX', hold)
    elseif op == 'c' and known ~= expected then
      changed[#changed + 1] = i - 3
    else
      if op ~= 't' then put(key, value, ttl > 0 and ttl)
      elseif redis.call('EXISTS', key) == 0 then incomplete = incomplete + 1
      elseif ttl > 0 then redis.call('EXPIRE', key, ttl) end
      put(memory, version .. source, ttl > 0 and hold + ttl)
    end
    if version > bound then bound = version end
  end`,
);

/** As for hashes. KEYS: sink, then pairs of a row's key and its memory. */
export const SWEEP_VALUE = script(`${CHECK_WRITER}
local swept = 0
for i = 2, #KEYS, 2 do
  local known = redis.call('GET', KEYS[i + 1])
  local own = known and string.sub(known, ${VERSION_DIGITS + 1}) == ARGV[2]
  if own and string.sub(known, 1, ${VERSION_DIGITS}) < ARGV[3] and type(redis.pcall('STRLEN', KEYS[i])) == 'number' then
    swept = swept + redis.call('DEL', KEYS[i])
    redis.call('DEL', KEYS[i + 1])
  end
end
return swept`);
