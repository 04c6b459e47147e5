[description]
Limits the concurrent TCP connections of each client address, on all
TCP connectors together, at the moment they are accepted.

[tags]
connector

[depend]
server

[lib]
lib/connlimit/*.jar

[xml]
etc/connlimit.xml

[ini-template]
### Connection Limit Configuration

## How many connections a client may have open at once, unless a rule names it (0 = unlimited).
# connlimit.maxPerClient=100

## Limits of address blocks; the longest prefix decides.
# connlimit.rules=10.0.0.0/8=500, 127.0.0.0/8=unlimited

## How many leading bits of an IPv4 address tell one client from another, 0 to 32.
# connlimit.ipv4Prefix=32

## How many leading bits of an IPv6 address tell one client from another, 0 to 128.
# connlimit.ipv6Prefix=64

## How a connection over the limit is ended: reset, close or
## respond (HTTP status 429 on clear-text HTTP connectors, reset on others).
# connlimit.refuse=reset

## What becomes of a connection that could not be counted because of an error: refuse or admit.
# connlimit.onError=refuse

## Whether the limiter can be seen and changed by JMX,
## as io.github.connlimit:type=ConnectionLimiter,name=jetty.
# connlimit.jmx=false
