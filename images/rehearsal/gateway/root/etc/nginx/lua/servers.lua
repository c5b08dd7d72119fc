-- The servers behind the gateway, from a file with a line for each: SERVICE INSTANCE ADDRESS PORT.
-- https://github.com/openresty/lua-resty-core/blob/master/lib/ngx/balancer.md
local balancer = require "ngx.balancer"

local M = {}
local lists, turns, text = {}, {}, nil
-- Seconds for which a server that failed is left alone, while there are others.
local rest = 5

local function read(path)
  local file = io.open(path)
  if not file then return end
  local now = file:read("*a")
  file:close()
  if now == text then return end
  text, lists = now, {}
  for service, address, port in now:gmatch("(%S+) %S+ (%S+) (%d+)\n") do
    lists[service] = lists[service] or {}
    table.insert(lists[service], { address = address, port = tonumber(port) })
  end
end

-- Reads the file now and then again and again.
function M.follow(path)
  read(path)
  assert(ngx.timer.every(0.25, function() read(path) end))
end

-- Picks a server in turn: one that this request has not tried, rather one that has not failed of late.
function M.choose(service)
  local list = lists[service] or {}
  local mine = ngx.ctx
  if balancer.get_last_failure() == "failed" then
    ngx.shared.resting:set(mine.server, true, rest)
  elseif not mine.tried then
    mine.tried = {}
    if #list > 1 then balancer.set_more_tries(#list - 1) end
  end
  local spare
  for _ = 1, #list do
    turns[service] = (turns[service] or 0) % #list + 1
    local server = list[turns[service]]
    local name = server.address .. ":" .. server.port
    if not mine.tried[name] then
      local tired = ngx.shared.resting:get(name)
      if not tired or not spare then spare = { server, name } end
      if not tired then break end
    end
  end
  -- Nobody is there: a port that refuses makes a 502, which the configuration puts into words.
  if not spare then return assert(balancer.set_current_peer("127.0.0.1", 9)) end
  mine.server = spare[2]
  mine.tried[mine.server] = true
  assert(balancer.set_current_peer(spare[1].address, spare[1].port))
end

return M
