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

## How many connections a client may have that have neither completed their TLS handshake nor,
## without TLS, sent a first byte (0 = any number).
# connlimit.maxPendingPerClient=0

## How many connections of each limit are kept free of WebSockets and event streams;
## every limit has to be greater than this by more than 5.
# connlimit.reservedConnections=0

## How long a connection may take for its TLS handshake, and then for the first byte of a request
## (500ms, 5s, 1m; 0 = for ever).
# connlimit.handshakeTimeout=5s

## How a connection over the limit is ended: reset, close or respond (HTTP status 429).
# connlimit.refuse=reset

## With refuse=respond: how many TLS handshakes may be spent on refused connections, per second
## and at once after a quiet time, and how many refused connections may be open at once. Beyond it: reset.
# connlimit.respondRate=10
# connlimit.respondBurst=100
# connlimit.respondMaxOpen=100

## Whether refusals and time-outs are only counted and logged, and nothing is refused or closed.
# connlimit.dryRun=false

## What becomes of a connection that could not be counted because of an error: refuse or admit.
# connlimit.onError=refuse

## Whether the limiter can be seen and changed by JMX,
## as io.github.connlimit:type=ConnectionLimiter,name=jetty.
# connlimit.jmx=false
