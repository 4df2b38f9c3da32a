-- For wrk: asks for the paths in a file, one a line, in turn, each thread from another place. What the answers were is printed
-- as one line at the end, for Oriel::Bench: requests, seconds, failures, p50 and p99 in microseconds. With PAUSE each connection
-- waits so many milliseconds on average before it asks.
local requests, at = {}, 0
local threads = 0

function setup(thread)
    thread:set("first", threads * 7919)
    threads = threads + 1
end

function init(arguments)
    for line in io.lines(arguments[1]) do
        requests[#requests + 1] = wrk.format("GET", line)
    end
    at = first % #requests
end

function request()
    at = at % #requests + 1
    return requests[at]
end

local pause = tonumber(os.getenv("PAUSE"))
if pause then
    function delay()
        return math.random(0, 2 * pause)
    end
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format("result %d %.6f %d %d %d\n", summary.requests, summary.duration / 1e6,
        e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
