-- For wrk: posts 1 KB of JSON.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"host":"web-1","metric":"cpu_load","value":42.5,"pad":"' .. string.rep("x", 966) .. '"}'
