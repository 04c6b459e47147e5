-- Reserves connections of one client for one node, in one step.
--   KEYS[1]  a hash with a field for each node: "reserved until number limit"
--   ARGV     node, number, wanted, held, limit, length of the lease in ms
-- Returns what the node has now, what is left to reserve by anybody, and the limit of a node with another one, or 0.
local node, number = ARGV[1], tonumber(ARGV[2])
local wanted, held = tonumber(ARGV[3]), tonumber(ARGV[4])
local limit, lease = tonumber(ARGV[5]), tonumber(ARGV[6])

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local others, mine, last, another = 0, 0, now + lease, 0
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local reserved, ends, counted, by = string.match(fields[i + 1], '^(%d+) (%d+) (%d+) (%d+)$')
  if tonumber(ends) <= now then
    redis.call('HDEL', KEYS[1], fields[i])
  elseif fields[i] ~= node then
    others = others + reserved
    last = math.max(last, tonumber(ends))
    if tonumber(by) ~= limit then
      another = tonumber(by)
    end
  else
    mine = tonumber(reserved)
    if tonumber(counted) > number then
      -- A request that came late. The node has sent another one since, which has been answered.
      return { mine, -1, 0 }
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
  granted = math.min(wanted, base + math.ceil((left - base) / 2))
end

if granted == 0 then
  redis.call('HDEL', KEYS[1], node)
else
  redis.call('HSET', KEYS[1], node, string.format('%d %d %d %d', granted, now + lease, number, limit))
  redis.call('PEXPIRE', KEYS[1], last - now)
end
return { granted, left - granted, another }
