/** What needs no versions: entries of streams, which say how far they go, and keys of a cache, which are only removed. */
import { CHECK_WRITER, script } from './scripts.ts';

/**
 * Appends entries in their order. KEYS: sink, then the stream of each entry. ARGV: writer, about the most entries of a stream or
 * empty, then for each entry: a field of the sink's hash and its value, which say that the entry is there; number of its words; its
 * words. Entries and these fields change together, whatever ends the call: no entry is appended twice.
 */
export const APPEND = script(`${CHECK_WRITER}
local most = ARGV[2]
local at, marks, failure = 3, {}, nil
for i = 2, #KEYS do
  local from, to = at + 3, at + 2 + tonumber(ARGV[at + 2])
  local reply
  if most == '' then reply = redis.pcall('XADD', KEYS[i], '*', unpack(ARGV, from, to))
  else reply = redis.pcall('XADD', KEYS[i], 'MAXLEN', '~', most, '*', unpack(ARGV, from, to)) end
  if type(reply) == 'table' and reply.err then
    failure = reply
    break
  end
  marks[ARGV[at]] = ARGV[at + 1]
  at = to + 1
end
for field, value in pairs(marks) do redis.call('HSET', KEYS[1], field, value) end
return failure or #KEYS - 1`);

/** Removes keys. KEYS: sink, then the keys. ARGV: writer. */
export const REMOVE = script(`${CHECK_WRITER}
local removed = 0
for i = 2, #KEYS do removed = removed + redis.call('UNLINK', KEYS[i]) end
return removed`);
