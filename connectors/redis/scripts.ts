/**
 * What runs inside Redis. Each call is atomic and checks first that no other writer took over. Keys that a script makes from
 * others lie in the same hash slot (see names.ts), which is why it may reach them without their being in KEYS.
 */
import { createHash } from 'node:crypto';

/** Errors of the scripts: a newer writer holds the sink; the server no longer knows this writer. */
export const FENCED = 'TRFENCED';
export const FORGOTTEN = 'TRFORGOTTEN';

export interface Script {
  readonly text: string;
  readonly sha: string;
}

export function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

const EPOCHS = `
local function epoch(writer) return tonumber(string.match(writer, '^%d+')) end`;

/** KEYS[1] is the sink, ARGV[1] the writer. */
export const CHECK_WRITER = `
local writer = redis.call('HGET', KEYS[1], 'writer')
if writer ~= ARGV[1] then
  ${EPOCHS}
  if writer and epoch(writer) > epoch(ARGV[1]) then return redis.error_reply('${FENCED} a newer writer holds the sink') end
  return redis.error_reply('${FORGOTTEN} this writer is not known')
end`;

/** Takes the sink over. ARGV: writer. Returns what the sink's hash held before. */
export const FENCE = script(`${EPOCHS}
local held = redis.call('HGETALL', KEYS[1])
local writer = redis.call('HGET', KEYS[1], 'writer')
if writer and epoch(writer) > epoch(ARGV[1]) then return redis.error_reply('${FENCED} a newer writer holds the sink') end
redis.call('HSET', KEYS[1], 'writer', ARGV[1])
return held`);

/** Saves positions. ARGV: writer, then fields and values. */
export const SAVE = script(`${CHECK_WRITER}
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1`);

/** Raises a field of the table's hash. KEYS: sink, table. ARGV: writer, field, version, name of the table. */
export const RAISE = script(`${CHECK_WRITER}
if (redis.call('HGET', KEYS[2], ARGV[2]) or '') < ARGV[3] then
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[3], 'name', ARGV[4])
end
return 1`);

/**
 * The frame of the scripts that apply rows. KEYS: sink, table, then the key of each row. ARGV: writer, table id, hold time in
 * seconds, time to live in seconds or 0, the highest version of this call, number of words that all rows share, these words, then
 * the rows.
 *
 * Invariant 7: what the target holds of a row is asked for only where \`check\` is true, that is where a version is below the highest
 * one ever written to the table, or where that one is not known. It is raised before the rows, so that a script cut short by an error
 * leaves no row above it.
 *
 * Returns counts of stale and of incomplete rows, the places of rows that changed meanwhile, and places and errors of refused rows
 * (places from 0). \`begin\` runs once; \`row\` applies one row: it advances \`at\`, calls \`refuse(error)\`, which is false for what
 * concerns the server and not the row, and counts.
 */
export function applyScript(begin: string, row: string): Script {
  return script(`${CHECK_WRITER}
local source, hold, ttl, top, shared = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local state = redis.call('HMGET', KEYS[2], 'floor', 'deletes', 'highest')
local floor, deletes, bound = state[1] or '', state[2] or '', state[3] or '~'
if not state[3] or state[3] < top then redis.call('HSET', KEYS[2], 'highest', top) end
local function remember_deletes()
  if deletes >= top then return end
  deletes = top
  redis.call('HSET', KEYS[2], 'deletes', top)
end
if ttl > 0 then remember_deletes() end
local stale, incomplete, changed, refused = 0, 0, {}, {}
local i, at = 3, 7 + shared
local function refuse(reply)
  if not string.find(reply.err, 'WRONGTYPE', 1, true) and not string.find(reply.err, 'not a valid float', 1, true) then return false end
  refused[#refused + 1] = i - 3
  refused[#refused + 1] = reply.err
  return true
end
${begin}
while i <= #KEYS do
  local key = KEYS[i]
  ${row}
  i = i + 1
end
return {stale, incomplete, changed, refused}`);
}
