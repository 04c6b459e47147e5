/** Limits the concurrent connections of each client in Reactor Netty: {@link io.github.connlimit.reactornetty.ConnectionLimitTransport}. */
package io.github.connlimit.reactornetty;
