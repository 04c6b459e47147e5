-- Reserves connections of one client for one node, in one step.
--   KEYS[1]  a hash with a field for each node that has something: "reserved until number limit lease", and the field "lacking"
--            for the latest node that lacked something: "lacks until lease node". With a field for each, the work for a
--            client would grow with the square of the number of nodes.
--   KEYS[2]  the epoch of the client's slice, made anew by whoever finds that it has gone
--   ARGV     node, number, wanted, needed, least, held, limit, length of the lease in ms
-- Whoever gets something writes that first: a Redis without memory refuses a script's first write if it may take memory, and no
-- write after one that was done.
-- Returns what the node has now, what is left to reserve by anybody, what another one lacks, in how many ms the first of the others'
-- reservations ends if it is not renewed, or 0, the limit of a node with another one, or 0, and the epoch.
local node, number = ARGV[1], tonumber(ARGV[2])
local wanted, needed, least = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local held, limit, lease = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local epoch = redis.pcall('GET', KEYS[2])
if type(epoch) == 'table' and not string.find(epoch.err, 'WRONGTYPE', 1, true) then
  return epoch
end
if type(epoch) ~= 'string' or #epoch > 100 then
  epoch = node .. ':' .. ARGV[2]
  redis.call('SET', KEYS[2], epoch)
end

local fields = redis.pcall('HGETALL', KEYS[1])
if fields.err then
  if not string.find(fields.err, 'WRONGTYPE', 1, true) then
    return fields
  end
  redis.call('SET', KEYS[1], '')
  redis.call('DEL', KEYS[1])
  fields = {}
end

-- Unreadable fields are dropped: not such numbers, or too large for any node to have written them.
local function read(text)
  if #text > 80 then
    return nil
  end
  local reserved, ends, counted, by, length = string.match(text, '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  if not length then
    return nil
  end
  reserved, ends, counted, by, length = tonumber(reserved), tonumber(ends), tonumber(counted), tonumber(by), tonumber(length)
  if length > 600000 or math.max(reserved, by) > 2147483647 or math.max(ends, counted) > 1e15 then
    return nil
  end
  return reserved, ends, counted, by, length
end

local function readLacking(text)
  if #text > 200 then
    return nil
  end
  local lacks, ends, length, who = string.match(text, '^(%d+) (%d+) (%d+) (.+)$')
  if not who then
    return nil
  end
  lacks, ends, length = tonumber(lacks), tonumber(ends), tonumber(length)
  if length > 600000 or lacks > 2147483647 or ends > now + length then
    -- Too far away if the clock of the engine has stepped back. Who lacks something says so again.
    return nil
  end
  return lacks, ends, who
end

local others, mine, lacking, lacker, first, last, another = 0, 0, 0, nil, 0, now + lease, 0
local over, hasField, lackingIsOver = {}, false, false
for i = 1, #fields, 2 do
  local reserved, ends, counted, by, length
  if fields[i] == 'lacking' then
    reserved, ends, lacker = readLacking(fields[i + 1])
  else
    reserved, ends, counted, by, length = read(fields[i + 1])
  end
  hasField = hasField or fields[i] == node
  if not reserved or ends <= now then
    if fields[i] == 'lacking' then
      lacker, lackingIsOver = nil, true
    elseif fields[i] ~= node then
      over[#over + 1] = fields[i]
    end
  elseif fields[i] == 'lacking' then
    lacking = lacker ~= node and reserved or 0
    last = math.max(last, ends)
  elseif fields[i] ~= node then
    if ends > now + length then
      -- The clock of the engine has stepped back. Otherwise, this would hold until it is there again.
      ends = now + length
      redis.call('HSET', KEYS[1], fields[i],
        string.format('%.0f %.0f %.0f %.0f %.0f', reserved, ends, counted, by, length))
    end
    others = others + reserved
    last = math.max(last, ends)
    if reserved > 0 and (first == 0 or ends < first) then
      first = ends
    end
    if by ~= limit then
      another = by
    end
  else
    mine = reserved
    if counted > number then
      -- A request that came late. The node has sent another one since, which has been answered.
      return { mine, -1, 0, 0, 0, epoch }
    end
  end
end

-- What the node holds, this engine may have forgotten.
local left = math.max(0, limit - others)
local base = math.min(math.max(mine, held), left)
local granted
if wanted <= base then
  granted = wanted
else
  -- Half of what is left, so that whoever comes later finds something.
  granted = math.min(wanted, left, math.max(least, base + math.ceil((left - base) / 2)))
end
if granted < least then
  granted = 0
end

if granted > 0 then
  redis.call('HSET', KEYS[1], node, string.format('%.0f %.0f %.0f %.0f %.0f', granted, now + lease, number, limit, lease))
elseif hasField then
  over[#over + 1] = node
end
local lacks = math.max(0, needed - granted)
if lacks > 0 then
  redis.call('HSET', KEYS[1], 'lacking', string.format('%.0f %.0f %.0f %s', lacks, now + lease, lease, node))
elseif lacker == node or lackingIsOver then
  over[#over + 1] = 'lacking'
end
for _, field in ipairs(over) do
  redis.call('HDEL', KEYS[1], field)
end
if granted > 0 or lacks > 0 then
  redis.call('PEXPIRE', KEYS[1], math.min(last - now, 600000))
end
local most = 2147483647
return {
  granted, left - granted, math.min(lacking, most), math.max(0, math.min(first - now, most)), math.min(another, most), epoch
}
