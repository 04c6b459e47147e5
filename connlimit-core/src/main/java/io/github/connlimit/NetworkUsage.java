package io.github.connlimit;

/**
 * What the clients of one network have open together, at one moment.
 *
 * @param network the addresses of the network
 * @param openConnections how many connections are open that count for it: all but those of clients that a rule exempts
 * @param limit how many it may have, see {@link ConnectionLimits#networkLimits()}
 * @since 0.1.0
 */
public record NetworkUsage(Cidr network, int openConnections, int limit) {}
