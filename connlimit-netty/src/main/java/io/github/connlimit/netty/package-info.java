/** Limits the concurrent connections of each client in Netty servers: {@link io.github.connlimit.netty.ConnectionLimitHandler}. */
package io.github.connlimit.netty;
