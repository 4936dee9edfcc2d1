/**
 * What runs inside Redis. Each call is atomic, checks first that no other writer took over, and compares versions as text:
 * Lua's numbers are doubles, so a version is 19 digits, padded with zeros.
 *
 * Keys that Tailrace keeps beside the rows:
 *   _tr:sink:<pipeline>.<sink>   hash: `writer` (epoch:lineage of who may write), `<topic>/<partition>` → position as JSON
 *   _tr:table:<id>               hash: `floor`, `swept`, `deletes` (highest version of a delete), `name`
 *   _tr:deleted:{<key>}          version of a deleted hash, for the hold time
 *   _tr:row:{<key>}              version and table id of a JSON row; after its delete with `-` at the end, for the hold time
 * The braces put them into the hash slot of the row, which is why a script may reach them without their being in KEYS. A hash has them as fields `_tr_version` and `_tr_source` (table id).
 */
import { createHash } from 'node:crypto';
import { VERSION_COLUMN } from '../../src/sdk/target/names.ts';

export const SERVICE_PREFIX = '_tr:';
export const SOURCE_FIELD = '_tr_source';
/** Errors of the scripts: a newer writer holds the sink; the server no longer knows this writer. */
export const FENCED = 'TRFENCED';
export const FORGOTTEN = 'TRFORGOTTEN';

const VERSION_DIGITS = 19;

export function versionText(version: bigint): string {
  return String(version).padStart(VERSION_DIGITS, '0');
}

export interface Script {
  readonly text: string;
  readonly sha: string;
}

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

export const sinkKey = (id: string) => `${SERVICE_PREFIX}sink:${id}`;
export const tableKey = (id: string) => `${SERVICE_PREFIX}table:${id}`;
export const jsonRowKey = (key: string) => `${SERVICE_PREFIX}row:{${key}}`;

const EPOCHS = `
local function epoch(writer) return tonumber(string.match(writer, '^%d+')) end`;

/** KEYS[1] is the sink, ARGV[1] the writer. */
const CHECK_WRITER = `${EPOCHS}
local writer = redis.call('HGET', KEYS[1], 'writer')
if writer ~= ARGV[1] then
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
 * The frame of the two scripts that apply rows. KEYS: sink, table, then the key of each row. ARGV: writer, table id, hold
 * time in seconds, then the rows. Each row begins with its operation and version; what follows is the operation's.
 * Returns counts of stale and of incomplete rows, the places of rows that changed meanwhile, and places and errors of refused
 * rows (places from 0).
 */
const applyScript = (read: string, row: string) =>
  script(`${CHECK_WRITER}
local source, hold = ARGV[2], ARGV[3]
local state = redis.call('HMGET', KEYS[2], 'floor', 'deletes')
local floor, deletes = state[1] or '', state[2] or ''
local stale, incomplete, changed, refused = 0, 0, {}, {}
local at = 4
for i = 3, #KEYS do
  local key, op, version = KEYS[i], ARGV[at], ARGV[at + 1]
  at = at + 2
  ${read}
  if type(held) == 'table' then
    refused[#refused + 1] = i - 3
    refused[#refused + 1] = held.err
  elseif version < floor or outdated then
    stale = stale + 1
  else
    ${row}
  end
end
return {stale, incomplete, changed, refused}`);

/**
 * Rows as hashes. \`w\` (the whole row) and \`p\` (some columns): number of fields to set and to remove, fields with their values,
 * fields to remove. \`d\`: nothing. The memory of a delete is looked at only for a version below the highest delete.
 */
export const APPLY_HASH = applyScript(
  `
  local set, remove = 0, 0
  if op ~= 'd' then
    set, remove = tonumber(ARGV[at]) * 2, tonumber(ARGV[at + 1])
    at = at + 2
  end
  local from = at
  at = at + set + remove
  local held = redis.pcall('HGET', key, '${VERSION_COLUMN}')
  local outdated = type(held) == 'string' and held > version
  if not outdated and version < deletes then
    outdated = (redis.call('GET', '${SERVICE_PREFIX}deleted:{' .. key .. '}') or '') > version
  end`,
  `
    if op == 'd' then
      redis.call('DEL', key)
      redis.call('SET', '${SERVICE_PREFIX}deleted:{' .. key .. '}', version, 'EX', hold)
      if deletes < version then
        deletes = version
        redis.call('HSET', KEYS[2], 'deletes', version)
      end
    else
      if op == 'p' and not held and redis.call('EXISTS', key) == 0 then incomplete = incomplete + 1 end
      redis.call('HSET', key, '${VERSION_COLUMN}', version, '${SOURCE_FIELD}', source, unpack(ARGV, from, from + set - 1))
      if remove > 0 then redis.call('HDEL', key, unpack(ARGV, from + set, at - 1)) end
    end`,
);

/**
 * Rows as JSON. \`w\`: the document. \`c\`: what the row's memory held when it was read, then the document: refused as changed
 * when it holds something else now. \`d\`: nothing.
 */
export const APPLY_JSON = applyScript(
  `
  local memory = '${SERVICE_PREFIX}row:{' .. key .. '}'
  local expected, document
  if op == 'c' then
    expected = ARGV[at]
    at = at + 1
  end
  if op ~= 'd' then
    document = ARGV[at]
    at = at + 1
  end
  local held = redis.pcall('STRLEN', key)
  local known = redis.call('GET', memory) or ''
  local outdated = string.sub(known, 1, ${VERSION_DIGITS}) > version`,
  `
    if op == 'd' then
      redis.call('DEL', key)
      redis.call('SET', memory, version .. source .. '-', 'EX', hold)
    elseif op == 'c' and known ~= expected then
      changed[#changed + 1] = i - 3
    else
      redis.call('SET', key, document)
      redis.call('SET', memory, version .. source)
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

/** The same for JSON. KEYS: sink, then pairs of a row's key and its memory. */
export const SWEEP_JSON = script(`${CHECK_WRITER}
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
