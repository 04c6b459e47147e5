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

@settings@
## Whether the limiter can be seen and changed by JMX,
## as io.github.connlimit:type=ConnectionLimiter,name=jetty.
# connlimit.jmx=false
