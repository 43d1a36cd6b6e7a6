-- Asks for stock of one product after the other, each request under an Idempotency-Key of its own.
local asked, prefix, key, products = 0, "", "", 1

function init(args)
  prefix, key, products = args[1], args[2], tonumber(args[3])
end

function request()
  asked = asked + 1
  local headers = { ["Authorization"] = "Bearer " .. key, ["Idempotency-Key"] = prefix .. asked }
  local path = "/v1/sellers/s0/products/p" .. (asked % products) .. "/stock"
  return wrk.format("POST", path, headers, '{"quantity":1}')
end

function done(summary, latency, _)
  io.write(string.format(
    '{"requests":%d,"refused":%d,"broken":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f}\n',
    summary.requests, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
