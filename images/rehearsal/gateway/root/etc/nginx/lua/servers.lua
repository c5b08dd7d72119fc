-- The servers behind the gateway, from a file with a line for each: SERVICE INSTANCE ADDRESS PORT.
-- https://github.com/openresty/lua-resty-core/blob/master/lib/ngx/balancer.md
local balancer = require "ngx.balancer"

local M = {}
local lists, turns, text = {}, {}, nil
-- Servers that failed a request, other than by saying that they cannot (503), rest: while there are others, no request tries
-- them before they took one of the gateway's own connections. A lost machine's announcements lapse only after half a minute.
local resting = {}
-- Seconds between two connections, and for each.
local pause, patience = 1, 2
-- For a request's connection where there is no other server: longer than proxy_connect_timeout.
local alone = 5

local function read(path)
  local file = io.open(path)
  if not file then return end
  local now = file:read("*a")
  file:close()
  if now == text then return end
  text, lists = now, {}
  for service, address, port in now:gmatch("(%S+) %S+ (%S+) (%d+)\n") do
    lists[service] = lists[service] or {}
    table.insert(lists[service], { address = address, port = tonumber(port), name = address .. " " .. port })
  end
end

-- Reads the file now and then again and again.
function M.follow(path)
  read(path)
  assert(ngx.timer.every(0.25, function() read(path) end))
end

local function try(premature, server)
  if premature then return end
  local socket = ngx.socket.tcp()
  socket:settimeout(patience * 1000)
  local announced = text:find(" " .. server.name .. "\n", 1, true)
  if announced and not socket:connect(server.address, server.port) then
    ngx.timer.at(pause, try, server)
  else
    socket:close()
    resting[server.name] = nil
  end
end

local function rest(server)
  if resting[server.name] then return end
  resting[server.name] = ngx.timer.at(pause, try, server)
end

-- Picks a server in turn: one that this request has not tried, rather one that does not rest.
function M.choose(service)
  local list = lists[service] or {}
  local mine = ngx.ctx
  local failure, status = balancer.get_last_failure()
  if failure == "failed" then
    if status ~= 503 then rest(mine.server) end
  elseif not mine.tried then
    mine.tried = {}
    if #list > 1 then balancer.set_more_tries(#list - 1) end
  end
  local chosen
  for _ = 1, #list do
    turns[service] = (turns[service] or 0) % #list + 1
    local server = list[turns[service]]
    if not mine.tried[server.name] then
      if not resting[server.name] or not chosen then chosen = server end
      if not resting[server.name] then break end
    end
  end
  -- Nobody is there: a port that refuses makes a 502, which the configuration puts into words.
  if not chosen then return assert(balancer.set_current_peer("127.0.0.1", 9)) end
  if #list == 1 then balancer.set_timeouts(alone, nil, nil) end
  mine.server = chosen
  mine.tried[chosen.name] = true
  assert(balancer.set_current_peer(chosen.address, chosen.port))
end

return M
